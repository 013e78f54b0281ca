// A second implementation of the ciphers, of sealed metadata and of sessions, for the vectors: OpenSSL by way of node:crypto,
// written from the specification alone. It shares no code with the Rust crate that the vectors test.
import { createCipheriv, createHash, createHmac, hkdfSync } from "node:crypto";

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
 * An algorithm: the length of its blocks, and OpenSSL's cipher at a block of the keystream.
 *
 * @typedef {{ blockBytes: number, cipherAt: (key: Uint8Array, nonce: Buffer, block: number) => ReturnType<typeof createCipheriv> }} Algorithm
 */

/** @type {Record<string, Algorithm>} */
const ALGORITHMS = {
  chacha20: {
    blockBytes: 64,
    cipherAt(key, nonce, block) {
      // OpenSSL's IV is the 32-bit little-endian block counter and RFC 8439's 12-byte nonce.
      const iv = Buffer.concat([Buffer.alloc(4), nonce]);
      iv.writeUInt32LE(block);
      return createCipheriv("chacha20", key, iv);
    },
  },
  a256ctr: {
    blockBytes: 16,
    cipherAt(key, nonce, block) {
      const iv = Buffer.concat([nonce, Buffer.alloc(4)]);
      iv.writeUInt32BE(block, 12);
      return createCipheriv("aes-256-ctr", key, iv);
    },
  },
};

/**
 * XORs `data` with the keystream of `stream` from byte `offset` on. Encrypts and decrypts.
 *
 * @param {Uint8Array} key
 * @param {"body" | "metadata"} stream
 * @param {number} offset in bytes
 * @param {Uint8Array} data
 * @param {string} [alg]
 */
export function xor(key, stream, offset, data, alg = "chacha20") {
  if (offset + data.length > KEYSTREAM_BYTES) throw new RangeError("beyond the end of the keystream");
  if (data.length === 0) return Buffer.alloc(0);
  const { blockBytes, cipherAt } = ALGORITHMS[alg];
  const cipher = cipherAt(key, NONCES[stream], Math.floor(offset / blockBytes));
  cipher.update(Buffer.alloc(offset % blockBytes));
  return cipher.update(data);
}

/**
 * The value of the metadata header for this JSON text.
 *
 * @param {Uint8Array} key
 * @param {string} json
 * @param {string} [alg]
 */
export function seal(key, json, alg = "chacha20") {
  const padded = Buffer.alloc(SEALED_METADATA_BYTES, " ");
  if (Buffer.byteLength(json) > padded.length) throw new RangeError("the metadata is too long to seal");
  padded.write(json, "utf8");
  return base64url(xor(key, "metadata", 0, padded, alg));
}

/**
 * HKDF-SHA256.
 *
 * @param {Uint8Array} secret
 * @param {string} salt
 * @param {string | Uint8Array} info
 * @param {number} length in bytes
 */
const derive = (secret, salt, info, length) => Buffer.from(hkdfSync("sha256", secret, salt, info, length));

/**
 * The key of the link whose redirect token has this name.
 *
 * @param {Uint8Array} secret
 * @param {string} name
 * @param {string} alg
 */
export const sessionKey = (secret, name, alg) => derive(secret, name, `org.matrix.msc4097/object/${alg}`, 32);

/**
 * The id of a session, for an access token: 45 bytes.
 *
 * @param {{ master: Uint8Array, token: string, expires_ts: number, random: Uint8Array, version?: number }} session
 */
export function sessionId({ master, token, expires_ts, random, version = 1 }) {
  const expiry = Buffer.alloc(8);
  expiry.writeBigUInt64BE(BigInt(expires_ts));
  const masterId = derive(master, "", "org.matrix.msc4097/session-master", 4);
  const head = Buffer.concat([Buffer.from([version]), masterId, expiry, random]);
  const hmac = createHmac("sha256", derive(master, "", "org.matrix.msc4097/session-tag", 32));
  hmac.update(head).update(createHash("sha256").update(token).digest());
  return Buffer.concat([head, hmac.digest().subarray(0, 16)]);
}

/**
 * The secret of the session with this id.
 *
 * @param {Uint8Array} master
 * @param {Uint8Array} id
 */
export const sessionSecret = (master, id) => derive(master, "", Buffer.concat([Buffer.from("org.matrix.msc4097/session"), id]), 32);
