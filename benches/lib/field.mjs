// The field: all processes that must run before a measurement.

import { join } from "node:path";

import { ALGORITHMS, CONTESTANTS, KIB, MIB, grant, token } from "./contestants.mjs";
import { ROOT, runNative, startNative, startWorkerd } from "./processes.mjs";

/** The sizes of all objects that the contests fetch. The key store has a grant for each. */
const SIZES = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB];

/** The size of a checked object: several chunks of any contestant, and not a multiple of a buffer or block. */
const CHECKED_BYTES = 3 * MIB + 77;

/** The origin server, the stubs, and one workerd for each contestant. */
export class Field {
  static async start() {
    const field = new Field();
    field.origin = await startNative("origin");
    const stub = { modules: { "stub.mjs": join(ROOT, "benches/stub.mjs") } };
    field.kv = await startWorkerd("kv stub", { ...stub, entrypoint: "kv" });
    field.cache = await startWorkerd("cache stub", { ...stub, entrypoint: "cache" });
    for (const alg of ALGORITHMS) {
      for (const size of [...SIZES, CHECKED_BYTES]) {
        await fetch(`${field.kv.url}/grant:${token(size, alg)}`, { method: "PUT", body: JSON.stringify(grant(size, alg)) });
      }
    }
    field.contestants = [];
    for (const contestant of CONTESTANTS) field.contestants.push(await field.enter(contestant));
    return field;
  }

  /** Starts a contestant in a new process. */
  async enter(contestant) {
    const ports = { origin: this.origin.port };
    if (contestant.grants) Object.assign(ports, { kv: this.kv.port, cache: this.cache.port });
    const workerd = await startWorkerd(contestant.name, contestant.worker, ports);
    return { ...contestant, ...workerd, urlOf: (size) => `${workerd.url}/${contestant.grants ? token(size, contestant.alg) : size}` };
  }

  /** Returns the contestant with this name. */
  find(name) {
    return this.contestants.find((contestant) => contestant.name === name);
  }

  /** Compares a contestant's decrypted output with the origin server's. @throws if they differ */
  async check(contestant) {
    for (const size of [1024, 64 * 1024, CHECKED_BYTES]) {
      const [object, output] = await Promise.all(
        [`http://127.0.0.1:${this.origin.port}/${size}`, contestant.urlOf(size)].map(async (url) => {
          const response = await fetch(url);
          if (!response.ok) throw new Error(`${contestant.name} returned ${response.status} for ${size} bytes: ${await response.text()}`);
          return Buffer.from(await response.arrayBuffer());
        }),
      );
      if (!contestant.decrypt(output).equals(object)) throw new Error(`${contestant.name} does not send the object of ${size} bytes`);
    }
  }

  async stop() {
    await Promise.all([this.origin, this.kv, this.cache, ...this.contestants].map((process) => process.stop()));
  }
}

/**
 * Runs clients against a contestant and returns the cost. `contestant.token`, if given, is the clients' access token.
 *
 * @returns {Promise<{cpuSeconds: number, seconds: number, requests: number, bytes: number, firstByteMs: number}>}
 */
export async function load(contestant, size, connections, requests) {
  const before = contestant.cpuSeconds();
  const token = contestant.token === undefined ? [] : [contestant.token];
  const { seconds, bytes, first_byte_ms: firstByteMs } = await runNative("load", contestant.urlOf(size), connections, requests, ...token);
  const cpuSeconds = contestant.cpuSeconds() - before;
  if (bytes !== size * requests) throw new Error(`${contestant.name} sent ${bytes} bytes instead of ${size * requests}`);
  return { cpuSeconds, seconds, requests, bytes, firstByteMs };
}

/** Runs clients against a contestant. @returns {Promise<{cpuMsPerRequest: number, requestsPerSecond: number}>} the cost of each request */
export async function perRequest(contestant, size, connections, requests) {
  const { cpuSeconds, seconds } = await load(contestant, size, connections, requests);
  return { cpuMsPerRequest: (cpuSeconds * 1000) / requests, requestsPerSecond: requests / seconds };
}
