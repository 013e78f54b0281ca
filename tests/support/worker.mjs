// Runs the built Worker on the real workerd, through `wrangler dev` or with nothing in front.
//
// Each start copies build/ and writes a configuration based on wrangler.toml. So a rebuild does not reload a Worker during a test, and the
// developer's settings (.dev.vars, .env) have no effect. Variables and secrets are passed in files, never in argv.
//
// As on the platform, `Host` selects the role: `http://localhost:PORT` is the homeserver's host, `http://127.0.0.1:PORT` the edge's.
//
// `wrangler dev` has a proxy in front of the Worker that no deployment has. It repeats a GET up to three times after a broken connection and
// logs its URL, sends HTML through a rewriter, which drops Content-Length, and compresses JSON. So tests of broken connections or exact
// responses start the Worker with `direct: true`.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { ROOT, Running, freePort, start, tempDir } from "./process.mjs";
import { secretsOfKeyStore } from "./secrets.mjs";
import { cloakroom, copyBuild, failingKeyStore, readConfig, router, writeForHost, writeForWrangler } from "./worker-config.mjs";

const WRANGLER = join(ROOT, "node_modules/.bin/wrangler");
const HOST = join(ROOT, "tests/support/workerd-host.mjs");
const START_LIMIT_MS = 60_000;
// The Worker responds to this path in every role, without the homeserver.
const READY_PATH = "/_cloakroom/health";

// Stops wrangler from fetching a sample `Request.cf` from the network, writing debug logs and a trace of each request with its URL to disk,
// and announcing itself to other `wrangler dev` processes of this user.
const QUIET = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_WRITE_LOGS: "false",
  X_LOCAL_OBSERVABILITY: "false",
  X_LOCAL_EXPLORER: "false",
  WRANGLER_SEND_METRICS: "false",
  // With the banner, wrangler asks npm for a newer version.
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_ENV: undefined,
  CLOUDFLARE_INCLUDE_PROCESS_ENV: undefined,
};

/**
 * Starts one Worker.
 *
 * @param {object} [options]
 * @param {Record<string, string | null>} [options.vars] override those of wrangler.toml; null removes a variable. `EDGE_URL` defaults
 *   to `http://127.0.0.1:PORT`
 * @param {Record<string, string>} [options.secrets] `HOMESERVER_TOKEN` and so on; registered for the search for secrets
 * @param {string} [options.persistTo] folder of KV and cache, by default a new one
 * @param {number} [options.port] the port to try first, by default any free port
 * @param {string} [options.env] environment of wrangler.toml to use, by default its top level. Routes are removed
 * @param {string} [options.name] for the log file's name
 * @param {boolean} [options.keyStore] false removes the binding of the key store
 * @param {("get" | "put")[]} [options.keyStoreFails] its operations that fail; only with `direct`
 * @param {string} [options.caFile] additional certificate authorities for the Worker's fetches (PEM)
 * @param {boolean} [options.direct] without wrangler's proxy in front
 * @param {string} [options.addition] JavaScript that runs after the Worker's module, in this test's copy
 * @returns {Promise<Worker>}
 */
export async function startWorker({
  vars,
  secrets,
  env,
  port: wanted,
  keyStore = true,
  keyStoreFails,
  addition = "",
  name = "worker",
  ...launching
} = {}) {
  const configured = await readConfig(env);
  return onFreePort((port) => {
    const folder = tempDir(name);
    const others = keyStoreFails ? [failingKeyStore(folder, configured, keyStoreFails)] : [];
    const services = others.map(({ name: service }) => ({ binding: "GRANTS", service }));
    const base = keyStore && !keyStoreFails ? configured : { ...configured, kv_namespaces: [], services };
    const build = copyBuild(folder);
    appendFileSync(join(build, "index.js"), addition);
    const worker = cloakroom({ ...base, name: "cloakroom" }, { build, port, vars, secrets });
    return launch([worker, ...others], { folder, port, name, ...launching });
  }, wanted);
}

/**
 * Starts origin and edge as two Workers that share KV and cache, as `[env.origin]` and `[env.edge]` configure them.
 *
 * A small third Worker simulates the platform's routing: it passes a request to the edge if its Host is 127.0.0.1, otherwise to the origin.
 *
 * @param {object} [options]
 * @param {Record<string, string | null>} [options.vars] for both
 * @param {number} [options.port]
 * @param {{vars?: Record<string, string | null>, secrets?: Record<string, string>}} [options.originOnly]
 * @param {{vars?: Record<string, string | null>, secrets?: Record<string, string>}} [options.edgeOnly]
 * @param {string} [options.persistTo]
 * @param {string} [options.name]
 * @param {string} [options.caFile]
 * @param {boolean} [options.direct]
 * @returns {Promise<Worker>}
 */
export async function startOriginAndEdge({
  vars,
  originOnly = {},
  edgeOnly = {},
  port: wanted,
  name = "origin-and-edge",
  ...launching
} = {}) {
  const [origin, edge] = [await readConfig("origin"), await readConfig("edge")];
  return onFreePort((port) => {
    const folder = tempDir(name);
    const build = copyBuild(folder);
    const roles = [
      ["origin", origin, originOnly],
      ["edge", edge, edgeOnly],
    ].map(([role, base, only]) =>
      cloakroom({ ...base, name: role }, { build, port, vars: { ...vars, ...only.vars }, secrets: only.secrets }),
    );
    return launch([router(folder, origin), ...roles], { folder, port, name, ...launching });
  }, wanted);
}

/** A running Worker, or two behind one port. */
export class Worker {
  constructor(running, port, persistTo) {
    /** @type {Running} */
    this.running = running;
    this.port = port;
    /** The address for clients. */
    this.origin = `http://localhost:${port}`;
    /** The address of links. */
    this.edge = `http://127.0.0.1:${port}`;
    /** The folder of KV and cache. Reuse it only after this Worker has stopped: two at a time fail with SQLITE_BUSY. */
    this.persistTo = persistTo;
  }

  /** Returns the output without colours: of the Worker's console (through wrangler only `warn` and `error`) and of its host process. */
  logs() {
    return stripVTControlCharacters(this.running.output());
  }

  /** Waits for a match in the logs. */
  untilLog(pattern, limitMs) {
    return this.running.untilLog(pattern, limitMs);
  }

  /** Returns the current workerd of the Worker, as `{pid, rssBytes}`. */
  async workerd() {
    const processes = await this.running.processes();
    const all = processes.filter(({ args }) => args.includes("workerd serve"));
    // wrangler's proxy is also a workerd, without an inspector.
    const found = all.length === 1 ? all[0] : all.find(({ args }) => args.includes("--inspector-addr"));
    if (!found) throw new Error(`no workerd among:\n${processes.map(({ args }) => args).join("\n")}`);
    return found;
  }

  /** Stops it, and registers the content of its key store for the search for secrets. */
  async stop(options) {
    await this.running.stop(options);
    secretsOfKeyStore(this.persistTo);
  }
}

async function launch(workers, { folder, port, name, persistTo = join(folder, "state"), caFile, direct = false }) {
  const [command, ...args] = direct
    ? hostCommand(workers, { folder, port, persistTo })
    : wranglerCommand(workers, { folder, port, persistTo });
  const running = await start(command, args, {
    name,
    cwd: folder,
    // workerd also uses the certificates of NODE_EXTRA_CA_CERTS.
    env: { ...QUIET, WRANGLER_REGISTRY_PATH: join(folder, "registry"), ...(caFile && { NODE_EXTRA_CA_CERTS: caFile }) },
    readyMs: START_LIMIT_MS,
    ready: () => fetch(`http://127.0.0.1:${port}${READY_PATH}`, { signal: AbortSignal.timeout(START_LIMIT_MS) }),
  });
  return new Worker(running, port, persistTo);
}

function wranglerCommand(workers, { folder, port, persistTo }) {
  const configs = workers.flatMap((worker) => ["--config", writeForWrangler(folder, worker)]);
  const listen = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  return [WRANGLER, "dev", ...configs, ...listen, "--log-level", "warn", "--show-interactive-dev-session=false", "--persist-to", persistTo];
}

function hostCommand(workers, { folder, port, persistTo }) {
  // wrangler uses the same folder.
  const state = join(persistTo, "v3");
  return [process.execPath, HOST, writeForHost(folder, { port, state, workers })];
}

// Another process may take the port before the Worker listens on it.
async function onFreePort(startOn, wanted) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn((attempt === 1 && wanted) || (await freePort()));
    } catch (error) {
      if (attempt === 3 || !/EADDRINUSE|address already in use/i.test(error.message)) throw error;
    }
  }
}
