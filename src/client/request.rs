//! One request of a client: where it goes, and whether the access token goes along.

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
    pub(super) authorised: bool,
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

impl Request {
    /// The URL. May be a link: not for logs.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whom it goes to.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Whether the access token goes along.
    pub fn is_authorised(&self) -> bool {
        self.authorised
    }

    /// The `Range` header.
    pub fn range(&self) -> Option<&HeaderValue> {
        self.range.as_ref()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, party, authorised, range } = self;
        f.debug_struct("Request")
            .field("party", party)
            .field("authorised", authorised)
            .field("range", range)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Homeserver => f.write_str("the homeserver"),
            Self::Edge => f.write_str("the edge"),
            Self::Elsewhere(origin) => write!(f, "{origin}, where the homeserver redirected to"),
        }
    }
}

/// Where the redirects have led so far.
pub(super) struct Trail {
    pub(super) url: Zeroizing<String>,
    pub(super) origin: WebOrigin,
    pub(super) hops: u8,
    /// Whether this is still the homeserver: the token was sent, its words are the homeserver's.
    pub(super) authorised: bool,
}

impl Trail {
    /// The next hop of a plain redirect. The access token goes along as long as every hop stays on
    /// the homeserver's web origin.
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
        let authorised = self.authorised && origin == self.origin;
        Ok(Self { url: Zeroizing::new(url), origin, hops: self.hops + 1, authorised })
    }
}
