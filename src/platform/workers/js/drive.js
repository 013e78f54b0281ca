// Drives the tasks of the Rust side.

import { reportTrap } from "./trap.js";

/** Tasks that are done, for the next requests: one costs more to make than to use again. */
export const idleTasks = [];
const MAX_IDLE_TASKS = 64;

/** The most time between two looks at whether a task has waited for too long; no limit is shorter. */
const TICK_MS = 30_000;

/**
 * Drives a task of the Rust side to its outcome: waits for one promise after the other, each as long as the
 * task allows. After that the task goes on with "timed out", and what the promise stands for is left alone:
 * it ends with the request that it was made for.
 */
export function drive(task) {
  return new Promise((resolve, reject) => {
    let turn = 0; // what comes of an earlier promise is of no interest any more
    let deadline = Infinity;
    let timer;

    const goOn = (fulfilled, value) => {
      const now = ++turn;
      try {
        const step = task.resume(fulfilled, value);
        const limit = task.limit_ms;
        if (limit !== undefined) {
          deadline = limit === Infinity ? Infinity : Date.now() + limit;
          if (limit < Infinity) timer ??= setTimeout(look, Math.min(limit, TICK_MS));
          step.then(
            (value) => now === turn && goOn(true, value),
            (error) => now === turn && goOn(false, error),
          );
          return;
        }
        if (idleTasks.length < MAX_IDLE_TASKS) idleTasks.push(task);
        resolve(step);
      } catch (error) {
        reportTrap(error);
        reject(error);
      }
      clearTimeout(timer);
    };

    // One timer for all waits: most are over long before it would tell anything.
    const look = () => {
      const left = deadline - Date.now();
      timer = left > 0 && left < Infinity ? setTimeout(look, Math.min(left, TICK_MS)) : undefined;
      if (left <= 0) goOn(false, "timed out");
    };

    goOn(true);
  });
}

/** The same from the next microtask on: a task does not run within another one. */
export async function driveLater(task) {
  await undefined;
  return drive(task);
}
