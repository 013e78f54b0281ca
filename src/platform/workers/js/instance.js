// The life of the WebAssembly instance. A trap (a panic, exhausted memory, a stack overflow) leaves the instance in an unknown state: locks
// may be held and values half written. So a new instance takes its place at once, and all work of the old one ends: waiting requests are
// rejected, and bodies that are being encrypted are aborted. No code enters the old instance again.

/**
 * The work of the present instance. The references are weak because the runtime does not report cancelled requests.
 *
 * @type {Set<WeakRef<{abort: (error: Error) => void}>>}
 */
const work = new Set();

/** The size of `work` at which collected entries are removed. */
let sweepAt = 64;

let replace = () => {};
let broken = false;
/**
 * The trap that caused the last restart.
 *
 * @type {unknown}
 */
let met;

/**
 * Sets the function that replaces the present instance by a new one.
 *
 * @param {() => void} how
 */
export function replaceBy(how) {
  replace = how;
}

/**
 * Aborts `piece` when the present instance ends. `abort` may run within another request, so it may settle promises and nothing else.
 *
 * @param {{abort: (error: Error) => void}} piece
 */
export function endWithInstance(piece) {
  if (work.size >= sweepAt) {
    for (const held of work) if (held.deref() === undefined) work.delete(held);
    sweepAt = Math.max(64, 2 * work.size);
  }
  work.add(new WeakRef(piece));
}

/**
 * Ends all work of the present instance and replaces it by a new one. `trap` is the error that broke the old one, if known.
 *
 * @param {unknown} [trap]
 */
export function restart(trap) {
  met = trap;
  const pieces = [...work];
  work.clear();
  broken = true;
  // The trap's own error could reveal something about another request.
  const error = new Error("the program was restarted");
  for (const piece of pieces) piece.deref()?.abort(error);
  replace();
  broken = false;
  console.warn('{"event":"program_restarted"}');
}

/**
 * Restarts the program if `error` is a trap that has not caused a restart yet.
 *
 * @param {unknown} error
 */
export function meet(error) {
  if (error instanceof WebAssembly.RuntimeError && error !== met) restart(error);
}

/** Retries a restart that failed. */
export function ensureInstance() {
  if (broken) restart();
}

/**
 * Calls a function of the program and restarts the program if it traps. A RangeError counts as a trap: it means a stack overflow or
 * exhausted memory, and it interrupts the program's functions in the middle. Rethrows every error.
 *
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
export function enter(call) {
  try {
    return call();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) restart(error);
    throw error;
  }
}
