//! `m.media.unauthenticated`: what may be read without a token (MSC2461 revision 1).

use http::StatusCode;

use crate::protocol::{Endpoint, MatrixError};

/// The operator's policy for requests without a token on the legacy media endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No policy: nothing is advertised, and the homeserver alone decides.
    #[default]
    Unset,
    /// Only what we have in the cache.
    Cached,
    /// Only media of our own server name.
    Local,
    /// Possible, without a promise: as unset, but advertised.
    Unspecified,
    /// Nothing.
    Nothing,
}

/// Whether a request carries an access token. Only the homeserver knows if it is a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// None, in header or query.
    Absent,
    /// Some token, good or bad.
    Presented,
}

/// Whose media is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// The object's server name is our own.
    Local,
    /// Another server's.
    Remote,
}

/// All that the decision depends on besides the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where the request came to.
    pub endpoint: Endpoint,
    /// Whether it carries a token.
    pub token: Token,
    /// Whose media it is.
    pub locality: Locality,
    /// Whether we have the object, complete, in our own cache. See [`Unauthenticated::depends_on_cache`].
    pub cached: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Not yet allowed: the homeserver is asked on its legacy endpoint, without a token, and only if
    /// it allows may even a cached copy be used.
    Pass,
    /// The homeserver is asked on its authenticated endpoint, with the client's token.
    Authorise,
    /// The homeserver is not asked.
    Refuse(MatrixError),
}

impl Unauthenticated {
    /// Every policy.
    pub const ALL: [Self; 5] = [Self::Unset, Self::Cached, Self::Local, Self::Unspecified, Self::Nothing];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Cached => "m.cached",
            Self::Local => "m.local",
            Self::Unspecified => "m.unspecified",
            Self::Nothing => "m.none",
        }
    }

    /// The inverse of [`Unauthenticated::as_str`]; `None` for any other word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// The value of `m.media.unauthenticated` in the media config; the field is absent where unset.
    pub fn advertised(self) -> Option<&'static str> {
        (self != Self::Unset).then(|| self.as_str())
    }

    /// Decides a request. A token always goes to the homeserver, whatever the policy: a good one
    /// opens what the homeserver lets its user see, a bad one gets the homeserver's own 401. So the
    /// policy is about requests without a token, and only on endpoints that know such requests.
    pub fn decide(self, asked: Asked) -> Decision {
        match (asked.token, asked.endpoint) {
            (Token::Presented, _) => Decision::Authorise,
            (Token::Absent, Endpoint::Authenticated) => Decision::Refuse(MatrixError::missing_token()),
            (Token::Absent, Endpoint::Legacy) if self.passes(asked.locality, asked.cached) => Decision::Pass,
            (Token::Absent, Endpoint::Legacy) => Decision::Refuse(restricted()),
        }
    }

    /// Whether the decision depends on [`Asked::cached`]: looking into the cache can be spared where not.
    pub fn depends_on_cache(self, asked: Asked) -> bool {
        self.decide(Asked { cached: true, ..asked }) != self.decide(Asked { cached: false, ..asked })
    }

    fn passes(self, locality: Locality, cached: bool) -> bool {
        match self {
            Self::Unset | Self::Unspecified => true,
            Self::Cached => cached,
            Self::Local => locality == Locality::Local,
            Self::Nothing => false,
        }
    }
}

/// 401 in the words of MSC2461.
fn restricted() -> MatrixError {
    let error = "Media access is restricted to authenticated clients";
    MatrixError::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R refuse, A authorise, P pass. In each block of four: local cached, local not cached, remote cached,
    /// remote not cached.
    const TABLE: [(&str, [&str; 4]); 5] = [
        //                authenticated endpoint    legacy endpoints
        //                no token  token           no token  token
        ("unset", ["RRRR", "AAAA", "PPPP", "AAAA"]),
        ("m.cached", ["RRRR", "AAAA", "PRPR", "AAAA"]),
        ("m.local", ["RRRR", "AAAA", "PPRR", "AAAA"]),
        ("m.unspecified", ["RRRR", "AAAA", "PPPP", "AAAA"]),
        ("m.none", ["RRRR", "AAAA", "RRRR", "AAAA"]),
    ];

    const COLUMNS: [(Endpoint, Token); 4] = [
        (Endpoint::Authenticated, Token::Absent),
        (Endpoint::Authenticated, Token::Presented),
        (Endpoint::Legacy, Token::Absent),
        (Endpoint::Legacy, Token::Presented),
    ];

    const OBJECTS: [(Locality, bool); 4] = [
        (Locality::Local, true),
        (Locality::Local, false),
        (Locality::Remote, true),
        (Locality::Remote, false),
    ];

    #[test]
    fn every_combination() {
        for (policy, (word, row)) in Unauthenticated::ALL.into_iter().zip(TABLE) {
            assert_eq!(policy.as_str(), word);
            for ((endpoint, token), expected) in COLUMNS.into_iter().zip(row) {
                let letters = OBJECTS.map(|(locality, cached)| {
                    match policy.decide(Asked { endpoint, token, locality, cached }) {
                        Decision::Pass => 'P',
                        Decision::Authorise => 'A',
                        Decision::Refuse(error) => {
                            assert_eq!(error.status, StatusCode::UNAUTHORIZED);
                            assert_eq!(error.errcode, "M_MISSING_TOKEN");
                            'R'
                        }
                    }
                });
                assert_eq!(String::from_iter(letters), expected, "{word} {endpoint:?} {token:?}");
            }
        }
    }

    #[test]
    fn the_cache_is_looked_into_only_where_it_decides() {
        for policy in Unauthenticated::ALL {
            for (endpoint, token) in COLUMNS {
                for (locality, cached) in OBJECTS {
                    let depends = policy.depends_on_cache(Asked { endpoint, token, locality, cached });
                    let anonymous = (endpoint, token) == (Endpoint::Legacy, Token::Absent);
                    assert_eq!(depends, policy == Unauthenticated::Cached && anonymous);
                }
            }
        }
    }

    #[test]
    fn a_refusal_speaks_in_the_words_of_the_proposal() {
        let body = String::from_utf8(restricted().to_json()).unwrap();
        insta::assert_snapshot!(body, @r#"{"errcode":"M_MISSING_TOKEN","error":"Media access is restricted to authenticated clients"}"#);
    }

    #[test]
    fn words() {
        for policy in Unauthenticated::ALL {
            assert_eq!(Unauthenticated::parse(policy.as_str()), Some(policy));
        }
        for other in ["", "m.all", "M.NONE", "none", " m.none", "null"] {
            assert_eq!(Unauthenticated::parse(other), None, "{other}");
        }
        assert_eq!(Unauthenticated::default().advertised(), None);
        assert_eq!(Unauthenticated::Nothing.advertised(), Some("m.none"));
    }
}
