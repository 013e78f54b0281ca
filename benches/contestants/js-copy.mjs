// A JavaScript byte stream that only copies: the minimum cost of a Worker that reads each chunk.
import { byteStream, fetchObject } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const upstream = await fetchObject(request);
    return new Response(byteStream(upstream, env.BUFFER_BYTES, (chunk) => chunk));
  },
};
