//! Reasons for serving a client plainly although it opted in.

use http::HeaderValue;

/// A value of the header `Org-Matrix-Msc4097-Plain` (`spec/msc4097.md`, section 3.2, which has the rules that
/// are meant here). If several reasons apply, the first one in this list counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainReason {
    /// We do not serve the delivery or any of the algorithms, or a parameter is repeated (rules 1 to 3).
    NotSupported,
    /// The request has no access token, on a legacy endpoint (rule 5).
    NoToken,
    /// The session has ended, or belongs to another access token.
    StaleSession,
    /// The length of the object is unknown (rule 6).
    UnknownLength,
    /// The object is larger than `REDIRECT_MAX_BYTES`, or too large for a keystream (rule 7).
    TooLarge,
    /// The object is smaller than `REDIRECT_MIN_BYTES`.
    TooSmall,
    /// The grant could not be stored (rule 8), the edge cannot get the object, or the homeserver redirects to
    /// the object.
    NotAvailable,
}

impl PlainReason {
    /// Every reason, in order of precedence.
    pub const ALL: [Self; 7] = [
        Self::NotSupported,
        Self::NoToken,
        Self::StaleSession,
        Self::UnknownLength,
        Self::TooLarge,
        Self::TooSmall,
        Self::NotAvailable,
    ];

    /// Returns the name on the wire.
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

    /// Returns the name on the wire as a header value.
    pub fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }
}
