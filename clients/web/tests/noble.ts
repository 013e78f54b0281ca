// ChaCha20 by a library, as an application would add it.

import { chacha20 as xor } from "@noble/ciphers/chacha.js";

import type { Cipher } from "../src/index.ts";

const BLOCK_BYTES = 64;

export const chacha20: Cipher = {
  alg: "chacha20",
  open(key) {
    return {
      apply(bytes, offset, nonce) {
        const skip = offset % BLOCK_BYTES;
        const input = new Uint8Array(skip + bytes.length);
        input.set(bytes, skip);
        xor(key, nonce, input, input, (offset - skip) / BLOCK_BYTES);
        return input.subarray(skip);
      },
    };
  },
};
