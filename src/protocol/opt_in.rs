//! Opting in: the query parameters with which a client asks for an encrypted redirect.
//!
//! One rule: **what we cannot honour is not opted in**. An unknown delivery, an unknown algorithm or
//! a parameter given twice is never an error; the client gets what any client gets.

use super::{PlainReason, Query};

/// The unstable prefix of every name that this protocol adds to Matrix.
pub const PREFIX: &str = "org.matrix.msc4097";

/// The parameter names, which are never sent on to the homeserver.
const DELIVERY: &str = "org.matrix.msc4097.delivery";
const ALG: &str = "org.matrix.msc4097.alg";
const VERBATIM: &str = "org.matrix.msc4097.verbatim";

/// How the client wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// 307 with the answer as body: for native clients.
    Redirect,
    /// 200 with the answer as body: for browsers and anything simple.
    Json,
}

impl Delivery {
    /// Every delivery that this build serves, as advertised.
    pub const ALL: [Self; 2] = [Self::Redirect, Self::Json];

    /// The wire word, in the query and in the answer header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Json => "json",
        }
    }

    /// The inverse of [`Delivery::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.as_str() == text)
    }
}

/// The algorithm that a link's bytes are encrypted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 8439 `ChaCha20`, see [`crate::cipher`].
    ChaCha20,
}

impl Algorithm {
    /// Every algorithm that this build serves, as advertised.
    pub const ALL: [Self; 1] = [Self::ChaCha20];

    /// The wire word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChaCha20 => "chacha20",
        }
    }

    /// The inverse of [`Algorithm::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
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
        let delivery = Delivery::parse(delivery).ok_or(PlainReason::NotSupported)?;
        let algs = get(ALG)?.unwrap_or(Algorithm::ChaCha20.as_str());
        let alg = algs.split(',').find_map(|alg| Algorithm::parse(alg.trim()));
        let alg = alg.ok_or(PlainReason::NotSupported)?;
        let verbatim = get(VERBATIM)? == Some("true");
        Ok(Some(Self { delivery, alg, verbatim }))
    }

    /// The parameters as a client sends them.
    pub fn to_query(self) -> Vec<(&'static str, &'static str)> {
        let mut query = vec![(DELIVERY, self.delivery.as_str()), (ALG, self.alg.as_str())];
        if self.verbatim {
            query.push((VERBATIM, "true"));
        }
        query
    }
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
            "p.delivery=session",
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
    fn a_client_asks_in_the_words_that_we_read() {
        for delivery in Delivery::ALL {
            let asked = OptIn { delivery, alg: Algorithm::ChaCha20, verbatim: true };
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(asked.to_query()).finish();
            assert_eq!(OptIn::from_query(&Query::parse(&query)), Ok(Some(asked)));
        }
    }
}
