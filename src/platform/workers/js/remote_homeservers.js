import { readAtMost } from "./body.js";

/**
 * Fetches a short document from an untrusted server. Returns undefined unless the whole response arrives within `timeoutMs` and has at most `limit`
 * bytes.
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
 * Resolves after `ms` milliseconds.
 *
 * @param {number} ms
 */
export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
