// The Worker as built, on the real workerd: through `wrangler dev`, or with nothing in front.
//
// Each start takes a copy of build/ and writes a configuration of its own, made from wrangler.toml: a rebuild while the tests run does not
// reload a Worker under them, and no settings of the developer (.dev.vars, .env) leak in. Variables and secrets travel in files, never in argv.
//
// Dispatch is by Host, as on the platform: `http://localhost:PORT` is the homeserver's host, `http://127.0.0.1:PORT` the edge's.
//
// `wrangler dev` has a proxy of its own in front of the Worker. It repeats a GET whose connection broke, up to three times, and logs its URL;
// passes HTML through a rewriter, which costs its Content-Length; and compresses JSON. No deployment has that. So what tests broken connections
// or exact answers starts the Worker with `direct: true`.

import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { ROOT, Running, freePort, start, tempDir } from "./process.mjs";
import { secretsOfKeyStore } from "./secrets.mjs";
import { cloakroom, copyBuild, failingKeyStore, readConfig, router, writeForHost, writeForWrangler } from "./worker-config.mjs";

const WRANGLER = join(ROOT, "node_modules/.bin/wrangler");
const HOST = join(ROOT, "tests/support/workerd-host.mjs");
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
 * @param {number} [options.port] where it listens if nothing else does; any free port unless given
 * @param {string} [options.env] environment of wrangler.toml to start from; its top level unless given. Routes are left out
 * @param {string} [options.name] for the log file's name
 * @param {boolean} [options.keyStore] false leaves the binding of the key store out
 * @param {("get" | "put")[]} [options.keyStoreFails] what fails in it; only with `direct`
 * @param {string} [options.caFile] certificate authorities that the Worker's own fetches trust besides the usual ones (PEM)
 * @param {boolean} [options.direct] without wrangler's proxy in front
 * @param {string} [options.addition] JavaScript that runs once the Worker's own module has, in the copy of it that this test starts
 * @returns {Promise<Worker>}
 */
export async function startWorker({ vars, secrets, env, port: wanted, keyStore = true, keyStoreFails, addition = "", name = "worker", ...launching } = {}) {
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
 * Origin and edge as two Workers that share one KV and one cache, as `[env.origin]` and `[env.edge]` configure them.
 *
 * A third, of ten lines, stands for the platform's routing: it hands a request to the edge if its Host is 127.0.0.1, else to the origin.
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
export async function startOriginAndEdge({ vars, originOnly = {}, edgeOnly = {}, port: wanted, name = "origin-and-edge", ...launching } = {}) {
  const [origin, edge] = [await readConfig("origin"), await readConfig("edge")];
  return onFreePort((port) => {
    const folder = tempDir(name);
    const build = copyBuild(folder);
    const roles = [["origin", origin, originOnly], ["edge", edge, edgeOnly]].map(([role, base, only]) =>
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
    /** Where clients of the homeserver go. */
    this.origin = `http://localhost:${port}`;
    /** Where links lead. */
    this.edge = `http://127.0.0.1:${port}`;
    /** Folder of KV and cache: give it to another start once this one has stopped. Two at a time end in SQLITE_BUSY. */
    this.persistTo = persistTo;
  }

  /** What was written, without colours: by the Worker's console (through wrangler only `warn` and `error`) and by whatever runs it. */
  logs() {
    return stripVTControlCharacters(this.running.output());
  }

  /** Waits for something in the logs. */
  untilLog(pattern, limitMs) {
    return this.running.untilLog(pattern, limitMs);
  }

  /** The workerd that runs the Worker, as `{pid, rssBytes}` now. */
  async workerd() {
    const processes = await this.running.processes();
    const all = processes.filter(({ args }) => args.includes("workerd serve"));
    // wrangler's proxy is a workerd too, the one without an inspector.
    const found = all.length === 1 ? all[0] : all.find(({ args }) => args.includes("--inspector-addr"));
    if (!found) throw new Error(`no workerd among:\n${processes.map(({ args }) => args).join("\n")}`);
    return found;
  }

  /** Ends it; what its key store then holds is searched for in all logs. */
  async stop(options) {
    await this.running.stop(options);
    secretsOfKeyStore(this.persistTo);
  }
}

async function launch(workers, { folder, port, name, persistTo = join(folder, "state"), caFile, direct = false }) {
  const [command, ...args] = direct ? hostCommand(workers, { folder, port, persistTo }) : wranglerCommand(workers, { folder, port, persistTo });
  const running = await start(command, args, {
    name,
    cwd: folder,
    // workerd gets the certificates of NODE_EXTRA_CA_CERTS.
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
  // Where wrangler puts it too.
  const state = join(persistTo, "v3");
  return [process.execPath, HOST, writeForHost(folder, { port, state, workers })];
}

// Between choosing a port and listening on it somebody else may take it.
async function onFreePort(startOn, wanted) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn((attempt === 1 && wanted) || (await freePort()));
    } catch (error) {
      if (attempt === 3 || !/EADDRINUSE|address already in use/i.test(error.message)) throw error;
    }
  }
}
