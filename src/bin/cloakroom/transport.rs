//! Requests over HTTP: each one sent as [`cloakroom::client::follow`] says, no redirect followed, or
//! as somebody without an account would send it.

use std::time::Duration;

use cloakroom::client::{Credential, Document, MAX_REDIRECTS, Party, Refusal, Request};
use cloakroom::protocol::{AccessToken, decimal};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::redirect::Policy;
use zeroize::Zeroizing;

use super::failure::{Failure, root_cause};

/// Name resolution, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What the homeserver gave, or what it refused with.
pub type Asked<T> = Result<T, Refusal>;

/// The HTTP client, and the token for requests to the homeserver.
pub struct Transport {
    client: reqwest::Client,
    /// `None` for somebody without an account.
    authorization: Option<HeaderValue>,
    stall: Duration,
}

impl Transport {
    pub fn new(token: &AccessToken, stall: Duration) -> Result<Self, Failure> {
        let client = client(Policy::none(), stall)?;
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut authorization =
            HeaderValue::from_str(&bearer).map_err(|_| cannot("the token fits into no header".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Self { client, authorization: Some(authorization), stall })
    }

    /// As somebody without an account: no token, and redirects are followed as a browser does.
    pub fn anonymous(stall: Duration) -> Result<Self, Failure> {
        let client = client(Policy::limited(MAX_REDIRECTS.into()), stall)?;
        Ok(Self { client, authorization: None, stall })
    }

    /// Sends a request; gives the response with its body still to come.
    pub async fn send(&self, request: &Request) -> Result<reqwest::Response, Failure> {
        let authorization = match request.credential() {
            Credential::AccessToken => self.authorization.as_ref(),
            Credential::None => None,
        };
        let mut headers = headers(authorization);
        headers.extend(request.range().map(|range| (RANGE, range.clone())));
        let sent = self.client.get(request.url()).headers(headers).send().await;
        sent.map_err(|error| self.failure(&error, request.party()))
    }

    /// Asks the homeserver for a document of its own.
    pub async fn get(&self, url: &str) -> Result<Asked<Zeroizing<Vec<u8>>>, Failure> {
        let response = self.ask(Method::GET, url, None).await?;
        if response.status().is_success() {
            return self.document(response, &Party::Homeserver).await.map(Ok);
        }
        self.refusal(response).await.map(Err)
    }

    /// Asks whether the homeserver serves media, without receiving them: by `HEAD`, and where that does
    /// not succeed by a `GET` of one byte, since a `HEAD` says no reasons and is not known everywhere.
    pub async fn serves(&self, url: &str) -> Result<Asked<()>, Failure> {
        if is_served(self.ask(Method::HEAD, url, None).await?.status()) {
            return Ok(Ok(()));
        }
        let response = self.ask(Method::GET, url, Some(HeaderValue::from_static("bytes=0-0"))).await?;
        if is_served(response.status()) { Ok(Ok(())) } else { self.refusal(response).await.map(Err) }
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        range: Option<HeaderValue>,
    ) -> Result<reqwest::Response, Failure> {
        let mut headers = headers(self.authorization.as_ref());
        headers.extend(range.map(|range| (RANGE, range)));
        let sent = self.client.request(method, url).headers(headers).send().await;
        sent.map_err(|error| self.failure(&error, &Party::Homeserver))
    }

    async fn refusal(&self, response: reqwest::Response) -> Result<Refusal, Failure> {
        let status = response.status();
        let pause = response.headers().get(RETRY_AFTER).and_then(|value| decimal(value.to_str().ok()?));
        let body = self.document(response, &Party::Homeserver).await?;
        Ok(Refusal::read(status, pause, &body))
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

fn client(redirects: Policy, stall: Duration) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .redirect(redirects)
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(stall)
        .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| cannot(root_cause(&error)))
}

/// A redirect that is not followed leads to where the media are.
fn is_served(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

fn cannot(why: String) -> Failure {
    Failure::local("cannot set up TLS", std::io::Error::other(why))
}

fn headers(authorization: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.extend(authorization.map(|authorization| (AUTHORIZATION, authorization.clone())));
    headers
}
