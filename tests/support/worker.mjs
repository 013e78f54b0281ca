// The Worker as built, on the real workerd, through `wrangler dev`.
//
// Each start takes a copy of build/ and writes a configuration of its own, made from wrangler.toml: a rebuild while the tests run does not
// reload a Worker under them, and no settings of the developer (.dev.vars, .env) leak in. Variables and secrets travel in files, never in argv.
//
// Dispatch is by Host, as on the platform: `http://localhost:PORT` is the homeserver's host, `http://127.0.0.1:PORT` the edge's.

import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { LOG_DIR, ROOT, Running, freePort, run, start, tempDir } from "./process.mjs";
import { secret } from "./secrets.mjs";

const BUILD_DIR = join(ROOT, "build");
const WRANGLER = join(ROOT, "node_modules/.bin/wrangler");
const START_LIMIT_MS = 60_000;
// Answered by the Worker itself, in every role: this never reaches a homeserver.
const READY_PATH = "/_cloakroom/health";

// What wrangler would do on the side: fetch a sample `Request.cf` from the network, keep debug logs and a trace of each request with its
// URL on disk, and tell other `wrangler dev` of this user about itself.
const QUIET = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_OBSERVABILITY: "false",
  X_LOCAL_EXPLORER: "false",
  WRANGLER_SEND_METRICS: "false",
  // With its banner it asks npm for a newer version of itself.
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_ENV: undefined,
  CLOUDFLARE_INCLUDE_PROCESS_ENV: undefined,
};

/**
 * One Worker.
 *
 * @param {object} [options]
 * @param {Record<string, string | null>} [options.vars] over those of wrangler.toml; null leaves a variable out. `EDGE_URL` is
 *   `http://127.0.0.1:PORT` unless given
 * @param {Record<string, string>} [options.secrets] `HOMESERVER_TOKEN` and so on; registered for the search for secrets
 * @param {string} [options.persistTo] folder of KV and cache; a fresh one unless given
 * @param {string} [options.env] environment of wrangler.toml to start from; its top level unless given. Routes are left out
 * @param {string} [options.name] for the log file's name
 * @param {boolean} [options.keyStore] false leaves the binding of the key store out
 * @param {string} [options.caFile] certificate authorities that the Worker's own fetches trust besides the usual ones (PEM)
 * @returns {Promise<Worker>}
 */
export async function startWorker({ vars, secrets, persistTo, env, name = "worker", caFile, keyStore = true } = {}) {
  const configured = await readConfig(env);
  const base = keyStore ? configured : { ...configured, kv_namespaces: [] };
  return onFreePort(async (port) => {
    const folder = tempDir(name);
    const build = copyBuild(folder);
    const config = writeWorker(folder, "worker", { base, build, vars: withEdgeUrl(base.vars, vars, port), secrets });
    return launch({ configs: [config], folder, port, persistTo, name, caFile });
  });
}

/**
 * Origin and edge as two Workers that share one KV and one cache, as `[env.origin]` and `[env.edge]` configure them.
 *
 * A third, of ten lines, stands for the platform's routing: it hands a request to the edge if its Host is 127.0.0.1, else to the origin.
 *
 * @param {object} [options]
 * @param {Record<string, string | null>} [options.vars] for both
 * @param {{vars?: Record<string, string | null>, secrets?: Record<string, string>}} [options.originOnly]
 * @param {{vars?: Record<string, string | null>, secrets?: Record<string, string>}} [options.edgeOnly]
 * @param {string} [options.persistTo]
 * @param {string} [options.name]
 * @returns {Promise<Worker>}
 */
export async function startOriginAndEdge({ vars, originOnly = {}, edgeOnly = {}, persistTo, name = "origin-and-edge" } = {}) {
  const [origin, edge] = [await readConfig("origin"), await readConfig("edge")];
  return onFreePort(async (port) => {
    const folder = tempDir(name);
    const build = copyBuild(folder);
    const roles = [["origin", origin, originOnly], ["edge", edge, edgeOnly]].map(([role, base, only]) =>
      writeWorker(folder, role, {
        base: { ...base, name: role },
        build,
        vars: withEdgeUrl(base.vars, { ...vars, ...only.vars }, port),
        secrets: only.secrets,
      }),
    );
    return launch({ configs: [writeRouter(folder, origin), ...roles], folder, port, persistTo, name });
  });
}

/** A running Worker, or two behind one port. */
export class Worker {
  constructor(running, port, persistTo) {
    /** @type {Running} */
    this.running = running;
    this.port = port;
    /** Where clients of the homeserver go. */
    this.origin = `http://localhost:${port}`;
    /** Where links lead. */
    this.edge = `http://127.0.0.1:${port}`;
    /** Folder of KV and cache: give it to another start once this one has stopped. Two at a time end in SQLITE_BUSY. */
    this.persistTo = persistTo;
  }

  /** What wrangler and the Worker wrote, without colours. Of the Worker's console that is `warn` and `error`: wrangler hides the rest. */
  logs() {
    return stripVTControlCharacters(this.running.output());
  }

  /** Waits for something in the logs. */
  untilLog(pattern, limitMs) {
    return this.running.untilLog(pattern, limitMs);
  }

  /** The workerd that runs the Worker, as `{pid, rssBytes}` now. (A second workerd is wrangler's proxy in front.) */
  async workerd() {
    const processes = await this.running.processes();
    const found = processes.find(({ args }) => args.includes("workerd serve") && args.includes("--inspector-addr"));
    if (!found) throw new Error(`no workerd among:\n${processes.map(({ args }) => args).join("\n")}`);
    return found;
  }

  stop() {
    return this.running.stop();
  }
}

async function launch({ configs, folder, port, persistTo, name, caFile }) {
  const state = persistTo ?? join(folder, "state");
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const args = ["dev", ...configs.flatMap((config) => ["--config", config])];
  args.push("--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0");
  args.push("--log-level", "warn", "--show-interactive-dev-session=false", "--persist-to", state);
  const running = await start(WRANGLER, args, {
    name,
    cwd: folder,
    // TMPDIR: what a killed wrangler leaves behind goes with the folder. It hands the certificates of NODE_EXTRA_CA_CERTS on to workerd.
    env: { ...QUIET, WRANGLER_REGISTRY_PATH: join(folder, "registry"), TMPDIR: temporary, ...(caFile && { NODE_EXTRA_CA_CERTS: caFile }) },
    readyMs: START_LIMIT_MS,
    ready: () => fetch(`http://127.0.0.1:${port}${READY_PATH}`, { signal: AbortSignal.timeout(START_LIMIT_MS) }),
  });
  return new Worker(running, port, state);
}

// Between choosing a port and listening on it somebody else may take it.
async function onFreePort(startOn) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort());
    } catch (error) {
      if (attempt === 3 || !/EADDRINUSE|address already in use/i.test(error.message)) throw error;
    }
  }
}

function copyBuild(folder) {
  if (!existsSync(join(BUILD_DIR, "index.js"))) throw new Error("there is no build/index.js: run scripts/build first");
  const copy = join(folder, "build");
  cpSync(BUILD_DIR, copy, { recursive: true, filter: (path) => !path.includes("/build/.") });
  return copy;
}

function withEdgeUrl(base, vars, port) {
  const merged = { ...base, EDGE_URL: `http://127.0.0.1:${port}`, ...vars };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}

// Writes the configuration of one Worker into a folder of its own; returns its path.
function writeWorker(folder, role, { base, build, vars, secrets = {} }) {
  const { name, compatibility_date, compatibility_flags, kv_namespaces } = base;
  return writeConfig(join(folder, role), secrets, {
    name,
    main: join(build, "index.js"),
    compatibility_date,
    compatibility_flags,
    vars,
    // The same id is the same namespace, whatever the placeholder says.
    kv_namespaces: kv_namespaces.map(({ binding }) => ({ binding, id: binding })),
  });
}

function writeRouter(folder, { compatibility_date }) {
  const services = ["origin", "edge"].map((service) => ({ binding: service.toUpperCase(), service }));
  const path = writeConfig(join(folder, "router"), {}, { name: "router", main: "router.mjs", compatibility_date, services });
  writeFileSync(
    join(folder, "router/router.mjs"),
    `export default {
  fetch(request, { EDGE, ORIGIN }) {
    return (new URL(request.url).hostname === "127.0.0.1" ? EDGE : ORIGIN).fetch(request);
  },
};
`,
  );
  return path;
}

function writeConfig(folder, secrets, config) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "wrangler.json");
  writeFileSync(path, JSON.stringify(config, null, 2));
  const lines = Object.entries(secrets).map(([name, value]) => `${name}='${checkSecret(name, value)}'\n`);
  // Written even when empty: then wrangler looks no further.
  writeFileSync(join(folder, ".dev.vars"), lines.join(""), { mode: 0o600 });
  return path;
}

function checkSecret(name, value) {
  if (/['\n\r]/.test(value)) throw new Error(`${name} cannot be written to a .dev.vars file: it contains a quote or a line break`);
  // A bad value on purpose may be too short to search for.
  return value.length >= 8 ? secret(value, name) : value;
}

// wrangler needs a second to read wrangler.toml: once per content is enough.
async function readConfig(env) {
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
