//! One request of a client: where it goes, and with which credential.

use std::fmt;

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::ClientError;
use crate::protocol::{WebOrigin, ascii_reference};

/// Longest chain of plain redirects.
pub const MAX_REDIRECTS: u8 = 10;

/// A request to send with `GET`. `Debug` does not show the URL, which may be a link.
pub struct Request {
    pub(super) url: Zeroizing<String>,
    pub(super) party: Party,
    pub(super) range: Option<HeaderValue>,
}

/// Whom a request goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// The user's homeserver.
    Homeserver,
    /// The edge that it advertises.
    Edge,
    /// Where it redirected to.
    Elsewhere(WebOrigin),
}

/// What a request proves its sender with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The user's access token, in the `Authorization` header.
    AccessToken,
    /// Nothing: no access token, cookie or user name.
    None,
}

impl Party {
    /// Returns what requests to this party carry: the access token goes to the homeserver only.
    pub fn credential(&self) -> Credential {
        match self {
            Self::Homeserver => Credential::AccessToken,
            Self::Edge | Self::Elsewhere(_) => Credential::None,
        }
    }
}

impl Request {
    /// Returns the URL. It may be a link: not for logs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns whom the request goes to.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Returns what the request must carry.
    pub fn credential(&self) -> Credential {
        self.party.credential()
    }

    /// Returns the `Range` header.
    pub fn range(&self) -> Option<&HeaderValue> {
        self.range.as_ref()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, party, range } = self;
        f.debug_struct("Request").field("party", party).field("range", range).finish_non_exhaustive()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Homeserver => f.write_str("the homeserver"),
            Self::Edge => f.write_str("the edge"),
            Self::Elsewhere(origin) => write!(f, "the redirect target {origin}"),
        }
    }
}

/// Where the redirects have led so far.
pub(super) struct Trail {
    pub(super) url: Zeroizing<String>,
    /// The homeserver until a redirect leaves its web origin, then never again.
    pub(super) party: Party,
    pub(super) origin: WebOrigin,
    pub(super) hops: u8,
}

impl Trail {
    /// Takes the next hop of a plain redirect. The access token goes along as long as every hop stays
    /// on the homeserver's web origin.
    pub(super) fn hop(self, headers: &HeaderMap) -> Result<Self, ClientError> {
        if self.hops == MAX_REDIRECTS {
            return Err(ClientError::TooManyRedirects(MAX_REDIRECTS));
        }
        let location = headers.get(LOCATION).and_then(ascii_reference);
        let location = location.as_ref().and_then(|value| value.to_str().ok());
        let location = location.ok_or(ClientError::BadRedirect)?;
        let same_host = location.starts_with('/') && !location.starts_with("//");
        let url = if same_host { format!("{}{location}", self.origin) } else { location.to_owned() };
        let origin = WebOrigin::of(&url).ok_or(ClientError::BadRedirect)?;
        if self.origin.is_https() && !origin.is_https() {
            return Err(ClientError::InsecureRedirect);
        }
        // Once away, always away: a foreign server cannot send the token anywhere by redirecting back.
        let party = match self.party {
            Party::Homeserver if origin == self.origin => Party::Homeserver,
            _ => Party::Elsewhere(origin.clone()),
        };
        Ok(Self { url: Zeroizing::new(url), party, origin, hops: self.hops + 1 })
    }
}
