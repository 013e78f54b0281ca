//! What a homeserver's media config says of this protocol: whether to opt in, and which edge to trust.

use http::StatusCode;
use serde::Deserialize;

use crate::protocol::{OptIn, PREFIX, WebOrigin};

/// The member `org.matrix.msc4097` of `GET /_matrix/client/v1/media/config`:
/// `{"deliveries": ["redirect", "json"], "algs": ["chacha20"], "edge": "https://media.example.net"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    edge: WebOrigin,
    /// Absent is "any": the homeserver then says by its response what it can.
    deliveries: Option<Vec<String>>,
    algs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Record {
    edge: String,
    deliveries: Option<Vec<String>>,
    algs: Option<Vec<String>>,
}

/// Why a client does not opt in although its user would like to. It then gets plain media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdvertised {
    /// The media config was refused: guests, for one, may not read it.
    #[error("the homeserver returned {} for its media config", .0.as_u16())]
    Status(StatusCode),
    /// The media config is not the JSON that it should be.
    #[error("cannot parse the homeserver's media config")]
    Malformed,
    /// An ordinary homeserver.
    #[error("the homeserver does not offer encrypted delivery")]
    Absent,
    /// The edge is not a web origin, or neither https nor this very machine.
    #[error("the advertised edge is not an https web origin like https://media.example.net")]
    Edge,
    /// The delivery that was asked for is not offered.
    #[error("the homeserver does not offer the requested delivery")]
    Delivery,
    /// None of our algorithms is offered.
    #[error("the homeserver offers no algorithm that this client supports")]
    Algorithm,
}

impl Advertised {
    /// Reads the media config document.
    pub fn from_config(json: &[u8]) -> Result<Self, NotAdvertised> {
        let config: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|_| NotAdvertised::Malformed)?;
        let about = config.get(PREFIX).ok_or(NotAdvertised::Absent)?;
        let Record { edge, deliveries, algs } =
            Record::deserialize(about).map_err(|_| NotAdvertised::Malformed)?;
        let edge = WebOrigin::parse(&edge).ok_or(NotAdvertised::Edge)?;
        Ok(Self { edge, deliveries, algs })
    }

    /// Returns the edge's web origin, if it offers what the client would ask for.
    pub fn edge_for(self, opt_in: OptIn) -> Result<WebOrigin, NotAdvertised> {
        let offers = |offered: &Option<Vec<String>>, wanted: &str| {
            offered.as_ref().is_none_or(|offered| offered.iter().any(|word| word == wanted))
        };
        if !offers(&self.deliveries, opt_in.delivery.as_str()) {
            return Err(NotAdvertised::Delivery);
        }
        if !offers(&self.algs, opt_in.alg.as_str()) {
            return Err(NotAdvertised::Algorithm);
        }
        Ok(self.edge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Algorithm, Delivery};

    fn edge(about: &str) -> Result<String, NotAdvertised> {
        let config = format!(r#"{{"m.upload.size":1,"org.matrix.msc4097":{about}}}"#);
        let opt_in = OptIn { delivery: Delivery::Redirect, alg: Algorithm::ChaCha20, verbatim: false };
        let edge = Advertised::from_config(config.as_bytes())?.edge_for(opt_in)?;
        Ok(edge.to_string())
    }

    #[test]
    fn the_edge_of_a_fitting_offer() {
        for about in [
            r#"{"deliveries":["json","redirect"],"algs":["chacha20","x"],"edge":"https://m.example"}"#,
            r#"{"edge":"https://m.example","new":1}"#,
            r#"{"edge":"https://m.example/"}"#,
        ] {
            assert_eq!(edge(about).as_deref(), Ok("https://m.example"), "{about}");
        }
        assert_eq!(edge(r#"{"edge":"http://127.0.0.1:8787"}"#).as_deref(), Ok("http://127.0.0.1:8787"));
    }

    #[test]
    fn what_does_not_fit_is_not_opted_in() {
        use NotAdvertised as No;
        for (about, reason) in [
            (r#"{"edge":"https://m.example","deliveries":["json"]}"#, No::Delivery),
            (r#"{"edge":"https://m.example","algs":[]}"#, No::Algorithm),
            (r#"{"edge":"http://m.example"}"#, No::Edge),
            (r#"{"edge":"m.example"}"#, No::Edge),
            (r#"{"edge":"https://m.example/path"}"#, No::Edge),
            (r#"{"edge":"https://m.example//"}"#, No::Edge),
            (r#"{"edge":"https://m.example?x=y"}"#, No::Edge),
            (r#"{"edge":"https://m.example/?x=y"}"#, No::Edge),
            (r#"{"edge":"https://m.example#x"}"#, No::Edge),
            (r#"{"edge":"https://me@m.example"}"#, No::Edge),
            (r#"{"edge":"https://M.example"}"#, No::Edge),
            (r#"{"edge":"https://m.example:443"}"#, No::Edge),
            (r#"{"edge":1}"#, No::Malformed),
            ("{}", No::Malformed),
            ("true", No::Malformed),
        ] {
            assert_eq!(edge(about), Err(reason), "{about}");
        }
        assert_eq!(Advertised::from_config(br#"{"m.upload.size":1}"#), Err(No::Absent));
        assert_eq!(Advertised::from_config(b"[]"), Err(No::Malformed));
        assert_eq!(Advertised::from_config(b""), Err(No::Malformed));
    }
}
