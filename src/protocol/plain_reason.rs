//! Why a client that opted in is served plainly.

use http::HeaderValue;

/// The value of `Org-Matrix-Msc4097-Plain`: a closed list of words (specification, section 3.2). Where several
/// fit, the first one here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainReason {
    /// The delivery or every algorithm is unknown, or a parameter is given more than once (rules 1 to 3).
    NotSupported,
    /// The request has no access token, on a legacy endpoint (rule 5).
    NoToken,
    /// The session has ended, or belongs to another access token.
    StaleSession,
    /// The object's length is not known (rule 6).
    UnknownLength,
    /// The object is larger than the origin links, or than any key can encrypt (rule 7).
    TooLarge,
    /// The object is not worth a link: the origin's own choice.
    TooSmall,
    /// There is no link just now: the grant could not be stored (rule 8), or the edge cannot get the object.
    NotAvailable,
}

impl PlainReason {
    /// Every reason, in the order in which they count.
    pub const ALL: [Self; 7] = [
        Self::NotSupported,
        Self::NoToken,
        Self::StaleSession,
        Self::UnknownLength,
        Self::TooLarge,
        Self::TooSmall,
        Self::NotAvailable,
    ];

    /// Returns the word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSupported => "not-supported",
            Self::NoToken => "no-token",
            Self::StaleSession => "stale-session",
            Self::UnknownLength => "unknown-length",
            Self::TooLarge => "too-large",
            Self::TooSmall => "too-small",
            Self::NotAvailable => "not-available",
        }
    }

    /// Returns the value of the header.
    pub fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }
}
