// A second implementation of the cipher and of sealed metadata, for the vectors: OpenSSL's ChaCha20 by way of node:crypto,
// written from the specification alone. It shares no code with the Rust crate that the vectors test.
import { createCipheriv, createHash } from "node:crypto";

export const KEYSTREAM_BYTES = 2 ** 36;
export const SEALED_METADATA_BYTES = 1024;

const NONCES = {
  body: Buffer.from("000000000000000000000000", "hex"),
  metadata: Buffer.from("000000000000000000000001", "hex"),
};

/**
 * Unpadded base64url.
 *
 * @param {Uint8Array} bytes
 */
export const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

/**
 * Lower-case hex.
 *
 * @param {Uint8Array} bytes
 */
export const hex = (bytes) => Buffer.from(bytes).toString("hex");

/**
 * The bytes of a text in hex.
 *
 * @param {string} text
 */
export const unhex = (text) => Buffer.from(text, "hex");

/**
 * SHA-256 as lower-case hex.
 *
 * @param {Uint8Array | string} bytes
 */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/**
 * 32 bytes that look random and are the same in every run.
 *
 * @param {string} label
 */
export const bytes32 = (label) => createHash("sha256").update(`cloakroom test vectors: ${label}`).digest();

/**
 * `count` bytes 0, 1, 2 ... 255, 0 ... from `first` on.
 *
 * @param {number} count
 */
export const counting = (count, first = 0) => Buffer.from(Array.from({ length: count }, (_, i) => (first + i) % 256));

/**
 * XORs `data` with the keystream of `stream` from byte `offset` on. Encrypts and decrypts.
 *
 * @param {Uint8Array} key
 * @param {"body" | "metadata"} stream
 * @param {number} offset in bytes
 * @param {Uint8Array} data
 */
export function xor(key, stream, offset, data) {
  if (offset + data.length > KEYSTREAM_BYTES) throw new RangeError("beyond the end of the keystream");
  // OpenSSL's IV is the 32-bit little-endian block counter and RFC 8439's 12-byte nonce.
  const iv = Buffer.concat([Buffer.alloc(4), NONCES[stream]]);
  iv.writeUInt32LE(Math.floor(offset / 64));
  const cipher = createCipheriv("chacha20", key, iv);
  cipher.update(Buffer.alloc(offset % 64));
  return cipher.update(data);
}

/**
 * The value of the metadata header for this JSON text.
 *
 * @param {Uint8Array} key
 * @param {string} json
 */
export function seal(key, json) {
  const padded = Buffer.alloc(SEALED_METADATA_BYTES, " ");
  if (Buffer.byteLength(json) > padded.length) throw new RangeError("the metadata is too long to seal");
  padded.write(json, "utf8");
  return base64url(xor(key, "metadata", 0, padded));
}
