// The child process of `startWorker({ direct: true })`: Workers on workerd with KV and cache, and nothing in front of them.
//
//   node tests/support/workerd-host.mjs FILE      FILE has {port, state, workers}, as worker.mjs writes it
//
// `wrangler dev` starts the same workerd and the same simulator of KV and cache (Miniflare). The first Worker listens on 127.0.0.1:port. All
// levels of the Workers' console go to stdout. It runs until it is stopped.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

const { port, state, workers } = JSON.parse(readFileSync(process.argv[2], "utf8"));

const options = {
  // The simulator's entry, which is not used.
  host: "127.0.0.1",
  port: 0,
  cf: false,
  log: new Log(LogLevel.WARN),
  handleStructuredLogs: ({ level, message }) => console.log(`[${level}] ${message}`),
  resourcePersistencePath: state,
  workers: workers.map((worker, index) => ({
    name: worker.name,
    rootPath: dirname(worker.main),
    modules: modulesOf(worker.main),
    compatibilityDate: worker.compatibility_date,
    compatibilityFlags: worker.compatibility_flags,
    bindings: { ...worker.vars, ...worker.secrets },
    kvNamespaces: Object.fromEntries((worker.kv_namespaces ?? []).map(({ binding, id }) => [binding, id])),
    serviceBindings: Object.fromEntries((worker.services ?? []).map(({ binding, service }) => [binding, service])),
    unsafeDirectSockets: index === 0 ? [{ host: "127.0.0.1", port }] : [],
  })),
};
const miniflare = new Miniflare(convertV4MiniflareOptions(options));
await miniflare.ready;

// The output of scripts/build: one JavaScript module, and the WebAssembly that it imports.
function modulesOf(main) {
  const code = readFileSync(main, "utf8");
  const wasm = [...code.matchAll(/from\s*"\.\/([\w.]+\.wasm)"/g)].map(([, name]) => name);
  return [
    { type: "ESModule", path: main, contents: code },
    ...wasm.map((name) => ({ type: "CompiledWasm", path: join(dirname(main), name), contents: readFileSync(join(dirname(main), name)) })),
  ];
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => miniflare.dispose().finally(() => process.exit(0)));
