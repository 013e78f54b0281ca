// A JavaScript byte stream that encrypts with AES-256-CTR in WebCrypto: native code that uses the AES instructions of the processor.
import { aesCtr, byteStream, fetchObject } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const [upstream, encrypt] = await Promise.all([fetchObject(request), aesCtr()]);
    return new Response(byteStream(upstream, env.BUFFER_BYTES, encrypt));
  },
};
