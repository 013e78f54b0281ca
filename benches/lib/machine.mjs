// The machine and the versions of a run.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

import { ROOT } from "./processes.mjs";

export function machine() {
  return {
    date: new Date().toISOString(),
    processor: cpus()[0].model.trim(),
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `Linux ${release()} ${arch()}`,
    // If this is above the number of cores, other programs were running, and absolute figures mean little.
    loadAverage: loadavg()[0],
  };
}

export function versions() {
  const output = (command, ...args) => execFileSync(command, args, { cwd: ROOT, encoding: "utf8" }).trim().split("\n")[0];
  const npm = (name) => JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  return {
    cloakroom: output("git", "describe", "--always", "--dirty"),
    workerd: npm("workerd"),
    node: process.version,
    rustc: output("rustc", "--version"),
    openssl: output("openssl", "version"),
    noble: npm("@noble/ciphers"),
  };
}
