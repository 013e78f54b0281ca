// Options of the requests that we make ourselves.

import { headersObject } from "./headers.js";

/**
 * Returns the options for a request of ours, which follows no redirect and neither asks nor fills a cache. Cloudflare's own cache must never answer a
 * request for authorisation, so it is switched off in two ways.
 *
 * @param {string} method
 * @param {string} headers
 * @returns {RequestInit}
 */
export function uncached(method, headers) {
  return { method, headers: headersObject(headers), redirect: "manual", cache: "no-store", cf: { cacheTtlByStatus: { "100-599": -1 } } };
}

/**
 * Returns the same options as an object of the runtime, to be used for many requests.
 *
 * @param {string} method
 * @param {string} headers
 */
export function uncachedTemplate(method, headers) {
  return new Request("http://template.invalid", uncached(method, headers));
}
