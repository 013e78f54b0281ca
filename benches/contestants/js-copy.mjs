// A JavaScript byte stream that copies and does nothing else: what any Worker costs that looks at each chunk.
import { byteStream, fetchObject } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const upstream = await fetchObject(request);
    return new Response(byteStream(upstream, env.BUFFER_BYTES, (chunk) => chunk));
  },
};
