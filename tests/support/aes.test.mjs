// The platform's AES-256 in counter mode (src/platform/workers/js/aes_ctr.js) against OpenSSL.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";

import { AesCtr } from "../../src/platform/workers/js/aes_ctr.js";
import { BODY_NONCE, METADATA_NONCE, decrypt, keyFor } from "./cipher.mjs";

const KEYSTREAM_BYTES = 2 ** 36;
const key = keyFor("a256ctr", randomBytes(32));

/** The cipher at a byte of the keystream, as the Rust side makes it. */
function cipherAt(offset, nonce = BODY_NONCE) {
  const counterBlock = new Uint8Array(16);
  counterBlock.set(nonce);
  new DataView(counterBlock.buffer).setUint32(12, Math.floor(offset / 16));
  return new AesCtr(Uint8Array.from(key), counterBlock, offset % 16);
}

async function expectPieces(offset, sizes, nonce = BODY_NONCE) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const plaintext = randomBytes(total);
  const cipher = cipherAt(offset, nonce);
  const pieces = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(await cipher.encrypt(Uint8Array.from(plaintext.subarray(at, at + size))));
    at += size;
  }
  const expected = decrypt(key, plaintext, offset, nonce);
  assert.ok(Buffer.concat(pieces).equals(expected), `from ${offset} in pieces of ${sizes}`);
}

describe("AES-256 in counter mode", () => {
  it("gives the same bytes from any offset, in any pieces", async () => {
    for (const offset of [0, 1, 15, 16, 17, 1_000_003, 2 ** 32 - 50, 2 ** 35 - 50]) {
      for (const sizes of [[100], [1, 1, 1, 97], [15, 16, 17], [16_384, 262_144, 5], [0, 3, 0, 61]]) await expectPieces(offset, sizes);
    }
    await expectPieces(0, [1024], METADATA_NONCE);
  });

  it("reaches the last byte of the keystream", async () => {
    for (const sizes of [[1], [16], [17], [100], [3, 14, 15], [4096]]) {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      await expectPieces(KEYSTREAM_BYTES - total, sizes);
    }
  });

  it("clears the bytes of the key", async () => {
    const bytes = Uint8Array.from(key);
    const cipher = new AesCtr(bytes, new Uint8Array(16), 0);
    assert.ok(bytes.every((byte) => byte === 0));
    const zeros = await cipher.encrypt(new Uint8Array(32));
    assert.ok(Buffer.from(zeros).equals(decrypt(key, Buffer.alloc(32))));
  });
});
