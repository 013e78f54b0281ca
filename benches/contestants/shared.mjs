// Code that the JavaScript contestants share: the object, the key, and streams.

/** The base of all object URLs. The configuration of workerd sends requests for any host to the origin server. */
export const ORIGIN = "http://localhost:8008";

/** The key of all contestants: 32 times the byte 7. */
export const KEY = new Uint8Array(32).fill(7);

/** The options with which Cloakroom's edge fetches an object: the service account's token, and no caches. */
export const SERVICE_ACCOUNT = {
  headers: { "accept-encoding": "identity", authorization: "Bearer benchmark" },
  redirect: "manual",
  cache: "no-store",
  cf: { cacheTtlByStatus: { "100-599": -1 } },
};

/** Fetches the object that a request asks for. */
export function fetchObject(request) {
  return fetch(ORIGIN + new URL(request.url).pathname);
}

/** Returns the length of the object in bytes, from the origin server's `Content-Length`. */
export function lengthOf(upstream) {
  return Number(upstream.headers.get("content-length"));
}

/**
 * Returns a byte stream that reads `upstream` into new buffers and passes each of them to `transform`. This is the fastest way on this
 * platform to read each chunk in JavaScript.
 */
export function byteStream(upstream, bufferBytes, transform) {
  const reader = upstream.body.getReader({ mode: "byob" });
  return new ReadableStream({
    type: "bytes",
    expectedLength: lengthOf(upstream),
    async pull(controller) {
      const { value, done } = await reader.readAtLeast(bufferBytes, new Uint8Array(bufferBytes));
      if (value.byteLength > 0) controller.enqueue(await transform(value));
      if (done) controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Returns a function that encrypts consecutive chunks with AES-256 in counter mode. Counter block i is for bytes 16 i to 16 i + 15. */
export async function aesCtr() {
  const key = await crypto.subtle.importKey("raw", KEY, "AES-CTR", false, ["encrypt"]);
  let position = 0;
  return async (chunk) => {
    // WebCrypto starts at the beginning of a block. So the chunk is padded in front, and the padding is cut off again.
    const before = position % 16;
    const counter = new Uint8Array(16);
    new DataView(counter.buffer).setUint32(12, (position - before) / 16);
    let plaintext = chunk;
    if (before > 0) {
      plaintext = new Uint8Array(before + chunk.byteLength);
      plaintext.set(chunk, before);
    }
    position += chunk.byteLength;
    const ciphertext = await crypto.subtle.encrypt({ name: "AES-CTR", counter, length: 32 }, key, plaintext);
    return new Uint8Array(ciphertext, before);
  };
}
