//! Query strings.

use std::fmt;

use super::PREFIX;

/// A decoded query string. `Debug` shows only the names, because values may be access tokens.
#[derive(Clone, Default)]
pub struct Query(Vec<(String, String)>);

/// A parameter is given more than once. We refuse it, because the homeserver might use another of the
/// values than we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query parameter '{name}' is given more than once")]
pub struct QueryError {
    /// The name of the parameter.
    pub name: &'static str,
}

impl Query {
    /// Decodes `a=b&c=d`, without the question mark, as the WHATWG URL standard does.
    pub fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// Returns the value of a parameter, or `None` if the parameter is absent.
    ///
    /// # Errors
    /// [`QueryError`] if the parameter is given more than once.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, QueryError> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() { Err(QueryError { name }) } else { Ok(first) }
    }
}

/// Returns a query without the parameters of this protocol, which no homeserver is told. The others stay as they are.
pub fn without_ours(raw: &str) -> String {
    let is_ours = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('.')))
    };
    raw.split('&').filter(|pair| !is_ours(pair)).collect::<Vec<_>>().join("&")
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_duplicates_refused() {
        let query = Query::parse("a=1&b=x%20y+z&c&a=2");
        assert_eq!(query.get("b"), Ok(Some("x y z")));
        assert_eq!(query.get("c"), Ok(Some("")));
        assert_eq!(query.get("d"), Ok(None));
        let error = query.get("a").unwrap_err();
        assert_eq!(error.to_string(), "the query parameter 'a' is given more than once");
    }

    #[test]
    fn debug_shows_no_value() {
        insta::assert_snapshot!(format!("{:?}", Query::parse("access_token=syt_secret")), @r#"["access_token"]"#);
    }
}
