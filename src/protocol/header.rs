//! The names of headers that this protocol adds, and the header sets that many responses share.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY,
};

/// Marks a response as an answer; its value is the delivery. We set it, and strip it from
/// everything relayed: an uploader controls a body's bytes and type, but never this.
pub const ANSWER: HeaderName = HeaderName::from_static("org-matrix-msc4097-answer");
/// The sealed metadata of a link's object.
pub const METADATA: HeaderName = HeaderName::from_static("org-matrix-msc4097-metadata");

/// Marks a link's media: says in one word what its bytes are, so that a client never takes another response
/// for them. Errors do not have it.
pub const LINK: HeaderName = HeaderName::from_static("org-matrix-msc4097-link");

/// Says why a client that opted in is served plainly. It is not among the shared headers, because it would make
/// as many more sets of them as it has words.
pub const PLAIN: HeaderName = HeaderName::from_static("org-matrix-msc4097-plain");

/// Says `stale` if the session that a request names has ended.
pub const SESSION: HeaderName = HeaderName::from_static("org-matrix-msc4097-session");

/// Every header of this protocol begins so; none of them is ever relayed from upstream.
pub const PREFIX: &str = "org-matrix-msc4097-";

/// For answers, redirects, ciphertext and errors.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store, no-transform");
/// For plaintext to a client that the homeserver authorised: its own cache may keep it.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable, no-transform");

/// Keeps media from acting as a page. The policy is that of the Matrix specification (11.7.2) with
/// `media-src 'self'`, which Synapse and matrix-media-repo send too: without it, browsers refuse to play a
/// video or a sound that is opened by its own URL.
pub const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
     style-src 'unsafe-inline'; media-src 'self'; object-src 'self';",
);

/// Tells search engines what to leave alone.
pub const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Headers that are the same on whole groups of responses, where we set them: the platform makes each
/// set of them once.
pub const SHARED: [HeaderName; 13] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    HeaderName::from_static("cross-origin-resource-policy"),
    http::header::CONTENT_SECURITY_POLICY,
    http::header::X_CONTENT_TYPE_OPTIONS,
    http::header::CACHE_CONTROL,
    http::header::ACCEPT_RANGES,
    http::header::CONTENT_TYPE,
    REFERRER_POLICY,
    X_ROBOTS_TAG,
    LINK,
];

/// Headers that a script may read. Every header that we send for a client to act on is here:
/// `Retry-After` of a 429 and `WWW-Authenticate` of a 401 among them. So is `Content-Encoding`, which we never
/// send: a client must refuse a link's body that something on the way has encoded. `Location` is not, because
/// `fetch` hides a redirect with all its headers, whatever they expose.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Retry-After, \
     WWW-Authenticate, Org-Matrix-Msc4097-Answer, Org-Matrix-Msc4097-Link, Org-Matrix-Msc4097-Metadata, \
     Org-Matrix-Msc4097-Plain, Org-Matrix-Msc4097-Session",
);

/// Inserts all of CORS that the Fetch standard asks of a response to anything but a preflight.
fn insert_readable(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// How long a browser may remember the answer to a preflight: a day, which is the most that Firefox allows.
/// Chromium remembers it for two hours at most.
const PREFLIGHT_MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("86400");

/// Inserts what an answer to a preflight carries, on either host. A `Range` makes each request of a page that
/// seeks in a video need a preflight, so the browser is told to remember it.
pub fn insert_preflight(headers: &mut HeaderMap) {
    insert_cors(headers);
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_SECS);
}

/// Inserts the CORS headers that the Matrix specification asks of every response of a homeserver.
pub fn insert_cors(headers: &mut HeaderMap) {
    insert_readable(headers);
    let allowed = "Authorization, Content-Type, Date, If-None-Match, If-Range, Range, X-Requested-With";
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
}

/// Inserts what every response in the homeserver's place carries: CORS, CORP, sandbox, `nosniff`, and what
/// keeps media out of search engines and their URLs out of referrers. A public link is open to both.
pub fn insert_media_safety(headers: &mut HeaderMap) {
    insert_link_safety(headers);
    insert_cors(headers);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let robots = HeaderValue::from_static("noindex, nofollow, noarchive, noimageindex");
    headers.insert(X_ROBOTS_TAG, robots);
}

/// The same for media under a link, which is no homeserver's: what only a preflight needs is left out,
/// because each header costs a small object a hundredth of its CPU time.
pub fn insert_link_safety(headers: &mut HeaderMap) {
    insert_readable(headers);
    insert_sandbox(headers);
}

/// Inserts what keeps a body from acting as a page: CORP, sandbox, `nosniff`.
pub fn insert_sandbox(headers: &mut HeaderMap) {
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(http::header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
