// Medians. A single run on a shared machine means little, and the worst round dominates a mean.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Returns the median of a / b over the rounds. Load that slows down a whole round does not change it. */
export function medianRatio(a, b) {
  return median(a.map((value, round) => value / b[round]));
}

/** Returns the median of a - b over the rounds. */
export function medianDifference(a, b) {
  return median(a.map((value, round) => value - b[round]));
}

/**
 * Runs all jobs in turn, once in each round, and returns the results of each job by round.
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
