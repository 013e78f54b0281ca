//! Opting in: the query parameters that ask for an encrypted redirect (`spec/msc4097.md`, section 3).
//!
//! **We serve a request that we cannot honour as if it were not opted in.** An unknown delivery, an unknown
//! algorithm and a repeated parameter are never errors: the client gets the plain media.

use std::borrow::Cow;

use super::{Algorithm, PlainReason, Query, SessionId};

/// The unstable prefix of every name that this protocol adds to Matrix.
pub const PREFIX: &str = "org.matrix.msc4097";

// The names of the parameters. They are never sent to the homeserver.
const DELIVERY: &str = "org.matrix.msc4097.delivery";
const ALG: &str = "org.matrix.msc4097.alg";
const VERBATIM: &str = "org.matrix.msc4097.verbatim";
/// The name of the parameter for a session: in a download its id, and `true` to ask for one with the media config.
pub const SESSION_PARAMETER: &str = "org.matrix.msc4097.session";

/// How the answer travels to the client (`spec/msc4097.md`, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A 307 with the answer as its body, for native clients.
    Redirect,
    /// A 200 with the answer as its body, for browsers and simple clients.
    Json,
}

impl Delivery {
    /// Every delivery with an answer.
    pub const ALL: [Self; 2] = [Self::Redirect, Self::Json];

    /// Returns the name on the wire: in the query, in the media config and in the answer header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Json => "json",
        }
    }

    /// Reads a name on the wire; `None` if it is not a delivery with an answer.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.as_str() == text)
    }
}

/// The name on the wire of the delivery without an answer: a 307 that any HTTP client follows, with a key that the
/// client derives (`spec/msc4097.md`, section 4.1).
pub const SESSION_DELIVERY: &str = "session";

/// An opt-in that we can honour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptInKind {
    /// The client asks for an answer.
    Answer(OptIn),
    /// The client asks for a redirect without an answer.
    Session(SessionOptIn),
}

/// An opt-in that names a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOptIn {
    /// The session; `None` if the request has no id or a malformed one, which makes the session stale.
    pub session: Option<SessionId>,
    /// The one algorithm that the client names.
    pub alg: Algorithm,
}

/// Returns the parameters, name and value, of a client with a session. To clients the id is opaque text.
pub fn session_parameters(id: &str, alg: Algorithm) -> [(&'static str, &str); 3] {
    [(DELIVERY, SESSION_DELIVERY), (ALG, alg.as_str()), (SESSION_PARAMETER, id)]
}

impl SessionOptIn {
    /// Returns the parameters, name and value, as a client sends them.
    pub fn to_query(self) -> Vec<(&'static str, Cow<'static, str>)> {
        let id = self.session.map(SessionId::to_text).unwrap_or_default();
        session_parameters(&id, self.alg).map(|(name, value)| (name, value.to_owned().into())).to_vec()
    }
}

/// An opt-in for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptIn {
    /// The delivery that the client asks for.
    pub delivery: Delivery,
    /// The first algorithm in the client's list that we serve.
    pub alg: Algorithm,
    /// Whether the client says that the object is ciphertext already, as an attachment of an encrypted
    /// room is.
    pub verbatim: bool,
}

impl OptInKind {
    /// Reads the opt-in from a query. Returns `None` if the query names no delivery: then the client did
    /// not opt in.
    ///
    /// # Errors
    /// [`PlainReason::NotSupported`] if the client opted in, but we do not serve the delivery or any of the
    /// algorithms, or a parameter is repeated.
    pub fn from_query(query: &Query) -> Result<Option<Self>, PlainReason> {
        let get = |name| query.get(name).map_err(|_| PlainReason::NotSupported);
        let Some(delivery) = get(DELIVERY)? else { return Ok(None) };
        let session = get(SESSION_PARAMETER)?.and_then(SessionId::parse);
        let verbatim = get(VERBATIM)? == Some("true");
        let algs = get(ALG)?.unwrap_or(Algorithm::ChaCha20.as_str());
        if delivery == SESSION_DELIVERY {
            // Exactly one algorithm, because no answer could name the one that we chose.
            let alg = parse_alg(algs).ok_or(PlainReason::NotSupported)?;
            return Ok(Some(Self::Session(SessionOptIn { session, alg })));
        }
        let delivery = Delivery::parse(delivery).ok_or(PlainReason::NotSupported)?;
        let alg = algs.split(',').find_map(parse_alg).ok_or(PlainReason::NotSupported)?;
        Ok(Some(Self::Answer(OptIn { delivery, alg, verbatim })))
    }
}

impl OptIn {
    /// Returns the parameters, name and value, as a client sends them.
    pub fn to_query(self) -> Vec<(&'static str, &'static str)> {
        let mut query = vec![(DELIVERY, self.delivery.as_str()), (ALG, self.alg.as_str())];
        if self.verbatim {
            query.push((VERBATIM, "true"));
        }
        query
    }
}

fn parse_alg(text: &str) -> Option<Algorithm> {
    Algorithm::parse(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opt_in(query: &str) -> Result<Option<OptInKind>, PlainReason> {
        OptInKind::from_query(&Query::parse(&query.replace("p.", "org.matrix.msc4097.")))
    }

    #[test]
    fn a_supported_request_is_opted_in() {
        let chacha20 = |delivery, verbatim| {
            Ok(Some(OptInKind::Answer(OptIn { delivery, alg: Algorithm::ChaCha20, verbatim })))
        };
        assert_eq!(opt_in("p.delivery=redirect"), chacha20(Delivery::Redirect, false));
        assert_eq!(opt_in("p.delivery=json&p.alg=chacha20"), chacha20(Delivery::Json, false));
        assert_eq!(opt_in("p.delivery=json&p.alg=future,%20chacha20"), chacha20(Delivery::Json, false));
        assert_eq!(opt_in("p.delivery=json&p.verbatim=true&x=y"), chacha20(Delivery::Json, true));
        assert_eq!(opt_in("p.delivery=json&p.verbatim=yes"), chacha20(Delivery::Json, false));
    }

    #[test]
    fn a_request_without_a_delivery_is_not_opted_in() {
        for query in ["", "p.alg=chacha20", "p.verbatim=true&p.verbatim=true", "delivery=json"] {
            assert_eq!(opt_in(query), Ok(None), "{query}");
        }
    }

    #[test]
    fn other_requests_are_not_supported() {
        for query in [
            "p.delivery=",
            "p.delivery=session&p.alg=a256ctr,chacha20",
            "p.delivery=session&p.session=x&p.session=x",
            "p.delivery=REDIRECT",
            "p.delivery=json&p.alg=",
            "p.delivery=json&p.alg=none",
            "p.delivery=json&p.alg=rot13,aes",
            "p.delivery=json&p.delivery=json",
            "p.delivery=json&p.alg=chacha20&p.alg=chacha20",
            "p.delivery=json&p.verbatim=true&p.verbatim=true",
        ] {
            assert_eq!(opt_in(query), Err(PlainReason::NotSupported), "{query}");
        }
    }

    #[test]
    fn a_session_is_named_by_its_id() {
        let id = SessionId::parse(&"A".repeat(60));
        assert!(id.is_some());
        for (query, id) in [
            (format!("p.session={}", "A".repeat(60)), id),
            (format!("p.session={}", "A".repeat(59)), None),
            (format!("p.session={}", "A".repeat(61)), None),
            ("p.session=".to_owned(), None),
            (String::new(), None),
        ] {
            for alg in [Algorithm::A256Ctr, Algorithm::ChaCha20] {
                let asked = opt_in(&format!("p.delivery=session&p.alg={}&{query}", alg.as_str()));
                let expected = SessionOptIn { session: id, alg };
                assert_eq!(asked, Ok(Some(OptInKind::Session(expected))), "{query}");
            }
        }
    }

    #[test]
    fn the_written_parameters_can_be_read() {
        let read = |query: Vec<(&str, Cow<'_, str>)>| {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            OptInKind::from_query(&Query::parse(&query))
        };
        for delivery in Delivery::ALL {
            let asked = OptIn { delivery, alg: Algorithm::A256Ctr, verbatim: true };
            let query = asked.to_query().into_iter().map(|(name, value)| (name, value.into())).collect();
            assert_eq!(read(query), Ok(Some(OptInKind::Answer(asked))));
        }
        let asked = SessionOptIn { session: SessionId::parse(&"A".repeat(60)), alg: Algorithm::ChaCha20 };
        assert_eq!(read(asked.to_query()), Ok(Some(OptInKind::Session(asked))));
    }
}
