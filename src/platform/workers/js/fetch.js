// Options of the requests that we make in our own name.

import { headersObject } from "./headers.js";

/**
 * What every request of ours says: no redirect is followed, no cache asked or filled. Cloudflare's own
 * cache must never answer an authorisation, so it is switched off in two ways.
 *
 * @param {string} method
 * @param {string} headers
 * @returns {RequestInit}
 */
export function uncached(method, headers) {
  return { method, headers: headersObject(headers), redirect: "manual", cache: "no-store", cf: { cacheTtlByStatus: { "100-599": -1 } } };
}

/**
 * The same as an object of the runtime, for many requests.
 *
 * @param {string} method
 * @param {string} headers
 */
export function uncachedTemplate(method, headers) {
  return new Request("http://template.invalid", uncached(method, headers));
}
