/**
 * Fetches a short document from a server that nobody vouches for: all of it, or undefined, within
 * `timeoutMs` from the connection to the last byte and at most `limit` bytes.
 */
export async function fetchDocument(url, init, timeoutMs, limit) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    const chunks = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.byteLength;
      if (length > limit) return undefined; // leaving the loop cancels the stream
      chunks.push(chunk);
    }
    const body = new Uint8Array(await new Blob(chunks).arrayBuffer());
    return { status: response.status, location: response.headers.get("location") ?? undefined, body };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** Lets `ms` pass. */
export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
