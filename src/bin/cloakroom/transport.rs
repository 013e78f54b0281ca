//! Requests over HTTP: each one sent as [`cloakroom::client::follow`] says, no redirect followed.

use std::time::Duration;

use cloakroom::client::{Document, Party, Request};
use cloakroom::protocol::AccessToken;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, RANGE};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::failure::{Failure, root_cause};

/// Name resolution, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The HTTP client, and the token for requests to the homeserver.
pub struct Transport {
    client: reqwest::Client,
    authorization: HeaderValue,
    stall: Duration,
}

impl Transport {
    pub fn new(token: &AccessToken, stall: Duration) -> Result<Self, Failure> {
        let cannot = |why: String| Failure::local("cannot set up TLS", std::io::Error::other(why));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(stall)
            .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| cannot(root_cause(&error)))?;
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut authorization =
            HeaderValue::from_str(&bearer).map_err(|_| cannot("the token fits into no header".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Self { client, authorization, stall })
    }

    /// Sends a request; gives the response with its body still to come.
    pub async fn send(&self, request: &Request) -> Result<reqwest::Response, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if request.is_authorised() {
            headers.insert(AUTHORIZATION, self.authorization.clone());
        }
        headers.extend(request.range().map(|range| (RANGE, range.clone())));
        let sent = self.client.get(request.url()).headers(headers).send().await;
        sent.map_err(|error| self.failure(&error, request.party()))
    }

    /// Reads a body as a document: no more than [`Document::MAX_BYTES`] of it.
    pub async fn document(
        &self,
        mut response: reqwest::Response,
        party: &Party,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // Its full size at once: growing would leave copies of a key behind.
        let mut body = Zeroizing::new(Vec::with_capacity(Document::MAX_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error, party))? {
            let room = Document::MAX_BYTES - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() == Document::MAX_BYTES {
                break;
            }
        }
        Ok(body)
    }

    fn failure(&self, error: &reqwest::Error, party: &Party) -> Failure {
        Failure::network(error, party, self.stall.as_secs())
    }
}
