// Drives the tasks of the Rust side. task.rs describes the whole sequence.

import { endWithInstance, restart } from "./instance.js";

/** @typedef {import("cloakroom").Task} Task */

/**
 * Drivers whose task is done. Reusing a task is cheaper than making one.
 *
 * @type {Driver[]}
 */
const idle = [];
const MAX_IDLE = 64;

/** The longest time between two checks for waits that have taken too long. No limit is shorter. */
const TICK_MS = 30_000;

/** Drives one task after the other, with the same `task` object. */
export class Driver {
  /** The ticket of the task's present wait, or 0. Values with another ticket come too late and are ignored. */
  #ticket = 0;
  #deadline = Infinity;
  /** @type {number | undefined} */
  #timer;
  /** @type {((outcome: any) => void) | undefined} */
  #resolve;
  /** @type {((error: unknown) => void) | undefined} */
  #reject;
  /**
   * The reason why the task's instance of the program has ended.
   *
   * @type {Error | undefined}
   */
  #ended;

  /** @param {Task} task */
  constructor(task) {
    this.task = task;
    endWithInstance(this);
  }

  /**
   * Drives the task to its outcome: waits for one promise after the other, each for as long as the task allows. A wait that takes longer
   * ends with "timed out". Its promise is left alone: it ends with the request that it was made for.
   *
   * @returns {Promise<any>}
   */
  run() {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      this.#resolve = resolve;
      this.#reject = reject;
      this.#ticket = this.task.ticket;
      this.#resume(this.#ticket, true);
    });
  }

  /**
   * Rejects the promise of `run`, because the instance has ended. May run within any request. The task is not resumed again.
   *
   * @param {Error} error
   */
  abort(error) {
    this.#ended = error;
    this.#ticket = 0;
    this.#reject?.(error);
  }

  /**
   * @param {number} ticket
   * @param {boolean} fulfilled
   * @param {unknown} [value]
   */
  #resume(ticket, fulfilled, value) {
    if (ticket !== this.#ticket || ticket === 0) return;
    const { task } = this;
    let step;
    try {
      step = task.resume(ticket, fulfilled, value);
      this.#ticket = task.ticket;
    } catch (error) {
      // Errors of the task itself are outcomes, so this is a trap.
      this.#reject?.(error);
      restart(error);
    }
    if (this.#ticket !== 0) return this.#wait(step, task.limitMs);
    if (this.#ended === undefined) this.#finish(task.failed, step);
  }

  /**
   * @param {boolean} failed
   * @param {unknown} outcome
   */
  #finish(failed, outcome) {
    if (failed) this.#reject?.(outcome);
    else this.#resolve?.(outcome);
    clearTimeout(/** @type {number} */ (this.#timer));
    this.#timer = this.#resolve = this.#reject = undefined;
    if (idle.length < MAX_IDLE) idle.push(this);
  }

  /**
   * @param {Promise<unknown>} promise
   * @param {number} limit
   */
  #wait(promise, limit) {
    const ticket = this.#ticket;
    this.#deadline = limit === Infinity ? Infinity : Date.now() + limit;
    if (limit < Infinity) this.#timer ??= setTimeout(() => this.#look(), Math.min(limit, TICK_MS));
    promise.then(
      (value) => this.#resume(ticket, true, value),
      (error) => this.#resume(ticket, false, error),
    );
  }

  /** Ends the present wait if its time is over. One timer serves all waits of a task, because most waits end long before it fires. */
  #look() {
    if (this.#ticket === 0) return;
    const left = this.#deadline - Date.now();
    this.#timer = left > 0 && left < Infinity ? setTimeout(() => this.#look(), Math.min(left, TICK_MS)) : undefined;
    if (left <= 0) this.#resume(this.#ticket, false, "timed out");
  }
}

/** Returns an idle driver, if there is one. */
export function idleDriver() {
  return idle.pop();
}

/** Drops the idle drivers, whose tasks belong to the old instance. */
export function dropIdleDrivers() {
  idle.length = 0;
}

/**
 * Drives a task from the next microtask on, so that it does not run within the task that started it.
 *
 * @param {Task} task
 */
export async function driveLater(task) {
  const driver = new Driver(task);
  await undefined;
  return driver.run();
}
