// The processes of a run: one workerd for each contestant, the origin server, and the clients.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// This is the path of the program. node_modules/.bin/workerd is only a script that runs it.
// biome-ignore lint/correctness/noUndeclaredDependencies: miniflare brings the version that it drives
// biome-ignore lint/correctness/noUnresolvedImports: the package has no ECMAScript entry
import workerdModule from "workerd";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** The folder for everything that the benchmark writes. */
export const OUT = join(ROOT, "target/bench");

const NATIVE = join(OUT, "cargo/release/bench-native");
const WORKERD = workerdModule.default;
const START_LIMIT_MS = 20_000;

/** The processes to kill when this one ends. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

function launch(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Starts bench-native, which runs until it is stopped, and returns the JSON of its first line. */
export async function startNative(...args) {
  const child = launch(NATIVE, args.map(String));
  for await (const line of createInterface(child.stdout)) {
    return { ...JSON.parse(line), stop: () => stop(child) };
  }
  throw new Error(`bench-native ${args.join(" ")} ended without output`);
}

/** Runs bench-native to its end and returns the JSON that it printed. */
export async function runNative(...args) {
  const { stdout } = await promisify(execFile)(NATIVE, args.map(String));
  return JSON.parse(stdout);
}

/**
 * Starts a workerd that serves one Worker.
 *
 * @param {string} name
 * @param {object} worker
 * @param {Record<string, string>} worker.modules files by name. The first is the main module. A name in `.wasm` is WebAssembly
 * @param {Record<string, string | number>} [worker.bindings] texts, and numbers as JSON
 * @param {string} [worker.entrypoint] a named export of the main module; without it the default export
 * @param {object} ports
 * @param {number} [ports.origin] the origin server, which gets every `fetch` of the Worker
 * @param {number} [ports.kv] the stub of the key store, bound as GRANTS
 * @param {number} [ports.cache] the stub of the cache
 */
export async function startWorkerd(name, worker, ports = {}) {
  const port = await freePort();
  const folder = join(OUT, "configs");
  mkdirSync(folder, { recursive: true });
  const config = join(folder, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.capnp`);
  writeFileSync(config, capnp(worker, folder, port, ports));
  const started = performance.now();
  const child = launch(WORKERD, ["serve", config]);
  await listening(port, child, name);
  const url = `http://127.0.0.1:${port}`;
  const { pid } = child;
  return { name, url, port, pid, started, cpuSeconds: () => cpuSeconds(pid), residentMib: () => residentMib(pid), stop: () => stop(child) };
}

/** Returns the configuration of workerd as Cap'n Proto text. Paths are relative to the folder of the configuration. */
function capnp({ modules, bindings = {}, entrypoint }, folder, port, { origin, kv, cache }) {
  const text = (value) => JSON.stringify(String(value));
  const module = ([name, file]) =>
    `(name = ${text(name)}, ${name.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${text(relative(folder, file))})`;
  const binding = ([name, value]) => `(name = ${text(name)}, ${typeof value === "number" ? "json" : "text"} = ${text(value)})`;
  const external = ([name, to]) => `(name = "${name}", external = (address = "127.0.0.1:${to}", http = ()))`;
  const services = Object.entries({ origin, kv, cache }).filter(([, to]) => to !== undefined);
  const bound = Object.entries(bindings).map(binding);
  if (kv !== undefined) bound.push('(name = "GRANTS", kvNamespace = "kv")');
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${['(name = "worker", worker = .worker)', ...services.map(external)].join(", ")}],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (),
    service = ${entrypoint === undefined ? '"worker"' : `(name = "worker", entrypoint = ${text(entrypoint)})`})],
);
const worker :Workerd.Worker = (
  modules = [${Object.entries(modules).map(module).join(",\n    ")}],
  bindings = [${bound.join(", ")}],
  compatibilityDate = "2026-11-01",
  ${origin === undefined ? "" : 'globalOutbound = "origin",'}
  ${cache === undefined ? "" : 'cacheApiOutbound = "cache",'}
);
`;
}

/** Waits until workerd listens, which it does after it has compiled its Workers. */
async function listening(port, child, name) {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`workerd with ${name} ended at once with exit code ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([
      once(socket, "connect").then(
        () => true,
        () => false,
      ),
    ]);
    socket.destroy();
    if (open) return;
    await sleep(2);
  }
  throw new Error(`workerd with ${name} did not listen within ${START_LIMIT_MS / 1000} s`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Returns the CPU time of a process so far, user and system, in seconds. It adds up the schedstat of all threads, which counts
 * nanoseconds. /proc/PID/stat counts hundredths of a second.
 */
function cpuSeconds(pid) {
  const nanoseconds = (thread) => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch (error) {
      if (error.code === "ENOENT" || error.code === "ESRCH") return 0; // the thread has just ended
      throw error;
    }
  };
  return (
    readdirSync(`/proc/${pid}/task`)
      .map(nanoseconds)
      .reduce((sum, each) => sum + each, 0) / 1e9
  );
}

function residentMib(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(kib) / 1024;
}
