//! The media config's part about this protocol: whether to opt in, and which edge to trust
//! (`spec/msc4097.md`, sections 2 and 9.1).

use http::StatusCode;
use serde_json::{Map, Value};

use super::opt_in::{ClientOptIn, ClientSession, How, OptedIn};
use crate::cipher::KEYSTREAM_BYTES;
use crate::protocol::{PREFIX, WebOrigin};

/// The member `org.matrix.msc4097` of `GET /_matrix/client/v1/media/config`:
/// `{"deliveries": ["redirect", "json"], "algs": ["chacha20"], "edge": "https://media.example.net", "min_size": 65536}`.
#[derive(Clone, Debug)]
pub struct Advertised {
    edge: WebOrigin,
    /// `None` allows any delivery. The homeserver's response then shows whether it serves that delivery.
    deliveries: Option<Vec<Value>>,
    algs: Option<Vec<Value>>,
    min_bytes: u64,
    max_bytes: u64,
    session: Option<ClientSession>,
}

/// The reason why a client asks for plain media although its user wants to opt in. If several reasons apply, it is the
/// first one in this list (`spec/msc4097.md`, section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdvertised {
    /// The homeserver refused to send its media config. Guests, for example, may not read it.
    #[error("the homeserver returned {} for its media config", .0.as_u16())]
    Status(StatusCode),
    /// The media config is not the JSON that the specification describes, or is longer than
    /// [`Advertised::MAX_CONFIG_BYTES`].
    #[error("cannot parse the homeserver's media config")]
    Malformed,
    /// The media config does not mention this protocol.
    #[error("the homeserver does not offer encrypted delivery")]
    Absent,
    /// The edge is not a web origin in canonical form.
    #[error("the advertised edge is not a web origin like https://media.example.net")]
    Edge,
    /// The edge is neither https nor on this machine.
    #[error("the advertised edge is not https")]
    InsecureEdge,
    /// The homeserver does not offer the delivery that the client uses.
    #[error("the homeserver does not offer the requested delivery")]
    Delivery,
    /// The homeserver does not offer the algorithm that the client uses.
    #[error("the homeserver offers no algorithm that this client supports")]
    Algorithm,
    /// The media config has no session, although the client asked for one.
    #[error("the homeserver's media config has no session")]
    Session,
    /// The homeserver would serve the object plainly.
    #[error("the homeserver gives no links to objects below {min_bytes} bytes")]
    TooSmall {
        /// The length of the smallest objects that get links.
        min_bytes: u64,
    },
    /// The homeserver would serve the object plainly.
    #[error("the homeserver gives no links to objects above {max_bytes} bytes")]
    TooLarge {
        /// The length of the largest objects that get links.
        max_bytes: u64,
    },
}

impl Advertised {
    /// The size limit of a media config, in bytes.
    pub const MAX_CONFIG_BYTES: usize = 64 * 1024;

    /// Reads a media config.
    ///
    /// # Errors
    /// The reason why the client does not opt in.
    pub fn from_config(json: &[u8]) -> Result<Self, NotAdvertised> {
        if json.len() > Self::MAX_CONFIG_BYTES {
            return Err(NotAdvertised::Malformed);
        }
        let mut config: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| NotAdvertised::Malformed)?;
        let about = match config.get_mut(PREFIX) {
            None | Some(Value::Null) => return Err(NotAdvertised::Absent),
            Some(Value::Object(about)) => about,
            Some(_) => return Err(NotAdvertised::Malformed),
        };
        let session = ClientSession::take_from(about);
        let Some(Value::String(edge)) = about.get("edge") else { return Err(NotAdvertised::Malformed) };
        let (deliveries, algs) = (names(about.get("deliveries"))?, names(about.get("algs"))?);
        let edge = WebOrigin::canonical(edge).ok_or(NotAdvertised::Edge)?;
        if !edge.is_secure() {
            return Err(NotAdvertised::InsecureEdge);
        }
        let min_bytes = limit(about.get("min_size")).unwrap_or(0);
        let max_bytes = limit(about.get("max_size")).unwrap_or(KEYSTREAM_BYTES - 1);
        Ok(Self { edge, deliveries, algs, min_bytes, max_bytes, session })
    }

    /// Returns the edge's web origin, if the homeserver offers the delivery and the algorithm of `opt_in`, and a link to an
    /// object of `size_bytes`, if the client knows the size.
    ///
    /// # Errors
    /// The reason why the client does not opt in.
    pub fn edge_for(
        &self,
        opt_in: ClientOptIn,
        size_bytes: Option<u64>,
    ) -> Result<&WebOrigin, NotAdvertised> {
        let offers = |offered: &Option<Vec<Value>>, wanted: &str| {
            offered.as_ref().is_none_or(|offered| offered.iter().any(|word| word == wanted))
        };
        if !offers(&self.deliveries, opt_in.delivery()) {
            return Err(NotAdvertised::Delivery);
        }
        if !offers(&self.algs, opt_in.alg().as_str()) {
            return Err(NotAdvertised::Algorithm);
        }
        size_bytes.map_or(Ok(()), |size_bytes| self.links(size_bytes))?;
        Ok(&self.edge)
    }

    /// Returns what the client needs to opt in, under the same conditions as [`Advertised::edge_for`].
    ///
    /// # Errors
    /// The reason why the client does not opt in.
    pub(super) fn opted_in(
        self,
        opt_in: ClientOptIn,
        size_bytes: Option<u64>,
    ) -> Result<OptedIn, NotAdvertised> {
        let edge = self.edge_for(opt_in, size_bytes)?.clone();
        let how = match opt_in {
            ClientOptIn::Answer(opt_in) => How::Answer(opt_in),
            ClientOptIn::Session(alg) => How::Session(self.session.ok_or(NotAdvertised::Session)?, alg),
        };
        Ok(OptedIn { edge, how })
    }

    /// Decides whether it is worth asking for a link to an object of `size_bytes`: the homeserver would serve it
    /// plainly otherwise.
    pub fn links(&self, size_bytes: u64) -> Result<(), NotAdvertised> {
        let Self { min_bytes, max_bytes, .. } = *self;
        if size_bytes < min_bytes {
            return Err(NotAdvertised::TooSmall { min_bytes });
        }
        if size_bytes > max_bytes { Err(NotAdvertised::TooLarge { max_bytes }) } else { Ok(()) }
    }
}

/// Reads a list of names. Members of another kind are names that nobody knows.
fn names(value: Option<&Value>) -> Result<Option<Vec<Value>>, NotAdvertised> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(names)) => Ok(Some(names.clone())),
        Some(_) => Err(NotAdvertised::Malformed),
    }
}

/// Reads a limit in bytes. A malformed one counts as absent, because limits only save requests.
fn limit(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64).filter(|bytes| *bytes < KEYSTREAM_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Algorithm, Delivery, OptIn};

    fn edge(about: &str) -> Result<String, NotAdvertised> {
        let config = format!(r#"{{"m.upload.size":1,"org.matrix.msc4097":{about}}}"#);
        let opt_in = OptIn { delivery: Delivery::Redirect, alg: Algorithm::ChaCha20, verbatim: false };
        Ok(Advertised::from_config(config.as_bytes())?.edge_for(opt_in.into(), None)?.to_string())
    }

    #[test]
    fn reasons_are_checked_in_their_order() {
        use NotAdvertised as No;
        for (about, reason) in [
            (r#"{"edge":"http://m.example/","algs":1}"#, No::Malformed),
            (r#"{"edge":"http://m.example/","algs":[]}"#, No::Edge),
            (r#"{"edge":"http://m.example","algs":[]}"#, No::InsecureEdge),
            (r#"{"edge":"https://m.example","deliveries":[],"algs":[]}"#, No::Delivery),
            (r#"{"edge":"https://m.example","algs":[]}"#, No::Algorithm),
        ] {
            assert_eq!(edge(about), Err(reason), "{about}");
        }
        let offer = r#"{"edge":"https://m.example","deliveries":["json",7,"redirect"],"algs":null,"new":1}"#;
        assert_eq!(edge(offer).as_deref(), Ok("https://m.example"));
    }

    #[test]
    fn sizes_that_are_worth_asking_for() {
        let links = |about: &str, size| {
            let config = format!(r#"{{"{PREFIX}":{{"edge":"https://m.example",{about}}}}}"#);
            Advertised::from_config(config.as_bytes()).unwrap().links(size)
        };
        let limits = r#""min_size":10,"max_size":20"#;
        assert_eq!([10, 20].map(|size| links(limits, size)), [Ok(()); 2]);
        assert_eq!(links(limits, 9), Err(NotAdvertised::TooSmall { min_bytes: 10 }));
        assert_eq!(links(limits, 21), Err(NotAdvertised::TooLarge { max_bytes: 20 }));
        let malformed = r#""min_size":"10","max_size":-1"#;
        assert_eq!([0, KEYSTREAM_BYTES - 1].map(|size| links(malformed, size)), [Ok(()); 2]);
        let max_bytes = KEYSTREAM_BYTES - 1;
        assert_eq!(links(malformed, KEYSTREAM_BYTES), Err(NotAdvertised::TooLarge { max_bytes }));
    }
}
