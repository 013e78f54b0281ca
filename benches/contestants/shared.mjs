// What the JavaScript contestants share: where the object is, and the key that all of them encrypt under.

/** Sent on to the origin server, whatever the host: the configuration says so. */
export const ORIGIN = "http://localhost:8008";

/** 32 bytes of 7, as the Rust contestants have it. */
export const KEY = new Uint8Array(32).fill(7);

/** What Cloakroom's edge says when it asks for an object: who it is, and that no cache may answer. */
export const SERVICE_ACCOUNT = {
  headers: { "accept-encoding": "identity", authorization: "Bearer benchmark" },
  redirect: "manual",
  cache: "no-store",
  cf: { cacheTtlByStatus: { "100-599": -1 } },
};

/** The object that a request asks for. */
export function fetchObject(request) {
  return fetch(ORIGIN + new URL(request.url).pathname);
}

/** The object's length in bytes, as the origin server promises it. */
export function lengthOf(upstream) {
  return Number(upstream.headers.get("content-length"));
}

/**
 * The fastest way that the platform has for JavaScript to look at each chunk: a byte stream that reads into buffers of its own, and
 * passes each to `transform`.
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

/** AES-256 in counter mode by WebCrypto, over chunks in order: counter block i for bytes 16 i to 16 i + 15. */
export async function aesCtr() {
  const key = await crypto.subtle.importKey("raw", KEY, "AES-CTR", false, ["encrypt"]);
  let position = 0;
  return async (chunk) => {
    // WebCrypto starts at the beginning of a block: what came before in it is put in front and cut off again.
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
