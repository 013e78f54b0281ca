// The field: everything that is started before something is measured.

import { join } from "node:path";

import { CONTESTANTS, KIB, MIB, grant, token } from "./contestants.mjs";
import { ROOT, runNative, startNative, startWorkerd } from "./processes.mjs";

/** What the benchmark asks for at any time: the key store has a grant for each. */
const SIZES = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB];

/** Long enough for several chunks of any contestant, and a multiple of nothing. */
const CHECKED_BYTES = 3 * MIB + 77;

/** Origin server, stubs, and one workerd for each contestant. */
export class Field {
  static async start() {
    const field = new Field();
    field.origin = await startNative("origin");
    const stub = { modules: { "stub.mjs": join(ROOT, "benches/stub.mjs") } };
    field.kv = await startWorkerd("kv stub", { ...stub, entrypoint: "kv" });
    field.cache = await startWorkerd("cache stub", { ...stub, entrypoint: "cache" });
    for (const size of [...SIZES, CHECKED_BYTES]) {
      await fetch(`${field.kv.url}/grant:${token(size)}`, { method: "PUT", body: JSON.stringify(grant(size)) });
    }
    field.contestants = [];
    for (const contestant of CONTESTANTS) field.contestants.push(await field.enter(contestant));
    return field;
  }

  /** Starts a contestant in a process of its own. */
  async enter(contestant) {
    const ports = { origin: this.origin.port };
    if (contestant.grants) Object.assign(ports, { kv: this.kv.port, cache: this.cache.port });
    const workerd = await startWorkerd(contestant.name, contestant.worker, ports);
    return { ...contestant, ...workerd, urlOf: (size) => `${workerd.url}/${contestant.grants ? token(size) : size}` };
  }

  /** The contestant of a name. */
  find(name) {
    return this.contestants.find((contestant) => contestant.name === name);
  }

  /** Compares a contestant's output, decrypted, with what the origin server sends. Throws where they differ. */
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
 * Runs clients against a contestant and returns what it cost. Its `token`, if any, is the clients' access token.
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

/** The same for each request. @returns {Promise<{cpuMsPerRequest: number, requestsPerSecond: number}>} */
export async function perRequest(contestant, size, connections, requests) {
  const { cpuSeconds, seconds } = await load(contestant, size, connections, requests);
  return { cpuMsPerRequest: (cpuSeconds * 1000) / requests, requestsPerSecond: requests / seconds };
}
