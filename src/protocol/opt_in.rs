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
const SESSION: &str = "org.matrix.msc4097.session";

/// How the answer travels to the client (`spec/msc4097.md`, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A 307 with the answer as its body, for native clients.
    Redirect,
    /// A 200 with the answer as its body, for browsers and simple clients.
    Json,
    /// 307 without a body, which any HTTP client follows: the client derives the key itself. `None` if the request
    /// names no session, or in a malformed way.
    Session(Option<SessionId>),
}

impl Delivery {
    /// The deliveries that carry an answer.
    pub const WITH_ANSWER: [Self; 2] = [Self::Redirect, Self::Json];
    /// The wire word of the delivery without an answer.
    pub const SESSION: &str = "session";

    /// Returns the name on the wire: in the query, in the media config and in the answer header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Json => "json",
            Self::Session(_) => Self::SESSION,
        }
    }

    /// Returns whether the key travels to the client in an answer.
    pub fn has_answer(self) -> bool {
        !matches!(self, Self::Session(_))
    }

    /// Parses the wire word of a delivery with an answer.
    pub fn parse_with_answer(text: &str) -> Option<Self> {
        Self::WITH_ANSWER.into_iter().find(|delivery| delivery.as_str() == text)
    }
}

/// An opt-in that we can honour.
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

impl OptIn {
    /// Reads the opt-in from a query. Returns `None` if the query names no delivery: then the client did
    /// not opt in.
    ///
    /// # Errors
    /// [`PlainReason::NotSupported`] if the client opted in, but we do not serve the delivery or any of the
    /// algorithms, or a parameter is repeated.
    pub fn from_query(query: &Query) -> Result<Option<Self>, PlainReason> {
        let get = |name| query.get(name).map_err(|_| PlainReason::NotSupported);
        let Some(delivery) = get(DELIVERY)? else { return Ok(None) };
        let session = get(SESSION)?.and_then(SessionId::parse);
        let delivery = match delivery {
            Delivery::SESSION => Delivery::Session(session),
            other => Delivery::parse_with_answer(other).ok_or(PlainReason::NotSupported)?,
        };
        let algs = get(ALG)?.unwrap_or(Algorithm::ChaCha20.as_str());
        // No answer could name the algorithm that a session's link has.
        let named = if delivery.has_answer() { algs.split(',').find_map(parse_alg) } else { parse_alg(algs) };
        let alg = named.ok_or(PlainReason::NotSupported)?;
        let verbatim = get(VERBATIM)? == Some("true");
        Ok(Some(Self { delivery, alg, verbatim }))
    }

    /// Returns the parameters, name and value, as a client sends them.
    pub fn to_query(self) -> Vec<(&'static str, Cow<'static, str>)> {
        let mut query = vec![(DELIVERY, self.delivery.as_str().into()), (ALG, self.alg.as_str().into())];
        if self.verbatim {
            query.push((VERBATIM, "true".into()));
        }
        if let Delivery::Session(Some(id)) = self.delivery {
            query.push((SESSION, id.to_text().into()));
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

    fn opt_in(query: &str) -> Result<Option<OptIn>, PlainReason> {
        OptIn::from_query(&Query::parse(&query.replace("p.", "org.matrix.msc4097.")))
    }

    #[test]
    fn a_supported_request_is_opted_in() {
        let chacha20 = |delivery, verbatim| Ok(Some(OptIn { delivery, alg: Algorithm::ChaCha20, verbatim }));
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
                let expected = OptIn { delivery: Delivery::Session(id), alg, verbatim: false };
                assert_eq!(asked, Ok(Some(expected)), "{query}");
            }
        }
    }

    #[test]
    fn the_written_parameters_can_be_read() {
        let session = Delivery::Session(SessionId::parse(&"A".repeat(60)));
        for delivery in [Delivery::Redirect, Delivery::Json, session] {
            let asked = OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: true };
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.to_query()).finish();
            assert_eq!(OptIn::from_query(&Query::parse(&query)), Ok(Some(asked)));
        }
    }
}
