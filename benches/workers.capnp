# Every contestant as a configuration of its own, for `workerd serve benches/workers.capnp NAME`, without anything in front.
# Addresses are placeholders: the benchmark gives each process its ports with --socket-addr and --external-addr.
using Workerd = import "/workerd/workerd.capnp";

const date :Text = "2026-11-01";

# --- contestants ----------------------------------------------------------------------------------------------------------------

const pass :Workerd.Config = (services = [(name = "worker", worker = .passWorker), .origin], sockets = [.socket]);
const passWorker :Workerd.Worker = (
  modules = [(name = "pass", esModule = embed "../target/bench/contestants/pass.mjs")],
  compatibilityDate = .date, globalOutbound = "origin");

const passKv :Workerd.Config = (services = [(name = "worker", worker = .passKvWorker), .origin, .kv], sockets = [.socket]);
const passKvWorker :Workerd.Worker = (
  modules = [(name = "pass", esModule = embed "../target/bench/contestants/js-pass-kv.mjs")],
  bindings = [(name = "GRANTS", kvNamespace = "kv")],
  compatibilityDate = .date, globalOutbound = "origin");
