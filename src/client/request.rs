//! The requests of a client: URL, party and credential.

use std::fmt;

use http::header::LOCATION;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::ClientError;
use crate::protocol::{WebOrigin, ascii_reference};

/// The maximum number of plain redirects in a row (`spec/msc4097.md`, section 9.3).
pub const MAX_REDIRECTS: u8 = 10;

/// A `GET` request. `Debug` does not show the URL, because it may be a link.
pub struct Request {
    pub(super) url: Zeroizing<String>,
    pub(super) party: Party,
    pub(super) range: Option<HeaderValue>,
}

/// The recipient of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// The user's homeserver.
    Homeserver,
    /// The edge that the homeserver advertises.
    Edge,
    /// A server to which the homeserver redirected.
    Elsewhere(WebOrigin),
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The user's access token, in the `Authorization` header.
    AccessToken,
    /// No credential: no access token, no cookie, no user name.
    None,
}

impl Party {
    /// Returns the credential for requests to this party. Only the homeserver gets the access token.
    pub fn credential(&self) -> Credential {
        match self {
            Self::Homeserver => Credential::AccessToken,
            Self::Edge | Self::Elsewhere(_) => Credential::None,
        }
    }
}

impl Request {
    /// Returns the URL. It may be a link, so do not log it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the recipient.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Returns the credential to send.
    pub fn credential(&self) -> Credential {
        self.party.credential()
    }

    /// Returns the `Range` header to send, if there is one.
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

/// The state of a chain of plain redirects.
pub(super) struct Trail {
    pub(super) url: Zeroizing<String>,
    /// The homeserver, until a redirect leaves its web origin. It never becomes the homeserver again.
    pub(super) party: Party,
    pub(super) origin: WebOrigin,
    pub(super) hops: u8,
}

impl Trail {
    /// Follows one plain redirect (`spec/msc4097.md`, section 9.3). The party stays the homeserver, and so
    /// gets the access token, only while every hop stays on the homeserver's web origin.
    ///
    /// # Errors
    /// Too many redirects, no usable `Location`, or a redirect from https to http.
    pub(super) fn hop(self, headers: &HeaderMap) -> Result<Self, ClientError> {
        if self.hops == MAX_REDIRECTS {
            return Err(ClientError::TooManyRedirects(MAX_REDIRECTS));
        }
        let mut locations = headers.get_all(LOCATION).iter();
        // Of two values nobody can say which one counts.
        let only = locations.next().filter(|_| locations.next().is_none()).and_then(ascii_reference);
        let location = only.as_ref().and_then(|value| value.to_str().ok()).ok_or(ClientError::BadRedirect)?;
        let url = resolve(&self.url, &self.origin, location);
        let origin = WebOrigin::of(&url).ok_or(ClientError::BadRedirect)?;
        if self.origin.is_https() && !origin.is_https() {
            return Err(ClientError::InsecureRedirect);
        }
        // Even after a redirect back to the homeserver: a foreign server must not direct the token.
        let party = match self.party {
            Party::Homeserver if origin == self.origin => Party::Homeserver,
            _ => Party::Elsewhere(origin.clone()),
        };
        Ok(Self { url: Zeroizing::new(url), party, origin, hops: self.hops + 1 })
    }
}

/// Resolves a `Location` against the URL that it came from (RFC 3986 section 5.2), but for dot segments: those
/// lead to no other host, and the HTTP client resolves them.
fn resolve(from: &str, origin: &WebOrigin, location: &str) -> String {
    let scheme = location.split([':', '/', '?', '#']).next().unwrap_or_default();
    if !scheme.is_empty() && location.get(scheme.len()..).is_some_and(|rest| rest.starts_with(':')) {
        return location.to_owned();
    }
    if location.starts_with("//") {
        return format!("{}:{location}", if origin.is_https() { "https" } else { "http" });
    }
    let rest = WebOrigin::split(from).map_or("", |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let kept = match location.chars().next() {
        Some('/') => "",
        Some('?') => path,
        Some('#') | None => rest,
        Some(_) => path.rfind('/').and_then(|slash| path.get(..=slash)).unwrap_or("/"),
    };
    format!("{origin}{kept}{location}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved_against_the_url_that_they_came_from() {
        let from = "https://hs.example/a/b?c=d";
        let origin = WebOrigin::of(from).unwrap();
        for (location, url) in [
            ("https://x.example/y", "https://x.example/y"),
            ("ftp:x", "ftp:x"),
            ("//x.example/y", "https://x.example/y"),
            ("/y?z=//", "https://hs.example/y?z=//"),
            ("y", "https://hs.example/a/y"),
            ("y/z:1", "https://hs.example/a/y/z:1"),
            ("?e", "https://hs.example/a/b?e"),
            ("", "https://hs.example/a/b?c=d"),
        ] {
            assert_eq!(resolve(from, &origin, location), url, "{location}");
        }
        assert_eq!(resolve("https://hs.example", &origin, "y"), "https://hs.example/y");
    }
}
