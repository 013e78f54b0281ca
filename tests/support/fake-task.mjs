// Tasks like those of the Rust side, for tests of the JavaScript that drives them.

import assert from "node:assert/strict";

import { Driver } from "../../src/platform/workers/js/drive.js";

/** The last ticket. As on the Rust side, no ticket is issued twice. */
let tickets = 0;

/** A task like those of the Rust side: `waits` are promises with their limits; it records each result. */
export function taskOf(waits, outcome = "outcome") {
  const came = [];
  let at = 0;
  return {
    came,
    ticket: ++tickets,
    limitMs: Infinity,
    failed: false,
    resume(ticket, fulfilled, value) {
      assert.equal(ticket, this.ticket, "only the current wait of the task is resumed");
      if (at > 0) came.push([fulfilled, value]);
      const wait = waits[at++];
      this.ticket = wait === undefined ? 0 : ++tickets;
      if (wait === undefined) return outcome;
      this.limitMs = wait[1];
      return wait[0];
    },
  };
}

/** Drives a task with a new driver. */
export const drive = (task) => new Driver(task).run();

export const never = new Promise(() => {});

/** Lets promises settle. */
export const turns = async () => {
  for (let count = 0; count < 10; count++) await undefined;
};
