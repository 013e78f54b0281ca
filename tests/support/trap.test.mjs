// How the platform's JavaScript handles a trap of the program. tests/edge/traps.test.mjs tests the real Worker.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { bodyStream } from "../../src/platform/workers/js/body.js";
import { driveLater, dropIdleDrivers, idleDriver } from "../../src/platform/workers/js/drive.js";
import { endWithInstance, enter, meet, replaceBy, restart } from "../../src/platform/workers/js/instance.js";
import { handlers } from "../../src/platform/workers/js/serve.js";
import { drive, never, taskOf, turns } from "./fake-task.mjs";

const trap = () => new WebAssembly.RuntimeError("unreachable");
const RESTARTED = /^Error: the program was restarted$/;

/** Counts restarts, and keeps their log lines out of the output. */
let restarts = 0;
beforeEach(() => {
  restarts = 0;
  mock.method(console, "warn", () => {});
  replaceBy(() => {
    restarts += 1;
    dropIdleDrivers();
  });
});
afterEach(() => mock.restoreAll());

test("a trap rejects its request, ends every task of the instance at once, and drops idle tasks", async () => {
  dropIdleDrivers();
  const [idle, waiting, later] = [taskOf([]), taskOf([[never, 1000]]), taskOf([])];
  await drive(idle);
  const driven = drive(waiting);
  const begun = mock.method(later, "resume");
  const started = driveLater(later);
  const error = trap();
  const broken = taskOf([]);
  broken.resume = () => {
    throw error;
  };
  await assert.rejects(drive(broken), error);
  assert.equal(restarts, 1);
  await assert.rejects(driven, RESTARTED);
  await assert.rejects(started, RESTARTED);
  assert.deepEqual([waiting.came, begun.mock.callCount()], [[], 0], "nothing enters the old instance");
  assert.equal(idleDriver(), undefined);
  meet(error);
  assert.equal(restarts, 1, "a trap is handled once");
  meet(new Error("an error"));
  assert.equal(restarts, 1, "an error is not a trap");
  meet(trap());
  assert.equal(restarts, 2, "an overflow that only the runtime saw is a trap too");
});

test("a promise that settles after a trap does not resume a task of the old instance", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    let give;
    const task = taskOf([[new Promise((resolve) => (give = resolve)), 1000]]);
    const driven = drive(task);
    restart();
    await assert.rejects(driven, RESTARTED);
    give("late");
    await turns();
    mock.timers.tick(100_000);
    assert.deepEqual(task.came, []);
    assert.equal(idleDriver(), undefined);
  } finally {
    mock.timers.reset();
  }
});

test("a stack overflow is a trap; the program's own error is not", () => {
  const overflow = () => overflow();
  assert.throws(() => enter(overflow), RangeError);
  assert.equal(restarts, 1);
  assert.throws(
    () =>
      enter(() => {
        throw new Error("too much");
      }),
    /too much/,
  );
  assert.equal(restarts, 1);
  assert.equal(
    enter(() => 5),
    5,
  );
});

test("collected tasks do not use memory for ever", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const refs = [];
  const { WeakRef: Original } = globalThis;
  globalThis.WeakRef = class extends Original {
    constructor(piece) {
      super(piece);
      refs.push(new Original(this));
    }
  };
  try {
    for (let count = 0; count < 1000; count++) endWithInstance({ abort() {} });
    await setImmediate();
    collect();
    // The next tasks clean them up.
    for (let count = 0; count < 1000; count++) endWithInstance({ abort() {} });
    await setImmediate();
    collect();
    const left = refs.slice(0, 1000).filter((ref) => ref.deref() !== undefined).length;
    assert.equal(left, 0);
  } finally {
    globalThis.WeakRef = Original;
  }
});

/** Returns 4 bytes in a buffer of the length that streams share. */
const chunk = () => ({ value: new Uint8Array(new ArrayBuffer(256 * 1024), 0, 4) });

/** Returns a stream of the program, from a source that gives 4 bytes on each pull. */
function streamOf({ push, read = async () => chunk() }) {
  const reader = { readAtLeast: read, cancel: mock.fn(async () => {}) };
  const end = mock.fn();
  const stream = bodyStream({ getReader: () => reader }, 8, push, end);
  return { stream, end, reader };
}

test("a trap in a body aborts it and restarts the program; too many bytes from a source only abort it", async () => {
  const error = trap();
  const trapped = streamOf({
    push: () => {
      throw error;
    },
  });
  await assert.rejects(new Response(trapped.stream).text());
  assert.deepEqual([restarts, trapped.end.mock.callCount()], [1, 0], "the old instance is not told");
  assert.equal(trapped.reader.cancel.mock.callCount(), 1);

  const refused = streamOf({
    push: () => {
      throw new Error("the source sends too much");
    },
  });
  await assert.rejects(new Response(refused.stream).text());
  assert.deepEqual([restarts, refused.end.mock.calls.map(({ arguments: [reason] }) => reason)], [1, ["Error: the source sends too much"]]);
});

test("a trap aborts bodies that wait, for a client or for their source", async () => {
  const push = mock.fn((chunk) => chunk.slice());
  const reading = streamOf({ push, read: () => never });
  const idle = streamOf({ push });
  const read = reading.stream.getReader().read();
  const reader = idle.stream.getReader();
  await reader.read();
  restart();
  await assert.rejects(read, RESTARTED);
  await assert.rejects(reader.read(), RESTARTED);
  assert.equal(push.mock.callCount(), 1);
  for (const { end, reader } of [reading, idle]) assert.deepEqual([end.mock.callCount(), reader.cancel.mock.callCount()], [0, 1]);
});

test("a chunk that arrives after a trap never enters the old instance", async () => {
  let give;
  const push = mock.fn((chunk) => chunk.slice());
  const { stream } = streamOf({ push, read: () => new Promise((resolve) => (give = resolve)) });
  const read = stream.getReader().read();
  await setImmediate();
  give(chunk());
  restart();
  await assert.rejects(read, RESTARTED);
  assert.equal(push.mock.callCount(), 0);
});

/** The program as `handlers` sees it: `serve` starts tasks that wait for `wait`. */
function programOf({ wait = Promise.resolve(), serve = (_request) => {}, renew = () => {} } = {}) {
  dropIdleDrivers();
  const program = { made: 0, renew: mock.fn(renew), state: { criticalError: false } };
  program.Task = class {
    constructor() {
      program.made += 1;
      Object.assign(this, taskOf([]));
    }
    serve(request) {
      serve(request);
      Object.assign(this, taskOf([[wait, Infinity]], request));
    }
  };
  return program;
}

/**
 * The handler of requests, which these tests call without the other arguments of the runtime.
 *
 * @returns {any}
 */
const fetchOf = (program) => handlers(program).fetch;

test("requests share tasks, until a trap", async () => {
  const program = programOf();
  const fetch = fetchOf(program);
  assert.deepEqual([await fetch("a"), await fetch("b"), program.made], ["a", "b", 1]);
  assert.deepEqual([await Promise.all([fetch("c"), fetch("d")]), program.made], [["c", "d"], 2]);
  program.state.criticalError = true;
  assert.equal(await fetch("e"), "e");
  assert.deepEqual([program.renew.mock.callCount(), program.state.criticalError, program.made], [1, false, 3]);
});

test("a trap before a task waits is handled too", async () => {
  let next;
  const program = programOf({
    serve: () => {
      if (next) throw next;
    },
  });
  const fetch = fetchOf(program);
  next = trap();
  assert.throws(() => fetch("a"), next);
  next = undefined;
  assert.deepEqual([await fetch("b"), program.renew.mock.callCount()], ["b", 1]);
});

test("an instance that cannot be replaced is not entered; the next request tries again", async () => {
  let full = true;
  const renew = () => {
    if (full) throw new RangeError("out of memory");
  };
  const serve = mock.fn();
  const fetch = fetchOf(programOf({ renew, serve }));
  assert.throws(() => restart(), /out of memory/);
  assert.throws(() => fetch("a"), /out of memory/);
  assert.equal(serve.mock.callCount(), 0);
  full = false;
  assert.equal(await fetch("b"), "b");
});
