// Attachments of encrypted rooms, encrypted and decrypted as Matrix clients do.
//
// Matrix specification, "Sending encrypted attachments" (client-server API, end-to-end encryption): AES-256-CTR, whose counter block is eight
// random bytes and a 64-bit counter from 0; the homeserver stores the ciphertext as application/octet-stream, and an `EncryptedFile` with key
// and SHA-256 of the ciphertext travels in the event.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

import { secret } from "./secrets.mjs";

const KEY_BYTES = 32;
const BLOCK_BYTES = 16;
const RANDOM_IV_BYTES = 8;

/**
 * Encrypts a file. The key is registered as a secret.
 *
 * @param {Uint8Array} plaintext
 * @returns {{ciphertext: Buffer, file: object}} `file` is the `EncryptedFile` of the event, without its `url`
 */
export function encryptAttachment(plaintext) {
  const key = randomBytes(KEY_BYTES);
  const iv = Buffer.concat([randomBytes(RANDOM_IV_BYTES), Buffer.alloc(BLOCK_BYTES - RANDOM_IV_BYTES)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const file = {
    v: "v2",
    key: { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k: secret(key.toString("base64url"), "attachment key"), ext: true },
    iv: unpadded(iv),
    hashes: { sha256: unpadded(createHash("sha256").update(ciphertext).digest()) },
  };
  return { ciphertext, file };
}

/** Returns whether these bytes have the SHA-256 in the event. */
export function hashFits(file, ciphertext) {
  return unpadded(createHash("sha256").update(ciphertext).digest()) === file.hashes.sha256;
}

/**
 * Decrypts an attachment.
 *
 * @throws {Error} if the ciphertext does not have the SHA-256 in the event
 */
export function decryptAttachment(file, ciphertext) {
  if (!hashFits(file, ciphertext)) throw new Error("the attachment's SHA-256 differs from the one in its event");
  const decipher = createDecipheriv("aes-256-ctr", Buffer.from(file.key.k, "base64url"), Buffer.from(file.iv, "base64"));
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

/** Unpadded base64, as Matrix writes it. */
function unpadded(bytes) {
  return bytes.toString("base64").replace(/=+$/, "");
}
