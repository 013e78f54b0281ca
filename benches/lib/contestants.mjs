// The contestants, and how to check their output.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { OUT, ROOT } from "./processes.mjs";

const KEY = Buffer.alloc(32, 7);
export const KIB = 1024;
export const MIB = 1024 * KIB;

/** The buffer sizes of the JavaScript byte streams. */
export const BUFFERS = [64 * KIB, 256 * KIB, 1 * MIB];
/** The buffer size of Cloakroom's own pump. The ratios compare contestants with buffers of this size. */
export const CLOAKROOM_BUFFER = readBytes(readFileSync(join(ROOT, "src/platform/workers/js/body.js"), "utf8"));

const plain = (body) => body;
const aes = (body) => createDecipheriv("aes-256-ctr", KEY, Buffer.alloc(16)).update(body);
const chacha = (body) => createCipheriv("chacha20", KEY, Buffer.alloc(16)).update(body);

const script = (name) => ({ [`${name}.mjs`]: join(OUT, "contestants", `${name}.mjs`) });
const built = (folder) => ({ "index.js": join(folder, "index.js"), "index_bg.wasm": join(folder, "index_bg.wasm") });

/** Returns `name (64 KiB)`. */
export const withBuffer = (name, bytes) => `${name} (${bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / KIB} KiB`})`;

const buffered = (name, file, decrypt) =>
  BUFFERS.map((bytes) => ({
    name: withBuffer(name, bytes),
    worker: { modules: script(file), bindings: { BUFFER_BYTES: bytes } },
    decrypt,
  }));

const cloakroom = (bindings) => ({
  modules: built(join(ROOT, "build")),
  bindings: {
    HOMESERVER_URL: "http://localhost:8008",
    HOMESERVER_TOKEN: "benchmark",
    SERVER_NAME: "bench.example",
    EDGE_URL: "http://127.0.0.1:8787",
    CACHE_MAX_BYTES: "0",
    ...bindings,
  },
});

/** Cloakroom's edge as it is deployed, but without a cache: like all contestants it fetches each object from the origin server. */
const CLOAKROOM = [
  { name: "Cloakroom", worker: cloakroom({ ROLE: "edge" }), grants: true, decrypt: chacha },
  { name: "Cloakroom a256ctr", worker: cloakroom({ ROLE: "edge" }), grants: true, alg: "a256ctr", decrypt: aes },
];

/**
 * Each contestant has a `name`, its `worker` (see startWorkerd), and `decrypt`, which turns its output into the object. With `grants`, the
 * path is a redirect token, which the contestant looks up in the key store, and not a size; `alg` is the algorithm of the grant. With
 * `smallOnly`, it keeps whole objects in memory.
 */
export const CONTESTANTS = [
  { name: "pass-through", worker: { modules: script("pass") }, decrypt: plain },
  ...buffered("JS copy", "js-copy", plain),
  { name: "plain worker + chacha20", worker: { modules: built(join(OUT, "plain-worker")) }, decrypt: chacha },
  { name: "JS TransformStream AES", worker: { modules: script("js-transform-aes") }, decrypt: aes },
  ...buffered("JS AES", "js-aes", aes),
  {
    name: withBuffer("JS noble chacha20", 256 * KIB),
    worker: { modules: script("js-noble"), bindings: { BUFFER_BYTES: 256 * KIB } },
    decrypt: chacha,
  },
  {
    name: "JS + kernel, no checks",
    worker: { modules: { ...script("js-kernel"), "kernel.wasm": join(OUT, "cargo/wasm32-unknown-unknown/release/bench_kernel.wasm") } },
    grants: true,
    smallOnly: true,
    decrypt: chacha,
  },
  { name: "JS pass with KV get", worker: { modules: script("js-pass-kv") }, grants: true, decrypt: plain },
  ...CLOAKROOM,
];

/** Returns Cloakroom's origin, for clients that do not opt in. `policy` has the variables about media without an account. */
export const origin = (name, policy) => ({
  name,
  worker: cloakroom({ ROLE: "both", EDGE_URL: "http://localhost:8787", ...policy }),
  grants: true,
  decrypt: plain,
});

/** Returns the record of the grant for an object of `size` bytes (version 1, docs/kv-schema.md). */
export function grant(size, alg) {
  return {
    v: 1,
    content: "encrypted",
    alg,
    key: KEY.toString("base64url"),
    server_name: "bench.example",
    media_id: String(size),
    // The origin server sends these.
    pins: { size, etag: "1" },
    metadata: JSON.stringify({ size, content_type: "application/octet-stream", content_disposition: "inline; filename=object.bin" }),
    etag: '"k3Vp0Zb1rXkQy9mD4sT8uA"',
    expires_ts: Date.now() + 24 * 3600 * 1000,
  };
}

/** The algorithms that links are measured with. */
export const ALGORITHMS = ["chacha20", "a256ctr"];

/** Returns a redirect token for an object of `size` bytes. Its bytes contain the size and the algorithm. */
export function token(size, alg = "chacha20") {
  const bytes = Buffer.alloc(32, 1 + ALGORITHMS.indexOf(alg));
  bytes.writeBigUInt64BE(BigInt(size));
  return bytes.toString("base64url");
}

function readBytes(glue) {
  const kib = /^const READ_BYTES = (\d+) \* 1024;$/m.exec(glue)?.[1];
  if (!BUFFERS.includes(kib * KIB))
    throw new Error("READ_BYTES in src/platform/workers/js/body.js is not among the buffer sizes that JS is measured with");
  return kib * KIB;
}
