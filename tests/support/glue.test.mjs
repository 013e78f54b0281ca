// Cases of the platform's JavaScript that the real Worker cannot reach.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Driver, driveLater, idleDriver } from "../../src/platform/workers/js/drive.js";
import { standardUrl } from "../../src/platform/workers/js/request.js";
import { drive, never, taskOf, turns } from "./fake-task.mjs";

const TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";

/** Returns a URL as the URL standard parses it, or that it is invalid. */
const outcome = (parse, url) => {
  try {
    return parse(url);
  } catch {
    return "no URL";
  }
};
const standard = (url) => outcome((url) => new URL(url).href, url);
const ours = (url) => outcome(standardUrl, url);

test("URLs are parsed as in the URL standard", () => {
  const hosts = [
    "media.example.net",
    "MEDIA.example.net",
    "media.example.net.",
    "a",
    "localhost",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "127.0.0.01",
    "1.2.3.4",
    "256.0.0.1",
    "a.1",
    "a.0x1",
    "a.1b",
    "-",
    "-a",
    "a-",
    "a..b",
    ".",
    "xn--bcher-kva.example",
    "xn--a",
    "xn--zzzzzz",
    "a_b",
    "%61",
    "[::1]",
    "ex%41mple",
    "bücher.example",
  ];
  const ports = ["", ":", ":0", ":80", ":443", ":8787", ":080", ":0443", ":65535", ":65536", ":99999", ":80a"];
  const paths = [
    "",
    "/",
    `/${TOKEN}`,
    "/.",
    "/..",
    "/a/../b",
    "/a/%2e%2E/b",
    "/a//b",
    "/a\\..\\b",
    "/a?b",
    "/a#b",
    "/a b",
    "/ä",
    "/\t",
    "/_cloakroom/health",
    "/../" + TOKEN,
  ];
  for (const scheme of ["http", "https", "HTTP", "ftp"]) {
    for (const host of hosts) {
      for (const port of ports)
        for (const path of paths) assert.equal(ours(`${scheme}://${host}${port}${path}`), standard(`${scheme}://${host}${port}${path}`));
    }
  }
});

test("URLs of random characters are parsed as in the URL standard", () => {
  const alphabet = [..."ab19.:/-_%2eE\\?#@A \t\n[]x0"];
  let seed = 1;
  const next = (n) => (seed = (seed * 48271) % 0x7fffffff) % n;
  for (let i = 0; i < 200_000; i++) {
    const url = `http${next(2) ? "s" : ""}://${Array.from({ length: 1 + next(12) }, () => alphabet[next(alphabet.length)]).join("")}`;
    assert.equal(ours(url), standard(url), JSON.stringify(url));
  }
});

test("a task waits for one promise after the other, gets each result, and its driver can be reused", async () => {
  const thenable = { then: (fulfil) => fulfil("of a thenable") };
  const task = taskOf([
    [Promise.resolve(1), Infinity],
    [Promise.reject("no"), 1000],
    [thenable, Infinity],
  ]);
  const driver = new Driver(task);
  assert.equal(await driver.run(), "outcome");
  assert.deepEqual(task.came, [
    [true, 1],
    [false, "no"],
    [true, "of a thenable"],
  ]);
  assert.equal(idleDriver(), driver);
});

test("a task's error reaches only its own request", async () => {
  const task = taskOf([[Promise.resolve(1), Infinity]], new Error("an error"));
  task.failed = true;
  const driver = new Driver(task);
  await assert.rejects(driver.run(), /an error/);
  assert.equal(idleDriver(), driver);
});

test("tasks that take turns get their own results", async () => {
  const [gives, promises] = [[], []];
  for (let at = 0; at < 4; at++) promises.push(new Promise((give) => gives.push(give)));
  const one = taskOf(
    [
      [promises[0], Infinity],
      [promises[1], 1000],
    ],
    "one",
  );
  const other = taskOf(
    [
      [promises[2], 1000],
      [promises[3], Infinity],
    ],
    "other",
  );
  const driven = [drive(one), drive(other)];
  for (const at of [3, 2, 1, 0]) {
    gives[at](at);
    await turns();
  }
  assert.deepEqual(await Promise.all(driven), ["one", "other"]);
  assert.deepEqual(
    [one.came, other.came],
    [
      [
        [true, 0],
        [true, 1],
      ],
      [
        [true, 2],
        [true, 3],
      ],
    ],
  );
});

test("a task does not start within the task that creates it", async () => {
  const task = taskOf([], "outcome");
  const begun = mock.method(task, "resume");
  const driven = driveLater(task);
  assert.equal(begun.mock.callCount(), 0);
  assert.equal(await driven, "outcome");
});

test("a task waits exactly for its time limit, whatever it waited for before", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    for (const [headersMs, limitMs] of [
      [0, 30_000],
      [31_000, 30_000],
      [59_000, 30_000],
      [90_000, 30_000],
      [0, 100_000],
      [29_999, 100_000],
    ]) {
      let answer;
      const headers = new Promise((resolve) => (answer = resolve));
      const task = taskOf([
        [headers, 100_000],
        [never, limitMs],
      ]);
      const driven = drive(task);
      const pass = async (ms) => {
        for (let left = ms; left > 0; left -= 1000) {
          mock.timers.tick(Math.min(left, 1000));
          await turns();
        }
      };
      await pass(headersMs);
      answer("headers");
      await turns();
      await pass(limitMs - 1);
      assert.deepEqual(task.came, [[true, "headers"]], `${headersMs} ms, then ${limitMs} ms are not over`);
      await pass(1);
      assert.deepEqual(task.came[1], [false, "timed out"], `${headersMs} ms, then ${limitMs} ms are over`);
      assert.equal(await driven, "outcome");
    }
  } finally {
    mock.timers.reset();
  }
});

test("a late result is ignored", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    let late;
    const task = taskOf([
      [new Promise((resolve) => (late = resolve)), 1000],
      [never, 1000],
    ]);
    const driven = drive(task);
    mock.timers.tick(1000);
    late("late");
    await turns();
    assert.deepEqual(task.came, [[false, "timed out"]]);
    mock.timers.tick(30_000);
    assert.equal(await driven, "outcome");
    assert.equal(task.came.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("a late result for a task does not reach the next task of its driver", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    let late;
    const task = taskOf([[new Promise((resolve) => (late = resolve)), 1000]]);
    const driver = new Driver(task);
    const driven = driver.run();
    mock.timers.tick(1000);
    assert.equal(await driven, "outcome");
    // The Rust side reuses the task object.
    const next = taskOf([[never, 1000]]);
    driver.task = next;
    const again = driver.run();
    late("late");
    await turns();
    assert.deepEqual(next.came, []);
    mock.timers.tick(1000);
    assert.equal(await again, "outcome");
    assert.deepEqual(next.came, [[false, "timed out"]]);
  } finally {
    mock.timers.reset();
  }
});
