// A JavaScript byte stream that copies and does nothing else: what any Worker costs that looks at each chunk.
export default {
  async fetch(request, env) {
    const upstream = await fetch("http://localhost:8008" + new URL(request.url).pathname);
    const reader = upstream.body.getReader({ mode: "byob" });
    const body = new ReadableStream({
      type: "bytes",
      expectedLength: Number(upstream.headers.get("content-length")),
      async pull(controller) {
        const { value, done } = await reader.readAtLeast(env.BUFFER_BYTES, new Uint8Array(env.BUFFER_BYTES));
        if (value.byteLength > 0) controller.enqueue(value);
        if (done) controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, { headers: upstream.headers });
  },
};
