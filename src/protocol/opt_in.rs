//! Opting in: the query parameters with which a client asks for an encrypted redirect.
//!
//! One rule: **what we cannot honour is not opted in**. An unknown delivery, an unknown algorithm or
//! a parameter given twice is never an error; the client gets what any client gets.

use std::borrow::Cow;

use super::{Algorithm, PlainReason, Query, SessionId};

/// The unstable prefix of every name that this protocol adds to Matrix.
pub const PREFIX: &str = "org.matrix.msc4097";

/// The parameter names, which are never sent on to the homeserver.
const DELIVERY: &str = "org.matrix.msc4097.delivery";
const ALG: &str = "org.matrix.msc4097.alg";
const VERBATIM: &str = "org.matrix.msc4097.verbatim";
const SESSION: &str = "org.matrix.msc4097.session";

/// How the client wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// 307 with the answer as body: for native clients.
    Redirect,
    /// 200 with the answer as body: for browsers and anything simple.
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

    /// The wire word, in the query and in the answer header.
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

/// What a client that opted in asked for, as far as we can honour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptIn {
    /// How it wants its key.
    pub delivery: Delivery,
    /// The first of its algorithms that we know.
    pub alg: Algorithm,
    /// It says the object is ciphertext already (an E2EE attachment).
    pub verbatim: bool,
}

impl OptIn {
    /// Reads the opt-in off a query. `None`: the query names no delivery, so the client did not opt in.
    ///
    /// # Errors
    /// `NotSupported` if the client opted in and cannot be served as it asks.
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

    /// The parameters as a client sends them.
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
    fn what_we_can_honour_is_opted_in() {
        let chacha20 = |delivery, verbatim| Ok(Some(OptIn { delivery, alg: Algorithm::ChaCha20, verbatim }));
        assert_eq!(opt_in("p.delivery=redirect"), chacha20(Delivery::Redirect, false));
        assert_eq!(opt_in("p.delivery=json&p.alg=chacha20"), chacha20(Delivery::Json, false));
        assert_eq!(opt_in("p.delivery=json&p.alg=future,%20chacha20"), chacha20(Delivery::Json, false));
        assert_eq!(opt_in("p.delivery=json&p.verbatim=true&x=y"), chacha20(Delivery::Json, true));
        assert_eq!(opt_in("p.delivery=json&p.verbatim=yes"), chacha20(Delivery::Json, false));
    }

    #[test]
    fn without_a_delivery_nobody_opted_in() {
        for query in ["", "p.alg=chacha20", "p.verbatim=true&p.verbatim=true", "delivery=json"] {
            assert_eq!(opt_in(query), Ok(None), "{query}");
        }
    }

    #[test]
    fn what_we_cannot_honour_is_not_supported() {
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
    fn a_client_asks_in_the_words_that_we_read() {
        let session = Delivery::Session(SessionId::parse(&"A".repeat(60)));
        for delivery in [Delivery::Redirect, Delivery::Json, session] {
            let asked = OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: true };
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.to_query()).finish();
            assert_eq!(OptIn::from_query(&Query::parse(&query)), Ok(Some(asked)));
        }
    }
}
