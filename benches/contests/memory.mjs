// The memory of downloads whose clients have stopped reading, and of many downloads at a time. A new process gives each figure.

import { setTimeout as sleep } from "node:timers/promises";

import { CONTESTANTS, MIB } from "../lib/contestants.mjs";
import { load } from "../lib/field.mjs";
import { startNative } from "../lib/processes.mjs";
import { interleave } from "../lib/statistics.mjs";

const PAUSED = 64;
const PAUSED_OBJECT_BYTES = 64 * MIB;
/** The time in which all buffers between origin server and client fill up. */
const SETTLE_MS = 2000;

const CONCURRENT = [1, 10, 50, 100, 200];
const CONCURRENT_OBJECT_BYTES = 16 * MIB;
const SAMPLE_MS = 20;

const entry = (name) => CONTESTANTS.find((contestant) => contestant.name === name);

async function fresh(field, name, measure) {
  const contestant = await field.enter(entry(name));
  try {
    await load(contestant, MIB, 1, 20); // warm
    return await measure(contestant);
  } finally {
    await contestant.stop();
  }
}

/**
 * Measures paused downloads. In all contestants alike, the runtime's HTTP client reads ahead: some pieces of up to 417,792 bytes for each
 * body, 2.4 MiB on a fast connection. So the memory of a contestant itself is its difference from the pass-through.
 *
 * @returns {Promise<Record<string, number[]>>} MiB that each paused download adds, by contestant
 */
export async function paused(field, names, { rounds }) {
  const jobs = Object.fromEntries(
    names.map((name) => [
      name,
      () =>
        fresh(field, name, async (contestant) => {
          const before = contestant.residentMib();
          const clients = await startNative("pause", contestant.urlOf(PAUSED_OBJECT_BYTES), PAUSED);
          await sleep(SETTLE_MS);
          const during = contestant.residentMib();
          await clients.stop();
          return (during - before) / PAUSED;
        }),
    ]),
  );
  return interleave(rounds, jobs);
}

/** @returns {Promise<Record<string, {streams: number, peakMib: number, idleMib: number}[]>>} for growing numbers of streams, by contestant */
export async function concurrent(field, names) {
  const results = {};
  for (const name of names) {
    results[name] = [];
    for (const streams of CONCURRENT)
      results[name].push({ streams, ...(await fresh(field, name, (contestant) => peak(contestant, streams))) });
  }
  return results;
}

async function peak(contestant, streams) {
  const idleMib = contestant.residentMib();
  let peakMib = idleMib;
  const sampling = setInterval(() => (peakMib = Math.max(peakMib, contestant.residentMib())), SAMPLE_MS);
  try {
    await load(contestant, CONCURRENT_OBJECT_BYTES, streams, streams * 2);
  } finally {
    clearInterval(sampling);
  }
  return { peakMib, idleMib };
}
