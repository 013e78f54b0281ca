// The cost of a request by the size of the object.

import { KIB, MIB } from "../lib/contestants.mjs";
import { perRequest } from "../lib/field.mjs";
import { interleave } from "../lib/statistics.mjs";

/** The number of requests in a round for each size. Each point takes about the same time. */
const POINTS = new Map([
  [KIB, 1000],
  [16 * KIB, 1000],
  [64 * KIB, 600],
  [256 * KIB, 300],
  [MIB, 100],
  [16 * MIB, 10],
  [256 * MIB, 1],
  [1024 * MIB, 1],
]);

/** @returns {Promise<Record<string, Record<string, number[]>>>} CPU milliseconds per request, one at a time, by size and contestant */
export async function growth(field, names, { rounds, mostBytes }) {
  const results = {};
  for (const [size, requests] of POINTS) {
    if (size > mostBytes) continue;
    const jobs = {};
    for (const name of names) {
      const contestant = field.find(name);
      jobs[name] = async () => (await perRequest(contestant, size, 1, requests)).cpuMsPerRequest;
    }
    results[size] = await interleave(rounds, jobs);
  }
  return results;
}
