//! `m.media.unauthenticated`: the policy for requests without a token (MSC2461, revision 1).

use http::StatusCode;

use crate::protocol::{Endpoint, MatrixError};

/// A policy for requests without a token on the legacy media endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No policy. Nothing is advertised, and only the homeserver decides.
    #[default]
    Unset,
    /// Only objects in our cache may be read.
    Cached,
    /// Only media of our own server name may be read.
    Local,
    /// The same as `Unset`, but advertised: media may be readable, without a promise.
    Unspecified,
    /// Nothing may be read.
    Nothing,
}

/// Whether a request has an access token. Only the homeserver knows whether the token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// There is no token, neither in a header nor in the query.
    Absent,
    /// There is a token, valid or not.
    Presented,
}

/// Whether media belongs to our own server name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// The media belongs to our own server name.
    Local,
    /// The media belongs to a remote homeserver.
    Remote,
}

/// The properties of a request on which the decision depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The endpoint that received the request.
    pub endpoint: Endpoint,
    /// Whether the request has a token.
    pub token: Token,
    /// Whether the media is our own.
    pub locality: Locality,
    /// Whether our cache has the complete object. See [`Unauthenticated::depends_on_cache`].
    pub cached: bool,
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the homeserver on its legacy endpoint, without a token. Nothing may be served before it allows
    /// the request, not even from the cache.
    Pass,
    /// Ask the homeserver on its authenticated endpoint, with the client's token.
    Authorise,
    /// Refuse the request, without asking the homeserver.
    Refuse(MatrixError),
}

impl Unauthenticated {
    /// Every policy.
    pub const ALL: [Self; 5] = [Self::Unset, Self::Cached, Self::Local, Self::Unspecified, Self::Nothing];

    /// Returns the value of the variable `MEDIA_UNAUTHENTICATED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Cached => "m.cached",
            Self::Local => "m.local",
            Self::Unspecified => "m.unspecified",
            Self::Nothing => "m.none",
        }
    }

    /// Reads a value of the variable; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// Returns the value of `m.media.unauthenticated` in the media config; `None` if the member is absent.
    pub fn advertised(self) -> Option<&'static str> {
        (self != Self::Unset).then(|| self.as_str())
    }

    /// Decides about a request. Under every policy, a request with a token goes to the homeserver: a valid
    /// token gets what its user may have, an invalid one gets the homeserver's 401. The policy only concerns
    /// requests without a token on the legacy endpoints.
    pub fn decide(self, asked: Asked) -> Decision {
        match (asked.token, asked.endpoint) {
            (Token::Presented, _) => Decision::Authorise,
            (Token::Absent, Endpoint::Authenticated) => Decision::Refuse(MatrixError::missing_token()),
            (Token::Absent, Endpoint::Legacy) if self.passes(asked.locality, asked.cached) => Decision::Pass,
            (Token::Absent, Endpoint::Legacy) => Decision::Refuse(restricted()),
        }
    }

    /// Returns whether the decision depends on [`Asked::cached`]. If it does not, the caller need not read
    /// the cache.
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

/// Returns 401 `M_MISSING_TOKEN` with the message of MSC2461.
fn restricted() -> MatrixError {
    let error = "Media access is restricted to authenticated clients";
    MatrixError::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decisions: R refuse, A authorise, P pass. The four letters of a block stand for an object that is
    /// local and cached, local and not cached, remote and cached, remote and not cached.
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
    fn only_m_cached_depends_on_the_cache() {
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
    fn a_refusal_has_the_message_of_the_proposal() {
        let body = String::from_utf8(restricted().to_json()).unwrap();
        insta::assert_snapshot!(body, @r#"{"errcode":"M_MISSING_TOKEN","error":"Media access is restricted to authenticated clients"}"#);
    }

    #[test]
    fn values_of_the_variable() {
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
