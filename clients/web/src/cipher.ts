import type { Bytes } from "./encoding.ts";
import { MediaError } from "./error.ts";

/** The keystream's length under any algorithm: that of a 32-bit counter of 16-byte blocks. */
export const KEYSTREAM_BYTES = 2 ** 36;

/** A key's length. */
export const KEY_BYTES = 32;

/** Nonce of an object's bytes. */
export const BODY_NONCE: Bytes = new Uint8Array(12);

/** Nonce of the sealed metadata. */
export const METADATA_NONCE: Bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/**
 * A stream cipher of the protocol (specification, section 6).
 *
 * It is confidential only, not authenticated: it does not notice changed bytes.
 */
export interface Cipher {
  /** The algorithm's name on the wire, such as `chacha20`. */
  readonly alg: string;
  /** Prepares a key of 32 bytes. */
  open(key: Bytes): CipherKey | Promise<CipherKey>;
}

/** A cipher with its key. */
export interface CipherKey {
  /**
   * Returns `bytes` XOR the keystream.
   *
   * @param bytes of any length. The implementation may overwrite and return them.
   * @param offset at which byte of the keystream they start: any whole number. Offset and length together are at most 2^36.
   * @param nonce 12 bytes.
   */
  apply(bytes: Bytes, offset: number, nonce: Bytes): Bytes | Promise<Bytes>;
}

/**
 * Decrypts with a checked end of the keystream. All decryption goes through here.
 *
 * @throws {MediaError} `too_long` beyond the end of the keystream. The cipher is not called then.
 */
export function applyKeystream(key: CipherKey, bytes: Bytes, offset: number, nonce: Bytes): Bytes | Promise<Bytes> {
  if (offset + bytes.length > KEYSTREAM_BYTES) {
    throw new MediaError("too_long", `encrypted media end at ${KEYSTREAM_BYTES} bytes, but the range ends at ${offset + bytes.length}`);
  }
  return key.apply(bytes, offset, nonce);
}

const BLOCK_BYTES = 16;

/** AES-256 in counter mode by WebCrypto: nonce, then the index of the block as a 32-bit big-endian number. */
export const a256ctr: Cipher = {
  alg: "a256ctr",
  async open(raw) {
    const key = await crypto.subtle.importKey("raw", raw, "AES-CTR", false, ["decrypt"]);
    return {
      async apply(bytes, offset, nonce) {
        const skip = offset % BLOCK_BYTES;
        const counter = new Uint8Array(BLOCK_BYTES);
        counter.set(nonce);
        new DataView(counter.buffer).setUint32(nonce.length, (offset - skip) / BLOCK_BYTES);
        let input = bytes;
        if (skip > 0) {
          // WebCrypto starts at whole blocks.
          input = new Uint8Array(skip + bytes.length);
          input.set(bytes, skip);
        }
        return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 32 }, key, input), skip);
      },
    };
  },
};

/** Tells whether WebCrypto is there: browsers offer it on https and localhost only. */
export function hasWebCrypto(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}
