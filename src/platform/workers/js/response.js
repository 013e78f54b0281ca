// Responses to clients.

import { appendHeaders } from "./headers.js";

/**
 * A response with the headers `shared`, an object that stays as it is, and `own`. The body may be
 * null, a stream, or bytes, which are copied: also a view of wasm memory.
 *
 * @param {number} status
 * @param {Headers} shared
 * @param {string} own
 * @param {BodyInit | null} body
 */
export function respond(status, shared, own, body) {
  const response = new Response(body, { status, headers: shared });
  appendHeaders(response.headers, own);
  return response;
}
