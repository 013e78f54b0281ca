// Tasks as the Rust side makes them, for tests of the JavaScript that drives them.

import assert from "node:assert/strict";

import { Driver } from "../../src/platform/workers/js/drive.js";

/** No ticket is issued twice, as on the Rust side. */
let tickets = 0;

/** A task as the Rust side makes them: `waits` are promises with their limits; it records what came of each. */
export function taskOf(waits, outcome = "outcome") {
  const came = [];
  let at = 0;
  return {
    came,
    ticket: ++tickets,
    limitMs: Infinity,
    failed: false,
    resume(ticket, fulfilled, value) {
      assert.equal(ticket, this.ticket, "only the wait that the task is in is resumed");
      if (at > 0) came.push([fulfilled, value]);
      const wait = waits[at++];
      this.ticket = wait === undefined ? 0 : ++tickets;
      if (wait === undefined) return outcome;
      this.limitMs = wait[1];
      return wait[0];
    },
  };
}

/** Drives a task with a driver of its own. */
export const drive = (task) => new Driver(task).run();

export const never = new Promise(() => {});

/** Lets promises settle. */
export const turns = async () => {
  for (let count = 0; count < 10; count++) await undefined;
};
