// The ratios that this project must reach. Their names are stable, because CI and documents use them.

import { CLOAKROOM_BUFFER, KIB, withBuffer } from "./contestants.mjs";
import { median, medianDifference, medianRatio } from "./statistics.mjs";

/** `most` or `least` is the target, which a ratio must reach. `aim` is the goal for later. */
export const TARGETS = {
  stream_cpu_vs_plain_worker: { most: 0.15, aim: 0.08, what: "one stream, CPU, against plain worker + chacha20" },
  stream_cpu_vs_js_copy: { most: 1.5, aim: 1.25, what: "against a JS copy without cipher, same buffer" },
  stream_cpu_vs_js_aes: { most: 1.3, aim: 1.1, what: "against JS AES-256-CTR by WebCrypto, same buffer" },
  stream_cpu_a256ctr_vs_js_aes: { most: 1.1, aim: 1.0, what: "a256ctr against the same JS AES" },
  stream_cpu_vs_pass: { aim: 2.5, what: "against the pass-through" },
  kernel_vs_openssl_128: { least: 0.9, aim: 1.0, what: "kernel in V8 against OpenSSL in 128-bit vectors" },
  kernel_vs_portable: { least: 2.7, aim: 3.2, what: "kernel in V8 against the chacha20 crate in V8" },
  small_cpu_vs_js_pass: { most: 1.5, aim: 1.3, what: "64 KiB objects, CPU, against a JS pass with KV get" },
  paused_mib_each: { most: 0.6, aim: 0.3, what: "MiB that a paused download holds above a pass-through" },
  bundle_gzip_kb: { most: 230, aim: 180, what: "kB of the whole Worker, gzipped" },
  native_decrypt_gb_s: { least: 1.5, aim: 3, what: "GB/s of the command line client's cipher stage" },
};

/** Returns the ratios of the contests that ran. */
export function ratios({ stream, small, paused, kernel, bundles }) {
  const cpu = (name) => stream[name].map((run) => run.cpuSecondsPerGib);
  const smallCpu = (name) => small[64 * KIB][name].map((run) => run.cpuMsPerRequest);
  const versus = (figures, one, other) => medianRatio(figures(one), figures(other));
  return {
    ...(stream && {
      stream_cpu_vs_plain_worker: versus(cpu, "Cloakroom", "plain worker + chacha20"),
      stream_cpu_vs_js_copy: versus(cpu, "Cloakroom", withBuffer("JS copy", CLOAKROOM_BUFFER)),
      stream_cpu_vs_js_aes: versus(cpu, "Cloakroom", withBuffer("JS AES", CLOAKROOM_BUFFER)),
      stream_cpu_a256ctr_vs_js_aes: versus(cpu, "Cloakroom a256ctr", withBuffer("JS AES", CLOAKROOM_BUFFER)),
      stream_cpu_vs_pass: versus(cpu, "Cloakroom", "pass-through"),
    }),
    ...(kernel && {
      kernel_vs_openssl_128: medianRatio(kernel["simd128 in V8"], kernel["OpenSSL, 128-bit vectors"]),
      kernel_vs_portable: medianRatio(kernel["simd128 in V8"], kernel["portable in V8"]),
      native_decrypt_gb_s: median(kernel["native decrypt"]) / 1e3,
    }),
    ...(small && { small_cpu_vs_js_pass: versus(smallCpu, "Cloakroom", "JS pass with KV get") }),
    ...(paused && { paused_mib_each: medianDifference(paused.Cloakroom, paused["pass-through"]) }),
    ...(bundles && { bundle_gzip_kb: bundles.Cloakroom.gzipBytes / 1e3 }),
  };
}
