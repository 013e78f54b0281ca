// The speed of the cipher alone, in workerd and native.

import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { join } from "node:path";

import { KIB } from "../lib/contestants.mjs";
import { OUT, runNative, startWorkerd } from "../lib/processes.mjs";
import { interleave } from "../lib/statistics.mjs";

const BUFFER_BYTES = 64 * KIB;
const TIMES = 16_000;
/** Hides everything beyond SSSE3 from OpenSSL on x86, so that it uses 128-bit vectors. */
const ONLY_128_BIT = { OPENSSL_ia32cap: "~0x1000000000000000:0x0" };

const MODULES = {
  "kernel.mjs": join(OUT, "contestants/kernel.mjs"),
  "kernel.wasm": join(OUT, "cargo/wasm32-unknown-unknown/release/bench_kernel.wasm"),
};

/** @returns {Promise<Record<string, number[]>>} MB per CPU-second */
export async function kernel({ rounds }) {
  const workerd = await startWorkerd("kernel", { modules: MODULES });
  try {
    const inV8 = async (backend, times) => {
      const before = workerd.cpuSeconds();
      await (await fetch(`${workerd.url}/${backend}/${times}`)).text();
      return (times * BUFFER_BYTES) / 1e6 / (workerd.cpuSeconds() - before);
    };
    for (const backend of ["simd128", "portable"]) {
      await check(workerd, backend);
      await inV8(backend, TIMES / 4); // lets V8 optimise the code first
    }
    return await interleave(rounds, {
      "simd128 in V8": () => inV8("simd128", TIMES),
      "portable in V8": () => inV8("portable", TIMES / 4),
      "OpenSSL, 128-bit vectors": async () => openssl(ONLY_128_BIT),
      "OpenSSL, all vectors": async () => openssl({}),
      "native decrypt": async () => {
        const { bytes, cpu_seconds: seconds } = await runNative("keystream", 1);
        return bytes / 1e6 / seconds;
      },
    });
  } finally {
    await workerd.stop();
  }
}

async function check(workerd, backend) {
  const keystream = Buffer.from(await (await fetch(`${workerd.url}/check/${backend}`)).arrayBuffer());
  const expected = createCipheriv("chacha20", Buffer.alloc(32, 7), Buffer.alloc(16)).update(Buffer.alloc(BUFFER_BYTES));
  if (!keystream.equals(expected)) throw new Error(`the ${backend} kernel and OpenSSL produce different keystreams`);
}

/** Returns MB per CPU-second of OpenSSL. `openssl speed` measures user time; its last line ends with thousands of bytes per second. */
function openssl(environment) {
  const args = ["speed", "-seconds", "1", "-bytes", String(BUFFER_BYTES), "-evp", "chacha20"];
  const output = execFileSync("openssl", args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  const [, thousands] = /([\d.]+)k\s*$/.exec(output.trim());
  return Number(thousands) / 1e3;
}
