//! Names of this protocol's headers, and sets of headers that many responses share.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY,
};

/// Marks a response as an answer; its value is the delivery (`spec/msc4097.md`, section 4). We strip this
/// header from every response that we relay, so an uploader cannot forge an answer.
pub const ANSWER: HeaderName = HeaderName::from_static("org-matrix-msc4097-answer");
/// Carries the sealed metadata of a link's object (`spec/msc4097.md`, section 7).
pub const METADATA: HeaderName = HeaderName::from_static("org-matrix-msc4097-metadata");

/// Marks the media of a link and names the kind of its bytes (`spec/msc4097.md`, section 8.3), so that a
/// client does not take another response for them. Errors do not have it.
pub const LINK: HeaderName = HeaderName::from_static("org-matrix-msc4097-link");

/// Says why a client that opted in is served plainly (`spec/msc4097.md`, section 3.2). It is not in
/// [`SHARED`], because each of its values would need another set of shared headers.
pub const PLAIN: HeaderName = HeaderName::from_static("org-matrix-msc4097-plain");

/// Says `stale` if the session that a request names has ended.
pub const SESSION: HeaderName = HeaderName::from_static("org-matrix-msc4097-session");

/// The beginning of every header of this protocol. We never relay such a header from upstream.
pub const PREFIX: &str = "org-matrix-msc4097-";

/// The `Cache-Control` of answers, redirects, ciphertext and errors.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store, no-transform");
/// The `Cache-Control` of plaintext for a client that the homeserver authorised: the client may cache it.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable, no-transform");

/// The `Content-Security-Policy` of media, which keeps browsers from running media as a page. It is the
/// policy that the Matrix specification recommends ("Content repository") with `media-src 'self'`, which
/// Synapse and matrix-media-repo add too. Without it, browsers do not play a video or sound that is opened by
/// its URL.
pub const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
     style-src 'unsafe-inline'; media-src 'self'; object-src 'self';",
);

/// Tells search engines not to index a response.
pub const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The headers whose values are the same on many of our responses. The platform builds each set of them
/// once and reuses it.
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

/// The headers that a script may read: all that a client needs, such as `Retry-After` of a 429 and
/// `WWW-Authenticate` of a 401. We never send `Content-Encoding`, but a proxy may encode the body of a link,
/// and a client must refuse it then. `Location` is missing, because `fetch` hides all headers of a redirect.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Retry-After, \
     WWW-Authenticate, Org-Matrix-Msc4097-Answer, Org-Matrix-Msc4097-Link, Org-Matrix-Msc4097-Metadata, \
     Org-Matrix-Msc4097-Plain, Org-Matrix-Msc4097-Session",
);

/// Inserts the CORS headers that let scripts read a response (Fetch standard).
fn insert_readable(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// How long a browser may cache the response to a preflight: one day, the maximum in Firefox. The maximum
/// in Chromium is two hours.
const PREFLIGHT_MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("86400");

/// Inserts the headers of a response to a preflight, on the origin and the edge. A request with `Range` needs
/// a preflight, so a page that seeks in a video would send many without `Access-Control-Max-Age`.
pub fn insert_preflight(headers: &mut HeaderMap) {
    insert_cors(headers);
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_SECS);
}

/// Inserts the CORS headers that the Matrix specification wants on every response of a homeserver.
pub fn insert_cors(headers: &mut HeaderMap) {
    insert_readable(headers);
    let allowed = "Authorization, Content-Type, Date, If-None-Match, If-Range, Range, X-Requested-With";
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
}

/// Inserts the headers of everything that the origin serves on a path to media: CORS, CORP, sandbox,
/// `nosniff`, `Referrer-Policy` and `X-Robots-Tag`. The last two keep public links out of referrers and
/// search engines.
pub fn insert_media_safety(headers: &mut HeaderMap) {
    insert_link_safety(headers);
    insert_cors(headers);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let robots = HeaderValue::from_static("noindex, nofollow, noarchive, noimageindex");
    headers.insert(X_ROBOTS_TAG, robots);
}

/// Inserts the headers of media under a redirect link. Headers that only a preflight needs are left out,
/// because each header takes about 1 % of the CPU time of a small object.
pub fn insert_link_safety(headers: &mut HeaderMap) {
    insert_readable(headers);
    insert_sandbox(headers);
}

/// Inserts the headers that keep browsers from running a body as a page: CORP, sandbox and `nosniff`.
pub fn insert_sandbox(headers: &mut HeaderMap) {
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    headers.insert(http::header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
