//! The ways in which a client opts in, and what it then knows.

use std::fmt;

use form_urlencoded::Serializer;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::cipher::Key;
use crate::protocol::{
    Algorithm, OptIn, RedirectToken, SESSION_DELIVERY, SessionSecret, WebOrigin, session_parameters,
};

/// The way in which a client opts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOptIn {
    /// The client asks for an answer.
    Answer(OptIn),
    /// The client begins a session, follows redirects and derives the keys (`spec/msc4097.md`, section 4.1).
    Session(Algorithm),
}

/// An opt-in, and the only edge whose links the client follows. Without an edge a client does not opt in.
#[derive(Clone, Debug)]
pub(super) struct OptedIn {
    pub(super) edge: WebOrigin,
    pub(super) how: How,
}

/// What a client needs to opt in.
#[derive(Clone, Debug)]
pub(super) enum How {
    Answer(OptIn),
    Session(ClientSession, Algorithm),
}

/// A session as the client knows it.
#[derive(Clone)]
pub(super) struct ClientSession {
    /// Opaque text.
    id: String,
    secret: SessionSecret,
}

impl ClientOptIn {
    /// Returns the name of the delivery on the wire.
    pub fn delivery(self) -> &'static str {
        match self {
            Self::Answer(opt_in) => opt_in.delivery.as_str(),
            Self::Session(_) => SESSION_DELIVERY,
        }
    }

    /// Returns the algorithm that the client asks for.
    pub fn alg(self) -> Algorithm {
        match self {
            Self::Answer(opt_in) => opt_in.alg,
            Self::Session(alg) => alg,
        }
    }
}

impl From<OptIn> for ClientOptIn {
    fn from(opt_in: OptIn) -> Self {
        Self::Answer(opt_in)
    }
}

impl How {
    /// Returns the query that opts in.
    pub(super) fn to_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        match self {
            Self::Answer(opt_in) => query.extend_pairs(opt_in.to_query()),
            Self::Session(session, alg) => query.extend_pairs(session_parameters(&session.id, *alg)),
        };
        query.finish()
    }
}

impl ClientSession {
    /// Takes the session out of the media config's member, and wipes the text of its secret. `None` if it is missing or
    /// malformed.
    pub(super) fn take_from(about: &mut Map<String, Value>) -> Option<Self> {
        let Some(Value::Object(mut session)) = about.remove("session") else { return None };
        let Some(Value::String(secret)) = session.remove("secret") else { return None };
        let secret = SessionSecret::from_base64url(&Zeroizing::new(secret))?;
        let Some(Value::String(id)) = session.remove("id") else { return None };
        Some(Self { id, secret })
    }
}

impl OptedIn {
    /// Returns the key of the link to which the homeserver redirects a client with a session; `None` if the URL is not a
    /// link of the advertised edge.
    pub(super) fn key_of(&self, url: &Zeroizing<String>) -> Option<Key> {
        let How::Session(session, alg) = &self.how else { return None };
        let token = url.strip_prefix(self.edge.as_str())?.strip_prefix('/')?;
        let token = RedirectToken::parse(token).ok()?;
        Some(session.secret.key(*alg, token.name()))
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSession(..)")
    }
}
