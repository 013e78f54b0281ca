// Incoming requests.

/** Matches URLs that the URL standard certainly leaves unchanged, as it does most links. */
const STANDARD =
  /^https?:\/\/(?![^/]*xn--)(?:(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*|127\.0\.0\.1)(?::(?!80\/|443\/)(?:[1-5]\d{4}|[1-9]\d{0,3}))?\/[\w-]*$/;

/**
 * Returns a URL as the URL standard writes it. The runtime may leave dot segments in.
 *
 * @param {string} url
 */
export function standardUrl(url) {
  return STANDARD.test(url) ? url : new URL(url).href;
}

/**
 * Returns method and URL of a request as one text, `{method}\n{URL}`.
 *
 * @param {Request} request
 */
export function requestLine(request) {
  return `${request.method}\n${standardUrl(request.url)}`;
}
