// Media of any size without storing them: byte i of a source is a function of its name and i.

import { createHash } from "node:crypto";

import { decryptStream, keystream } from "./cipher.mjs";

const CHUNK_BYTES = 64 * 1024;

/** Incompressible bytes: a ChaCha20 keystream whose key is the name's hash. */
export class Source {
  #key;

  /**
   * @param {string} name sources with different names differ everywhere
   * @param {number} size in bytes
   */
  constructor(name, size) {
    this.#key = createHash("sha256").update(name).digest();
    this.size = size;
  }

  /** Returns `length` bytes from `offset`; fewer at the end. */
  slice(offset = 0, length = this.size - offset) {
    return keystream(this.#key, offset, Math.max(0, Math.min(length, this.size - offset)));
  }

  /** Yields the same, a chunk at a time. */
  *chunks(offset = 0, length = this.size - offset, chunkBytes = CHUNK_BYTES) {
    const end = Math.min(this.size, offset + length);
    for (let at = offset; at < end; at += chunkBytes) yield this.slice(at, Math.min(chunkBytes, end - at));
  }
}

/** The same interface for existing bytes, such as a real picture. */
export class Bytes {
  constructor(bytes) {
    this.bytes = Buffer.from(bytes);
    this.size = this.bytes.length;
  }

  slice(offset = 0, length = this.size - offset) {
    return this.bytes.subarray(offset, offset + length);
  }

  *chunks(offset = 0, length = this.size - offset, chunkBytes = CHUNK_BYTES) {
    const end = Math.min(this.size, offset + length);
    for (let at = offset; at < end; at += chunkBytes) yield this.slice(at, Math.min(chunkBytes, end - at));
  }
}

/** Returns the SHA-256 of a source or a stream, in hexadecimal. */
export async function sha256(body) {
  const hash = createHash("sha256");
  for await (const chunk of body instanceof Source || body instanceof Bytes ? body.chunks() : body) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * Reads a body to its end and compares it with a slice of a source as it arrives, with at most a chunk in memory.
 *
 * @param {AsyncIterable<Uint8Array>} body such as `response.body`
 * @param {Source | Bytes} source
 * @param {{offset?: number, length?: number, key?: Buffer}} [options] the slice; with a key the body is decrypted first
 * @returns {Promise<number>} the number of bytes received
 * @throws {Error} at the first byte that differs, or if there are more or fewer bytes
 */
export async function expectSlice(body, source, { offset = 0, length = source.size - offset, key } = {}) {
  const decipher = key && decryptStream(key, offset);
  let count = 0;
  for await (const chunk of body) {
    const plain = decipher ? decipher.update(chunk) : Buffer.from(chunk);
    const expected = source.slice(offset + count, Math.min(plain.length, length - count));
    if (!plain.equals(expected)) {
      const at = expected.findIndex((byte, i) => byte !== plain[i]);
      const what =
        at < 0 ? `body is longer than ${length} bytes` : `byte ${count + at} of the body is ${plain[at]} instead of ${expected[at]}`;
      throw new Error(`${what} (slice from ${offset})`);
    }
    count += plain.length;
  }
  if (count !== length) throw new Error(`body ended after ${count} bytes instead of ${length} (slice from ${offset})`);
  return count;
}
