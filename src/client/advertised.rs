//! The media config's part about this protocol: whether to opt in, and which edge to trust
//! (`spec/msc4097.md`, sections 2 and 9.1).

use http::StatusCode;
use serde::Deserialize;

use crate::protocol::{OptIn, PREFIX, WebOrigin};

/// The member `org.matrix.msc4097` of `GET /_matrix/client/v1/media/config`:
/// `{"deliveries": ["redirect", "json"], "algs": ["chacha20"], "edge": "https://media.example.net"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    edge: WebOrigin,
    /// `None` allows any delivery. The homeserver's response then shows whether it serves that delivery.
    deliveries: Option<Vec<String>>,
    algs: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Record {
    edge: String,
    deliveries: Option<Vec<String>>,
    algs: Option<Vec<String>>,
}

/// The reason why a client asks for plain media although its user wants to opt in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdvertised {
    /// The homeserver refused to send its media config. Guests, for example, may not read it.
    #[error("the homeserver answered {} to the request for its media config", .0.as_u16())]
    Status(StatusCode),
    /// The media config is not the JSON that the specification describes.
    #[error("the homeserver's media config cannot be read")]
    Malformed,
    /// The media config does not mention this protocol.
    #[error("the homeserver does not offer encrypted delivery")]
    Absent,
    /// The edge is not a web origin, or is neither https nor the local machine.
    #[error(
        "the homeserver advertises an edge that is not an https web origin like https://media.example.net"
    )]
    Edge,
    /// The homeserver does not offer the delivery that the client uses.
    #[error("the homeserver does not offer the delivery that was asked for")]
    Delivery,
    /// The homeserver does not offer the algorithm that the client uses.
    #[error("the homeserver offers no algorithm that this client knows")]
    Algorithm,
}

impl Advertised {
    /// Reads a media config.
    ///
    /// # Errors
    /// [`NotAdvertised::Malformed`], [`NotAdvertised::Absent`] or [`NotAdvertised::Edge`].
    pub fn from_config(json: &[u8]) -> Result<Self, NotAdvertised> {
        let config: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|_| NotAdvertised::Malformed)?;
        let about = config.get(PREFIX).ok_or(NotAdvertised::Absent)?;
        let Record { edge, deliveries, algs } =
            Record::deserialize(about).map_err(|_| NotAdvertised::Malformed)?;
        let edge = WebOrigin::parse(&edge).ok_or(NotAdvertised::Edge)?;
        Ok(Self { edge, deliveries, algs })
    }

    /// Returns the edge's web origin, if the homeserver offers the delivery and the algorithm of `opt_in`.
    ///
    /// # Errors
    /// [`NotAdvertised::Delivery`] or [`NotAdvertised::Algorithm`].
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
    fn a_suitable_offer_names_the_edge() {
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
    fn an_unsuitable_offer_is_not_used() {
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
