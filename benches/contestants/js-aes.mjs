// A JavaScript byte stream that encrypts with AES-256-CTR by WebCrypto: native code with the processor's own AES instructions.
import { aesCtr, byteStream, fetchObject } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const [upstream, encrypt] = await Promise.all([fetchObject(request), aesCtr()]);
    return new Response(byteStream(upstream, env.BUFFER_BYTES, encrypt));
  },
};
