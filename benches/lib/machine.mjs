// What was measured on what.

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
    // Above the number of cores, others were at work: absolute figures are worth little then.
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
