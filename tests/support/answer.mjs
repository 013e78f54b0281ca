// Answers. Only the header `Org-Matrix-Msc4097-Answer` makes a response an answer, whatever its body looks like.

import { keyFor } from "./cipher.mjs";
import { secret } from "./secrets.mjs";

export const ANSWER_HEADER = "org-matrix-msc4097-answer";
export const METADATA_HEADER = "org-matrix-msc4097-metadata";
export const SESSION_HEADER = "org-matrix-msc4097-session";

const KEY_BYTES = 32;
const TOKEN_BYTES = 32;
/** The longest time that a grant may be given. */
const MAX_TTL_MS = 86_400_000;

/** Returns the query that opts in. */
export function optIn(delivery, { algs, session, verbatim } = {}) {
  const query = new URLSearchParams({ "org.matrix.msc4097.delivery": delivery });
  if (algs !== undefined) query.set("org.matrix.msc4097.alg", algs);
  if (session !== undefined) query.set("org.matrix.msc4097.session", session);
  if (verbatim !== undefined) query.set("org.matrix.msc4097.verbatim", String(verbatim));
  return `?${query}`;
}

/** Whether a response is an answer. */
export function isAnswer(response) {
  return response.headers.has(ANSWER_HEADER);
}

/**
 * Reads the answer of a `redirect` or `json` delivery and checks its form. Its key and token are registered as secrets.
 *
 * @param {Response} response fetched with `redirect: "manual"`
 * @param {{edge?: string}} [options] the edge, whose web origin the link must have
 * @returns {Promise<{delivery: string, url: string, token: string, alg: string, key?: Buffer, expiresMs: number, expiresInMs: number, metadata: object} | null>}
 *   null if the header is missing: the body is then media or an error, and stays unread
 * @throws {Error} naming the field that breaks the specification
 */
export async function readAnswer(response, { edge } = {}) {
  if (!isAnswer(response)) return null;
  const delivery = response.headers.get(ANSWER_HEADER);
  const body = await response.json();
  if (typeof body.key === "string") secret(body.key, "key");
  const token = String(body.url ?? "")
    .split("/")
    .at(-1);
  if (token.length >= 8) secret(token, "redirect token");

  check(["redirect", "json"].includes(delivery), `unknown delivery ${delivery}`);
  check(response.status === (delivery === "redirect" ? 307 : 200), `${delivery} with status ${response.status}`);
  check(response.headers.get("content-type") === "application/json", `Content-Type ${response.headers.get("content-type")}`);
  const cacheControl = response.headers.get("cache-control");
  check(cacheControl === "no-store, no-transform", `Cache-Control ${cacheControl}`);
  if (delivery === "redirect") check(response.headers.get("location") === body.url, "Location differs from url");
  else check(!response.headers.has("location"), "json delivery with a Location");

  check(URL.canParse(body.url), "url is no URL");
  const link = new URL(body.url);
  check(link.search === "" && link.hash === "", "url has a query or fragment");
  if (edge) check(link.origin === new URL(edge).origin, `url leads to ${link.origin} instead of ${edge}`);
  checkBase64url(token, TOKEN_BYTES, "token");
  check(Number.isSafeInteger(body.expires_ts) && body.expires_ts > Date.now(), `expires_ts ${body.expires_ts}`);
  const left = body.expires_in_ms;
  check(Number.isSafeInteger(left) && left > 0 && left <= MAX_TTL_MS, `expires_in_ms ${left}`);
  check(Number.isSafeInteger(body.metadata?.size) && body.metadata.size >= 0, `metadata.size ${body.metadata?.size}`);

  const answer = { delivery, url: body.url, token, alg: body.alg, expiresMs: body.expires_ts, expiresInMs: left, metadata: body.metadata };
  if (body.alg === "none") {
    check(!("key" in body), "alg none with a key");
    return answer;
  }
  check(["chacha20", "a256ctr"].includes(body.alg), `alg ${body.alg}`);
  return { ...answer, key: keyFor(body.alg, checkBase64url(body.key, KEY_BYTES, "key")) };
}

function checkBase64url(text, bytes, field) {
  check(typeof text === "string" && /^[A-Za-z0-9_-]+$/.test(text), `${field} is not unpadded base64url`);
  const decoded = Buffer.from(text, "base64url");
  check(decoded.length === bytes, `${field} has ${decoded.length} bytes instead of ${bytes}`);
  check(decoded.toString("base64url") === text, `${field} is not canonical base64url`);
  return decoded;
}

function check(condition, message) {
  if (!condition) throw new Error(`not a valid answer: ${message}`);
}
