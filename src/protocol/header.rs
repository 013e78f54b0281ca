//! The names of headers that this protocol adds, and the header sets that many responses share.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Marks a response as an answer; its value is the delivery. We set it, and strip it from
/// everything relayed: an uploader controls a body's bytes and type, but never this.
pub const ANSWER: HeaderName = HeaderName::from_static("org-matrix-msc4097-answer");
/// The sealed metadata of a link's object.
pub const METADATA: HeaderName = HeaderName::from_static("org-matrix-msc4097-metadata");

/// Every header of this protocol begins so; none of them is ever relayed from upstream.
pub const PREFIX: &str = "org-matrix-msc4097-";

/// For answers, redirects, ciphertext and errors.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store, no-transform");
/// For plaintext to a client that the homeserver authorised: its own cache may keep it.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable, no-transform");

/// What keeps media from acting as a page: the policy of the Matrix specification (11.7.2).
pub const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
     style-src 'unsafe-inline'; object-src 'self';",
);

/// Headers that are the same on whole groups of responses, where we set them: the platform makes each
/// set of them once.
pub const SHARED: [HeaderName; 12] = [
    HeaderName::from_static("access-control-allow-origin"),
    HeaderName::from_static("access-control-allow-methods"),
    HeaderName::from_static("access-control-allow-headers"),
    HeaderName::from_static("access-control-expose-headers"),
    HeaderName::from_static("cross-origin-resource-policy"),
    http::header::CONTENT_SECURITY_POLICY,
    http::header::X_CONTENT_TYPE_OPTIONS,
    http::header::CACHE_CONTROL,
    http::header::ACCEPT_RANGES,
    http::header::CONTENT_TYPE,
    http::header::REFERRER_POLICY,
    HeaderName::from_static("x-robots-tag"),
];

/// CORS for everything that a browser may read from us.
pub fn insert_cors(headers: &mut HeaderMap) {
    let fixed = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        (
            "access-control-allow-headers",
            "Authorization, Content-Type, Date, If-None-Match, If-Range, Range, X-Requested-With",
        ),
        (
            "access-control-expose-headers",
            "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, \
             Org-Matrix-Msc4097-Answer, Org-Matrix-Msc4097-Metadata",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// What every response with media bytes carries, plain or encrypted: CORS, CORP, sandbox, `nosniff`.
pub fn insert_media_safety(headers: &mut HeaderMap) {
    insert_cors(headers);
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(http::header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
