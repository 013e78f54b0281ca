// The obvious way to write it: a TransformStream with WebCrypto.
import { aesCtr, fetchObject } from "./shared.mjs";

export default {
  async fetch(request) {
    const [upstream, encrypt] = await Promise.all([fetchObject(request), aesCtr()]);
    const transform = new TransformStream({
      async transform(chunk, controller) {
        controller.enqueue(await encrypt(chunk));
      },
    });
    return new Response(upstream.body.pipeThrough(transform));
  },
};
