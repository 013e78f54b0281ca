//! HTTP requests: those of [`cloakroom::client::follow`], and those of a user without an account.

use std::fmt;

use cloakroom::client::{ClientError, Credential, Document, MAX_REDIRECTS, Party, Refusal, Request};
use cloakroom::protocol::{AccessToken, WebOrigin, decimal};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, LOCATION, RANGE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::Response;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::network::Network;

/// The response of a server, or its refusal.
pub type Asked<T> = Result<T, Refused>;

/// A refusal, and the server that sent it: the homeserver, or one that it redirected to.
#[derive(Debug)]
pub struct Refused {
    party: Party,
    refusal: Refusal,
}

impl Refused {
    pub fn status(&self) -> StatusCode {
        self.refusal.status
    }
}

/// `the homeserver returned 403 M_FORBIDDEN: You may not`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} returned {}", self.party, self.refusal)
    }
}

impl From<Refused> for Failure {
    fn from(Refused { party, refusal }: Refused) -> Self {
        Self::Client(match party {
            Party::Elsewhere(origin) => ClientError::Elsewhere { origin, status: refusal.status },
            Party::Homeserver | Party::Edge => ClientError::Homeserver(refusal),
        })
    }
}

/// Sends requests with an account or without one.
pub struct Transport {
    network: Network,
    account: Account,
}

enum Account {
    /// The user's account: the value of `Authorization`. It cannot be wiped, because the types of the HTTP
    /// libraries do not support that.
    User(HeaderValue),
    /// No account.
    Anonymous,
}

impl Transport {
    pub fn new(network: Network, token: &AccessToken) -> Result<Self, Failure> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut authorization = HeaderValue::from_str(&bearer).map_err(|_| {
            Failure::usage(
                "the access token does not fit into a header",
                "it must be one word of ASCII characters",
            )
        })?;
        authorization.set_sensitive(true);
        Ok(Self { network, account: Account::User(authorization) })
    }

    /// Returns a transport without an account: it sends no token, and follows redirects as a browser does.
    pub fn anonymous(&self) -> Self {
        Self { network: self.network.clone(), account: Account::Anonymous }
    }

    /// Sends a request. Returns the response before its body has arrived.
    pub async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let headers = self.headers(request.credential(), request.range().cloned());
        self.network.send(Method::GET, request.url(), headers, request.party()).await
    }

    /// Gets a document from the homeserver.
    pub async fn get(&self, url: &str) -> Result<Asked<Zeroizing<Vec<u8>>>, Failure> {
        let (response, party) = self.ask(Method::GET, url, None).await?;
        if response.status().is_success() {
            return self.document(response, &party).await.map(Ok);
        }
        self.refused(response, party).await.map(Err)
    }

    /// Checks whether the homeserver serves media, without receiving it: with `HEAD`, and if that fails
    /// with a `GET` of one byte. Not every server supports `HEAD`, and its response has no error message.
    pub async fn serves(&self, url: &str) -> Result<Asked<()>, Failure> {
        let (response, _) = self.ask(Method::HEAD, url, None).await?;
        if is_served(response.status()) {
            return Ok(Ok(()));
        }
        let first_byte = HeaderValue::from_static("bytes=0-0");
        let (response, party) = self.ask(Method::GET, url, Some(first_byte)).await?;
        if is_served(response.status()) { Ok(Ok(())) } else { self.refused(response, party).await.map(Err) }
    }

    /// Returns the last response, and who sent it.
    async fn ask(
        &self,
        method: Method,
        url: &str,
        range: Option<HeaderValue>,
    ) -> Result<(Response, Party), Failure> {
        let mut party = Party::Homeserver;
        let headers = self.headers(party.credential(), range);
        let mut response = self.network.send(method.clone(), url, headers.clone(), &party).await?;
        if matches!(self.account, Account::User(_)) {
            return Ok((response, party));
        }
        let homeserver = response.url().origin();
        for _ in 0..MAX_REDIRECTS {
            let Some(next) = location(&response) else { return Ok((response, party)) };
            // Once away, always away, as for `get`: a foreign server does not speak for the homeserver.
            if party != Party::Homeserver || next.origin() != homeserver {
                party = redirect_target(&next)?;
            }
            response = self.network.send(method.clone(), next.as_str(), headers.clone(), &party).await?;
        }
        match location(&response) {
            Some(_) => Err(ClientError::TooManyRedirects(MAX_REDIRECTS).into()),
            None => Ok((response, party)),
        }
    }

    fn headers(&self, credential: Credential, range: Option<HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let (Credential::AccessToken, Account::User(authorization)) = (credential, &self.account) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.extend(range.map(|range| (RANGE, range)));
        headers
    }

    async fn refused(&self, response: Response, party: Party) -> Result<Refused, Failure> {
        let status = response.status();
        let pause = response.headers().get(RETRY_AFTER).and_then(|value| decimal(value.to_str().ok()?));
        let body = self.document(response, &party).await?;
        Ok(Refused { party, refusal: Refusal::read(status, pause, &body) })
    }

    /// Reads a body, up to [`Document::MAX_BYTES`].
    pub async fn document(
        &self,
        mut response: Response,
        party: &Party,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // A buffer that grows would leave copies of a key in freed memory, so it has its full size now.
        // We cannot wipe the buffers of the HTTP client.
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

    /// Returns the failure for an error while a body arrives.
    pub fn failure(&self, error: &reqwest::Error, party: &Party) -> Failure {
        self.network.failure(error, party)
    }
}

/// Returns the target of a redirect; `None` for any other response.
fn location(response: &Response) -> Option<reqwest::Url> {
    let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    response.url().join(location.to_str().ok()?).ok()
}

/// Returns the server that a redirect leads to, without a user name or path of its URL.
fn redirect_target(url: &reqwest::Url) -> Result<Party, ClientError> {
    let origin = WebOrigin::of(&url.origin().ascii_serialization());
    origin.map(Party::Elsewhere).ok_or(ClientError::BadRedirect)
}

/// Returns whether a status means that the homeserver serves the media, itself or by a redirect.
fn is_served(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}
