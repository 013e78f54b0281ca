// Cloakroom's ChaCha20 backends by themselves: /simd128/1000 encrypts 64 KiB a thousand times.
import module from "kernel.wasm";

const backends = new WebAssembly.Instance(module).exports;

export default {
  fetch(request) {
    const [, backend, times] = new URL(request.url).pathname.split("/");
    if (backend === "check") {
      // A buffer of zeros that is encrypted once holds the keystream.
      const buffer = new Uint8Array(backends.memory.buffer, backends.buffer(), 64 * 1024);
      buffer.fill(0);
      backends[times](1);
      return new Response(buffer);
    }
    backends[backend](Number(times));
    return new Response("done");
  },
};
