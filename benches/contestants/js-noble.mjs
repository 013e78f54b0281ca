// A JavaScript byte stream that encrypts with ChaCha20, in JavaScript too.
import { chacha20 } from "@noble/ciphers/chacha.js";
import { KEY, byteStream, fetchObject } from "./shared.mjs";

const NONCE = new Uint8Array(12);

export default {
  async fetch(request, env) {
    const upstream = await fetchObject(request);
    let block = 0;
    const encrypt = (chunk) => {
      // All chunks except the last consist of whole blocks.
      const ciphertext = chacha20(KEY, NONCE, chunk, undefined, block);
      block += chunk.byteLength / 64;
      return ciphertext;
    };
    return new Response(byteStream(upstream, env.BUFFER_BYTES, encrypt));
  },
};
