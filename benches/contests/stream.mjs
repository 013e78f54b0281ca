// One stream at a time: CPU-seconds per GiB and MB/s.

import { MIB } from "../lib/contestants.mjs";
import { load } from "../lib/field.mjs";
import { interleave } from "../lib/statistics.mjs";

const GIB = 1024 * MIB;

/** @returns {Promise<Record<string, {cpuSecondsPerGib: number, mbPerSecond: number}[]>>} by contestant */
export async function stream(field, { rounds, streamBytes }) {
  const jobs = {};
  for (const contestant of field.contestants.filter(({ smallOnly }) => !smallOnly)) {
    await load(contestant, 16 * MIB, 1, 1); // warm
    jobs[contestant.name] = async () => {
      const { cpuSeconds, seconds, bytes } = await load(contestant, streamBytes, 1, 1);
      return { cpuSecondsPerGib: cpuSeconds / (bytes / GIB), mbPerSecond: bytes / 1e6 / seconds };
    };
  }
  return interleave(rounds, jobs);
}
