// Responses to clients.

import { appendHeaders } from "./headers.js";

/**
 * Creates a response with the headers of the object `shared`, which does not change, and of the text `own`. The body may be null, a stream, or
 * bytes, which are copied and may therefore be a view of WebAssembly's memory.
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
