// Medians: one run on a shared machine says nothing, and a mean says what its worst round says.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of a / b, each round by itself: what slows a whole round down does not move it. */
export function medianRatio(a, b) {
  return median(a.map((value, round) => value / b[round]));
}

/** The median of a - b, each round by itself. */
export function medianDifference(a, b) {
  return median(a.map((value, round) => value - b[round]));
}

/**
 * Runs every job once a round, in turn, and returns what each gave in each round.
 *
 * @template T
 * @param {number} rounds
 * @param {Record<string, () => Promise<T>>} jobs
 * @returns {Promise<Record<string, T[]>>}
 */
export async function interleave(rounds, jobs) {
  const results = Object.fromEntries(Object.keys(jobs).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, job] of Object.entries(jobs)) results[name].push(await job());
  }
  return results;
}
