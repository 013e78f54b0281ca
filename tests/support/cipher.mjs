// Decryption with a second implementation: OpenSSL's ChaCha20 (RFC 8439, section 2.4) and AES-256 in counter mode, through Node.
//
// The ciphers provide confidentiality only: they do not detect changed bytes.

import { createDecipheriv, hkdfSync } from "node:crypto";

/** The nonce of an object's body. */
export const BODY_NONCE = Buffer.alloc(12);
/** The nonce of the sealed metadata. */
export const METADATA_NONCE = Buffer.concat([Buffer.alloc(11), Buffer.from([1])]);
/** The length of sealed metadata, which is always the same. */
export const METADATA_BYTES = 1024;

const BLOCK_BYTES = { chacha20: 64, a256ctr: 16 };

/**
 * A key: its bytes, which know their algorithm.
 *
 * @param {"chacha20" | "a256ctr"} alg
 * @param {Uint8Array} bytes 32 of them
 */
export function keyFor(alg, bytes) {
  return Object.assign(Buffer.from(bytes), { alg });
}

/** The key of a session's link, from the session's secret and the redirect token's name. */
export function sessionKey(secret, name, alg) {
  return keyFor(alg, new Uint8Array(hkdfSync("sha256", secret, name, `org.matrix.msc4097/object/${alg}`, 32)));
}

/**
 * Turns a piece of ciphertext into plaintext, or back.
 *
 * @param {Buffer} key 32 bytes, for ChaCha20 unless `keyFor` made it for another algorithm
 * @param {Uint8Array} bytes the piece
 * @param {number} [offset] the position of the piece in the object, in bytes, below 2^36
 * @param {Buffer} [nonce] 12 bytes
 * @returns {Buffer}
 */
export function decrypt(key, bytes, offset = 0, nonce = BODY_NONCE) {
  return decryptStream(key, offset, nonce).update(bytes);
}

/** Returns `length` bytes of keystream from `offset`. */
export function keystream(key, offset, length, nonce = BODY_NONCE) {
  return decrypt(key, Buffer.alloc(length), offset, nonce);
}

/** Returns a Node transform that decrypts a stream starting at `offset`. */
export function decryptStream(key, offset = 0, nonce = BODY_NONCE) {
  const { alg = "chacha20" } = key;
  const skip = offset % BLOCK_BYTES[alg];
  const decipher = decipherAt(alg, key, (offset - skip) / BLOCK_BYTES[alg], nonce);
  decipher.update(Buffer.alloc(skip));
  return decipher;
}

/**
 * Opens the `Org-Matrix-Msc4097-Metadata` header.
 *
 * @param {Buffer} key the grant's key
 * @param {string} header unpadded base64url of 1,024 bytes
 * @returns {{size: number, content_type?: string, content_disposition?: string}}
 * @throws {Error} if the length or the key is wrong
 */
export function unsealMetadata(key, header) {
  if (!/^[A-Za-z0-9_-]*$/.test(header ?? "")) throw new Error(`sealed metadata is not unpadded base64url: ${header}`);
  const sealed = Buffer.from(header, "base64url");
  if (sealed.length !== METADATA_BYTES) throw new Error(`sealed metadata has ${sealed.length} bytes instead of ${METADATA_BYTES}`);
  const text = decrypt(key, sealed, 0, METADATA_NONCE).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("cannot open the sealed metadata: this is not its key");
  }
}

// OpenSSL's IV: for ChaCha20 the 32-bit little-endian block counter, then the nonce; for AES the nonce, then the big-endian counter.
function decipherAt(alg, key, block, nonce) {
  const iv = Buffer.alloc(16);
  if (alg === "a256ctr") {
    nonce.copy(iv, 0);
    iv.writeUInt32BE(block, 12);
    return createDecipheriv("aes-256-ctr", key, iv);
  }
  iv.writeUInt32LE(block, 0);
  nonce.copy(iv, 4);
  return createDecipheriv("chacha20", key, iv);
}
