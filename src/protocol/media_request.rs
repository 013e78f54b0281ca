//! Requests for media: routes, identifiers and query parameters (`spec/msc4097.md`, sections 1.3 and 3.1).

use std::fmt;

use percent_encoding::percent_decode_str;

use super::object::{Thumbnail, ThumbnailMethod, Variant};
use super::{
    FileName, IdentifierError, MediaId, Object, OptInKind, PlainReason, Query, QueryError, ServerName,
    decimal,
};

/// The meaning of a request path. The homeserver serves every path that is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `…/{download,thumbnail}/…`, authenticated or legacy.
    Media(MediaPath<'a>),
    /// `/_matrix/client/v1/media/config` and `/_matrix/media/{r0,v1,v3}/config`.
    Config,
    /// `/_matrix/client/versions`.
    Versions,
    /// `/_cloakroom/health`.
    Health,
    /// The rest of `/_cloakroom/`. The cache uses these paths as keys, so no request may reach them.
    Internal,
    /// Anything else.
    Other,
}

/// A path to media. Its segments are still percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPath<'a> {
    /// Whether the endpoint is authenticated or legacy.
    pub endpoint: Endpoint,
    /// Whether the path is `thumbnail` and not `download`.
    thumbnail: bool,
    server_name: &'a str,
    media_id: &'a str,
    file_name: Option<&'a str>,
}

/// The two generations of media endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/_matrix/client/v1/media/…` (MSC3916).
    Authenticated,
    /// `/_matrix/media/{r0,v1,v3}/…`, deprecated since Matrix 1.11. An access token is optional.
    Legacy,
}

impl<'a> Route<'a> {
    /// Classifies the path of a URL in which a URL parser has resolved the dot segments.
    pub fn of(path: &'a str) -> Self {
        if let Some(rest) = path.strip_prefix("/_cloakroom/") {
            return if rest == "health" { Self::Health } else { Self::Internal };
        }
        if path == "/_matrix/client/versions" {
            return Self::Versions;
        }
        if let Some(rest) = path.strip_prefix("/_matrix/client/v1/media/") {
            let media = MediaPath::parse(Endpoint::Authenticated, rest).map(Self::Media);
            return media.unwrap_or(if rest == "config" { Self::Config } else { Self::Other });
        }
        let version = path.strip_prefix("/_matrix/media/").and_then(|rest| rest.split_once('/'));
        match version {
            Some(("r0" | "v1" | "v3", "config")) => Self::Config,
            Some(("r0" | "v1" | "v3", rest)) => {
                MediaPath::parse(Endpoint::Legacy, rest).map_or(Self::Other, Self::Media)
            }
            _ => Self::Other,
        }
    }
}

impl<'a> MediaPath<'a> {
    fn parse(endpoint: Endpoint, rest: &'a str) -> Option<Self> {
        let mut segments = rest.split('/');
        let thumbnail = match segments.next()? {
            "download" => false,
            "thumbnail" => true,
            _ => return None,
        };
        let (server_name, media_id, file_name) = (segments.next()?, segments.next()?, segments.next());
        if segments.next().is_some() || (thumbnail && file_name.is_some()) {
            return None;
        }
        Some(Self { endpoint, thumbnail, server_name, media_id, file_name })
    }
}

/// A mistake in a request for media. The response is 400 with [`RequestError::errcode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The server name or the media id in the path is invalid.
    #[error(transparent)]
    Identifier(#[from] IdentifierError),
    /// A parameter is given more than once.
    #[error(transparent)]
    Duplicate(#[from] QueryError),
    /// A thumbnail request lacks its width or height. The field is the name of the parameter.
    #[error("a thumbnail needs the query parameter '{0}', in pixels")]
    MissingDimension(&'static str),
    /// The value of a parameter does not have the parameter's type.
    #[error("the query parameter '{name}' must be {expected}")]
    Parameter {
        /// The name of the parameter.
        name: &'static str,
        /// The values that are allowed.
        expected: &'static str,
    },
}

impl RequestError {
    /// Returns the Matrix error code: `M_INVALID_PARAM` or `M_MISSING_PARAM`.
    pub fn errcode(self) -> &'static str {
        match self {
            Self::MissingDimension(_) => "M_MISSING_PARAM",
            Self::Identifier(_) | Self::Duplicate(_) | Self::Parameter { .. } => "M_INVALID_PARAM",
        }
    }
}

/// The query parameters that an authorising request passes on to the homeserver, with their values
/// unchanged. They are never part of a cache name, a grant or a log, and `Debug` shows only their names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Passed(Vec<(&'static str, String)>);

impl Passed {
    fn from_query(endpoint: Endpoint, query: &Query) -> Result<Self, QueryError> {
        let names: &[&'static str] = match endpoint {
            Endpoint::Authenticated => &["timeout_ms", "user_id", "access_token"],
            Endpoint::Legacy => &["timeout_ms", "allow_remote", "allow_redirect", "user_id", "access_token"],
        };
        let mut passed = Vec::new();
        for &name in names {
            if let Some(value) = query.get(name)? {
                passed.push((name, value.to_owned()));
            }
        }
        Ok(Self(passed))
    }

    /// Returns the same parameters with another `timeout_ms`, in milliseconds.
    #[must_use]
    pub fn with_timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.0.retain(|(name, _)| *name != "timeout_ms");
        self.0.push(("timeout_ms", timeout_ms.to_string()));
        self
    }

    /// Returns `path`, which may have a query already, with these parameters appended.
    pub fn append_to(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{query}")
    }
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A parsed request for media.
#[derive(Clone, Debug)]
pub struct MediaRequest {
    /// The endpoint that received the request.
    pub endpoint: Endpoint,
    /// The requested object.
    pub object: Object,
    /// The file name at the end of the path. It replaces the uploader's name.
    pub file_name: Option<FileName>,
    /// The query parameters for the homeserver.
    pub passed: Passed,
    /// The client's opt-in, `None` if there was none, or the reason why it cannot be honoured.
    pub opt_in: Result<Option<OptInKind>, PlainReason>,
    /// Whether the homeserver may fetch media from a remote homeserver: `allow_remote`, legacy only.
    pub allow_remote: bool,
    /// Whether a client that did not opt in may be redirected. All clients of the authenticated endpoints
    /// follow redirects (MSC3916). Clients of the legacy endpoints say `allow_redirect=true` (MSC3860).
    pub allow_redirect: bool,
}

impl MediaRequest {
    /// Reads a path and its query.
    ///
    /// # Errors
    /// The first mistake found. An unknown parameter is no mistake.
    pub fn parse(path: MediaPath<'_>, query: &Query) -> Result<Self, RequestError> {
        let server_name = ServerName::parse(&decode(path.server_name).ok_or(IdentifierError::ServerName)?)?;
        let media_id = MediaId::parse(&decode(path.media_id).ok_or(IdentifierError::MediaId)?)?;
        let variant = if path.thumbnail { thumbnail(query)? } else { Variant::Original };
        let (allow_remote, allow_redirect) = match path.endpoint {
            // matrix-js-sdk adds `allow_redirect` here too, but the parameter is not defined here.
            Endpoint::Authenticated => (true, true),
            Endpoint::Legacy => {
                let allow_remote = boolean(query, "allow_remote")?.unwrap_or(true);
                (allow_remote, boolean(query, "allow_redirect")?.unwrap_or(false))
            }
        };
        Ok(Self {
            endpoint: path.endpoint,
            object: Object { server_name, media_id, variant },
            file_name: path.file_name.and_then(decode).as_deref().and_then(FileName::new),
            passed: Passed::from_query(path.endpoint, query)?,
            opt_in: OptInKind::from_query(query),
            allow_remote,
            allow_redirect,
        })
    }
}

fn thumbnail(query: &Query) -> Result<Variant, RequestError> {
    let dimension = |name| {
        let text = query.get(name)?.ok_or(RequestError::MissingDimension(name))?;
        let expected = "a whole number of pixels";
        decimal::<u32>(text).ok_or(RequestError::Parameter { name, expected })
    };
    let method = match query.get("method")? {
        None => None,
        Some(text) => Some(
            ThumbnailMethod::parse(text)
                .ok_or(RequestError::Parameter { name: "method", expected: "'crop' or 'scale'" })?,
        ),
    };
    let animated = boolean(query, "animated")?;
    Ok(Variant::Thumbnail(Thumbnail {
        width: dimension("width")?,
        height: dimension("height")?,
        method,
        animated,
    }))
}

fn boolean(query: &Query, name: &'static str) -> Result<Option<bool>, RequestError> {
    match query.get(name)? {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(RequestError::Parameter { name, expected: "'true' or 'false'" }),
    }
}

fn decode(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = "/_matrix/client/v1/media";

    fn parse(path_and_query: &str) -> Result<MediaRequest, RequestError> {
        let url = format!("{MEDIA}{path_and_query}");
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        match Route::of(path) {
            Route::Media(path) => MediaRequest::parse(path, &Query::parse(query)),
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn routes() {
        assert_eq!(Route::of("/_matrix/client/versions"), Route::Versions);
        assert_eq!(Route::of("/_matrix/client/v1/media/config"), Route::Config);
        assert_eq!(Route::of("/_matrix/media/v3/config"), Route::Config);
        assert_eq!(Route::of("/_cloakroom/health"), Route::Health);
        assert_eq!(Route::of("/_cloakroom/object/1/abc"), Route::Internal);
        for other in [
            "/",
            "/_matrix/client/v1/media/preview_url",
            "/_matrix/client/v1/media/download/a.org",
            "/_matrix/client/v1/media/download/a.org/b/c/d",
            "/_matrix/client/v1/media/thumbnail/a.org/b/c",
            "/_matrix/media/v2/download/a.org/b",
            "/_matrix/media/v3/upload",
            "/_matrix/client/v3/sync",
        ] {
            assert_eq!(Route::of(other), Route::Other, "{other}");
        }
    }

    #[test]
    fn a_download_with_a_file_name_and_our_parameters() {
        let request = parse(
            "/download/a.org%3A8448/b-_C/na%20me.png?timeout_ms=5&org.matrix.msc4097.delivery=json&allow_redirect=true&x=y",
        )
        .unwrap();
        assert_eq!(request.object.server_name.as_str(), "a.org:8448");
        assert_eq!(request.object.variant, Variant::Original);
        assert_eq!(request.file_name.unwrap().as_str(), "na me.png");
        assert!(matches!(request.opt_in, Ok(Some(_))));
        assert_eq!(request.passed.append_to("/p"), "/p?timeout_ms=5");
        assert_eq!(request.passed.with_timeout_ms(0).append_to("/p?q=1"), "/p?q=1&timeout_ms=0");
    }

    #[test]
    fn thumbnail_parameters_are_part_of_the_object() {
        let request = parse("/thumbnail/a.org/b?width=32&height=64&method=crop&animated=true").unwrap();
        let expected =
            Thumbnail { width: 32, height: 64, method: Some(ThumbnailMethod::Crop), animated: Some(true) };
        assert_eq!(request.object.variant, Variant::Thumbnail(expected));
    }

    #[test]
    fn legacy_requests_allow_remote_media_and_redirects() {
        let parse = |query: &str| {
            let Route::Media(path) = Route::of("/_matrix/media/r0/download/a.org/b") else { panic!() };
            MediaRequest::parse(path, &Query::parse(query))
        };
        let request = parse("").unwrap();
        assert_eq!(
            (request.endpoint, request.allow_remote, request.allow_redirect),
            (Endpoint::Legacy, true, false)
        );
        let request = parse("allow_remote=false&allow_redirect=true").unwrap();
        assert_eq!((request.allow_remote, request.allow_redirect), (false, true));
        assert_eq!(request.passed.append_to("/p"), "/p?allow_remote=false&allow_redirect=true");
        let error = parse("allow_remote=0").unwrap_err();
        assert_eq!(error.to_string(), "the query parameter 'allow_remote' must be 'true' or 'false'");
    }

    #[test]
    fn malformed_requests_say_what_is_wrong() {
        let error = |path: &str| {
            let error = parse(path).unwrap_err();
            format!("{} {error}", error.errcode())
        };
        insta::assert_snapshot!(error("/download/a@b/c"), @"M_INVALID_PARAM invalid server name: expected a host name or IP address, with an optional port");
        insta::assert_snapshot!(error("/download/a.org/b%2Fc"), @"M_INVALID_PARAM invalid media id: expected 1 to 255 characters of A-Z a-z 0-9 _ -");
        insta::assert_snapshot!(error("/download/a.org/%ff"), @"M_INVALID_PARAM invalid media id: expected 1 to 255 characters of A-Z a-z 0-9 _ -");
        insta::assert_snapshot!(error("/download/a.org/"), @"M_INVALID_PARAM invalid media id: expected 1 to 255 characters of A-Z a-z 0-9 _ -");
        insta::assert_snapshot!(error("/thumbnail/a.org/b?width=1"), @"M_MISSING_PARAM a thumbnail needs the query parameter 'height', in pixels");
        insta::assert_snapshot!(error("/thumbnail/a.org/b?width=-1&height=1"), @"M_INVALID_PARAM the query parameter 'width' must be a whole number of pixels");
        for width in ["%2B32", "+32", "32+", "32.0", "0x20", "", "4294967296", "%d9%a1"] {
            let error = error(&format!("/thumbnail/a.org/b?width={width}&height=1"));
            assert_eq!(
                error, "M_INVALID_PARAM the query parameter 'width' must be a whole number of pixels",
                "{width}"
            );
        }
        insta::assert_snapshot!(error("/thumbnail/a.org/b?width=1&width=1&height=1"), @"M_INVALID_PARAM the query parameter 'width' is given more than once");
        insta::assert_snapshot!(error("/thumbnail/a.org/b?width=1&height=1&method=fit"), @"M_INVALID_PARAM the query parameter 'method' must be 'crop' or 'scale'");
        insta::assert_snapshot!(error("/thumbnail/a.org/b?width=1&height=1&animated=1"), @"M_INVALID_PARAM the query parameter 'animated' must be 'true' or 'false'");
        insta::assert_snapshot!(error("/download/a.org/b?timeout_ms=1&timeout_ms=2"), @"M_INVALID_PARAM the query parameter 'timeout_ms' is given more than once");
    }

    #[test]
    fn debug_shows_no_token() {
        let request = parse("/download/a.org/b?access_token=syt_secret&user_id=@a:b").unwrap();
        assert!(!format!("{request:?}").contains("syt_secret"));
    }
}
