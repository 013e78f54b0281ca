import { readAtMost } from "./body.js";

/**
 * Fetches a short document from a server that nobody vouches for: all of it, or undefined, within
 * `timeoutMs` from the connection to the last byte and at most `limit` bytes.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @param {number} timeoutMs
 * @param {number} limit
 */
export async function fetchDocument(url, init, timeoutMs, limit) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    const body = await readAtMost(response.body ?? [], limit);
    return body && { status: response.status, location: response.headers.get("location") ?? undefined, body };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/**
 * Lets `ms` pass.
 *
 * @param {number} ms
 */
export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
