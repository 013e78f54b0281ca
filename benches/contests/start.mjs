// The time of a cold start, and the size of the bundles.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { CONTESTANTS, KIB } from "../lib/contestants.mjs";
import { interleave } from "../lib/statistics.mjs";

/** @returns {Promise<Record<string, number[]>>} milliseconds from the start of workerd to the end of the first response, by contestant */
export async function coldStart(field, names, { rounds }) {
  const jobs = Object.fromEntries(
    names.map((name) => [
      name,
      async () => {
        const contestant = await field.enter(CONTESTANTS.find((each) => each.name === name));
        await (await fetch(contestant.urlOf(64 * KIB))).arrayBuffer();
        const milliseconds = performance.now() - contestant.started;
        await contestant.stop();
        return milliseconds;
      },
    ]),
  );
  return interleave(rounds, jobs);
}

/** @returns {Record<string, {bytes: number, gzipBytes: number}>} total size of all modules, each compressed separately, by contestant */
export function bundles(names) {
  const size = (name) => {
    const files = Object.values(CONTESTANTS.find((each) => each.name === name).worker.modules).map((file) => readFileSync(file));
    const sum = (lengthOf) => files.reduce((total, file) => total + lengthOf(file), 0);
    return { bytes: sum((file) => file.length), gzipBytes: sum((file) => gzipSync(file, { level: 9 }).length) };
  };
  return Object.fromEntries(names.map((name) => [name, size(name)]));
}
