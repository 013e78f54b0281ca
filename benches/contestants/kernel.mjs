// Runs only Cloakroom's ChaCha20 backends: /simd128/1000 encrypts 64 KiB a thousand times.
// biome-ignore lint/correctness/noUndeclaredDependencies: a module beside the bundle
import module from "kernel.wasm";

const backends = new WebAssembly.Instance(module).exports;
const buffer = backends.buffer();

export default {
  fetch(request) {
    const [, backend, times] = new URL(request.url).pathname.split("/");
    if (backend === "check") {
      // The encryption of zeros is the keystream.
      const view = new Uint8Array(backends.memory.buffer, buffer, 64 * 1024);
      view.fill(0);
      backends[times](1);
      return new Response(view);
    }
    backends[backend](Number(times));
    return new Response("done");
  },
};
