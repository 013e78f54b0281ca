// Prepares the Workers that `startWorker` starts: the settings of wrangler.toml with a test's changes, and a copy of build/.

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { LOG_DIR, ROOT, run } from "./process.mjs";
import { secret } from "./secrets.mjs";

const BUILD_DIR = join(ROOT, "build");

/**
 * One Worker to start; the names are wrangler's.
 *
 * @typedef {object} Description
 * @property {string} name
 * @property {string} main the module
 * @property {string} compatibility_date
 * @property {string[]} [compatibility_flags]
 * @property {Record<string, string>} [vars]
 * @property {Record<string, string>} [secrets]
 * @property {{binding: string, id: string}[]} [kv_namespaces]
 * @property {{binding: string, service: string}[]} [services]
 */

/** Copies build/, so that a rebuild does not reload a Worker during a test. Returns the copy's folder. */
export function copyBuild(folder) {
  if (!existsSync(join(BUILD_DIR, "index.js"))) throw new Error("build/index.js does not exist: run scripts/build first");
  const copy = join(folder, "build");
  cpSync(BUILD_DIR, copy, { recursive: true, filter: (path) => !path.includes("/build/.") });
  return copy;
}

/**
 * Describes Cloakroom.
 *
 * @param {object} base an environment of wrangler.toml, from `readConfig`
 * @param {{build: string, port: number, vars?: Record<string, string | null>, secrets?: Record<string, string>}} options
 * @returns {Description}
 */
export function cloakroom(
  { name, compatibility_date, compatibility_flags, kv_namespaces, services, vars: configured },
  { build, port, vars, secrets = {} },
) {
  const all = { ...configured, EDGE_URL: `http://127.0.0.1:${port}`, ...vars };
  // An intentionally bad value may be too short to search for.
  for (const [kind, value] of Object.entries(secrets)) if (value.length >= 8) secret(value, kind);
  return {
    name,
    main: join(build, "index.js"),
    compatibility_date,
    compatibility_flags,
    vars: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)),
    secrets,
    // Workers with the same id share a namespace, so the placeholder does not matter.
    kv_namespaces: kv_namespaces.map(({ binding }) => ({ binding, id: binding })),
    services,
  };
}

/**
 * Describes a Worker that simulates the platform's routing: Host 127.0.0.1 leads to the Worker `edge`, any other to `origin`.
 *
 * @returns {Description}
 */
export function router(folder, { compatibility_date }) {
  const main = join(folder, "router.mjs");
  writeFileSync(
    main,
    `export default {
  fetch(request, { EDGE, ORIGIN }) {
    return (new URL(request.url).hostname === "127.0.0.1" ? EDGE : ORIGIN).fetch(request);
  },
};
`,
  );
  const services = ["origin", "edge"].map((service) => ({ binding: service.toUpperCase(), service }));
  return { name: "router", main, compatibility_date, services };
}

/**
 * Describes a key store in which the named operations fail and the others work. It is a Worker with the methods of a KV namespace, used through
 * a service binding.
 *
 * @param {("get" | "put")[]} fails
 * @returns {Description}
 */
export function failingKeyStore(folder, { compatibility_date }, fails) {
  const main = join(folder, "key-store.mjs");
  writeFileSync(
    main,
    `import { WorkerEntrypoint } from "cloudflare:workers";
const records = new Map();
const fails = ${JSON.stringify(fails)};
const check = (method) => {
  if (fails.includes(method)) throw new Error(method + " failed: 503 Service Unavailable");
};
export default class extends WorkerEntrypoint {
  get(name) {
    check("get");
    return records.get(name) ?? null;
  }
  put(name, record) {
    check("put");
    records.set(name, record);
  }
}
`,
  );
  return { name: "key-store", main, compatibility_date };
}

/** Writes a description as a wrangler configuration in a new folder; returns its path. Secrets go into a file beside it. */
export function writeForWrangler(folder, { secrets = {}, ...config }) {
  const own = join(folder, config.name);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const path = join(own, "wrangler.json");
  writeFileSync(path, JSON.stringify(config, null, 2));
  const lines = Object.entries(secrets).map(([name, value]) => {
    if (/['\n\r]/.test(value)) throw new Error(`${name} cannot be written to a .dev.vars file: it contains a quote or a line break`);
    return `${name}='${value}'\n`;
  });
  // Write the file even if it is empty, so that wrangler uses no other.
  writeFileSync(join(own, ".dev.vars"), lines.join(""), { mode: 0o600 });
  return path;
}

/** Writes descriptions for workerd-host.mjs; returns the file's path. */
export function writeForHost(folder, { port, state, workers }) {
  const path = join(folder, "host.json");
  writeFileSync(path, JSON.stringify({ port, state, workers }), { mode: 0o600 });
  return path;
}

/** Reads an environment of wrangler.toml, or its top level. wrangler needs a second for it, so each content is read once. */
export async function readConfig(env) {
  const toml = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  const cache = join(LOG_DIR, `wrangler-${env ?? "top"}.json`);
  if (existsSync(cache)) {
    const cached = JSON.parse(readFileSync(cache, "utf8"));
    if (cached.toml === toml) return cached.config;
  }
  const script = join(ROOT, "scripts/read-config.mjs");
  const { code, stdout, stderr } = await run(process.execPath, [script, ...(env ? [env] : [])], { name: "read-config", keepLog: false });
  if (code !== 0) throw new Error(`wrangler.toml: ${stderr}`);
  const config = JSON.parse(stdout.toString());
  mkdirSync(LOG_DIR, { recursive: true });
  writeFileSync(cache, JSON.stringify({ toml, config }));
  return config;
}
