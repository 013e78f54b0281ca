// Small objects, 32 at a time: CPU milliseconds per request and requests per second. And one at a time: the time to the first byte.

import { KIB, MIB } from "../lib/contestants.mjs";
import { load, perRequest } from "../lib/field.mjs";
import { interleave } from "../lib/statistics.mjs";

const CONCURRENT = 32;
const REQUESTS = new Map([
  [16 * KIB, 1500],
  [64 * KIB, 1500],
  [512 * KIB, 300],
]);
const FIRST_BYTE_OBJECT_BYTES = MIB;
const FIRST_BYTE_REQUESTS = 50;

/** @returns {Promise<Record<string, Record<string, {cpuMsPerRequest: number, requestsPerSecond: number}[]>>>} by size and contestant */
export async function small(field, { rounds }) {
  const results = {};
  for (const [size, requests] of REQUESTS) {
    const jobs = {};
    for (const contestant of field.contestants) {
      await load(contestant, size, CONCURRENT, requests); // warm
      jobs[contestant.name] = () => perRequest(contestant, size, CONCURRENT, requests);
    }
    results[size] = await interleave(rounds, jobs);
  }
  return results;
}

/** @returns {Promise<Record<string, number[]>>} milliseconds to the first byte of an object of 1 MiB on an idle Worker, by contestant */
export async function firstByte(field, { rounds }) {
  const jobs = {};
  for (const contestant of field.contestants) {
    jobs[contestant.name] = async () => (await load(contestant, FIRST_BYTE_OBJECT_BYTES, 1, FIRST_BYTE_REQUESTS)).firstByteMs;
  }
  return interleave(rounds, jobs);
}
