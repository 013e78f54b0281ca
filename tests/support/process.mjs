// Child processes of the tests. Each has a process group, writes its output to a file, and ends with the test process.
//
// The output goes directly to a file, not through a pipe: it is complete even if the test process dies, and it never blocks the child.

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The root of the checkout. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The folder for all output; `scripts/test` creates one for each run. */
export const LOG_DIR = resolve(ROOT, process.env.CLOAKROOM_TEST_LOGS ?? "target/test-logs/by-hand");

const groups = new Set();
const folders = new Set();
let fileCount = 0;

/** Ends all processes of this test process. It runs at exit, where asynchronous code cannot. */
function cleanUp() {
  for (const group of groups) signalGroup(group, "SIGKILL");
  groups.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.clear();
}
process.on("exit", cleanUp);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    cleanUp();
    process.kill(process.pid, signal);
  });
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if (error.code === "ESRCH") return false;
    // macOS returns EPERM for a group whose processes have all ended but are not yet reaped.
    if (error.code === "EPERM") return false;
    throw error;
  }
}

/** Creates an empty folder that is removed when the test process ends. */
export function tempDir(name = "test") {
  const folder = mkdtempSync(join(tmpdir(), `cloakroom-${name}-`));
  folders.add(folder);
  return folder;
}

/**
 * Returns a free port of 127.0.0.1. It lies below the ports that the system assigns automatically, so that no other process takes it by
 * chance before the caller listens on it.
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer();
    const free = await new Promise((done) => server.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true)));
    if (!free) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}

function newLogFile(name) {
  mkdirSync(LOG_DIR, { recursive: true });
  fileCount += 1;
  return join(LOG_DIR, `${name}-${process.pid}-${fileCount}.log`);
}

/**
 * Starts a process that keeps running.
 *
 * It calls `ready(running)` until that returns a true value. After `readyMs` milliseconds, or if the process ends first, it stops the process
 * and throws an error with the last lines of its output.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{name: string, cwd?: string, env?: Record<string, string | undefined>, ready?: (running: Running) => unknown, readyMs?: number}} options
 *   `env` is added to this process's environment; `undefined` removes a variable
 * @returns {Promise<Running>}
 */
export async function start(command, args, { name, cwd = ROOT, env = {}, ready, readyMs = 60_000 }) {
  const logPath = newLogFile(name);
  const log = openSync(logPath, "a", 0o600);
  let child;
  try {
    child = spawn(command, args, { cwd, env: environment(env), detached: true, stdio: ["ignore", log, log] });
  } finally {
    closeSync(log);
  }
  const running = new Running(name, child, logPath);
  if (ready)
    await running
      .until(`${name} to be ready`, () => ready(running), readyMs)
      .catch(async (error) => {
        await running.stop();
        throw error;
      });
  return running;
}

/** A running process group. */
export class Running {
  #child;

  constructor(name, child, logPath) {
    this.#child = child;
    this.name = name;
    /** The id of the process and its group; `undefined` if the program could not start. */
    this.pid = child.pid;
    this.logPath = logPath;
    /** Set when the first process has ended: its exit code, its signal, or the error that prevented its start. */
    this.ended = undefined;
    if (child.pid) groups.add(child.pid);
    this.exited = new Promise((done) => {
      child.once("error", (error) => done((this.ended = { error })));
      child.once("exit", (code, signal) => done((this.ended = { code, signal })));
    });
    // A process that a test forgets to stop must not keep the test running.
    child.unref();
  }

  /** Returns all output so far, stdout and stderr in order. */
  output() {
    return readFileSync(this.logPath, "utf8");
  }

  /** Returns the last lines of `output()`, for error messages. */
  lastLines(count = 30) {
    return this.output().trimEnd().split("\n").slice(-count).join("\n");
  }

  /** Waits until `condition` returns a true value, and returns that. An error counts as "not yet". */
  async until(what, condition, limitMs = 10_000) {
    const end = Date.now() + limitMs;
    let lastError;
    for (;;) {
      if (this.ended) throw this.#failure(`${this.name} ended while waiting for ${what}: ${describeEnd(this.ended)}`);
      try {
        const value = await condition();
        if (value) return value;
        lastError = undefined;
      } catch (error) {
        lastError = error;
      }
      if (Date.now() > end) {
        const reason = lastError ? ` (${lastError.cause?.message || lastError.message})` : "";
        throw this.#failure(`waited ${limitMs} ms for ${what}${reason}`);
      }
      await sleep(50);
    }
  }

  /** Waits for a line of the output; returns the match. */
  untilLog(pattern, limitMs) {
    return this.until(`${pattern} in its output`, () => this.output().match(pattern), limitMs);
  }

  /** Returns all processes of the group, as `{pid, rssBytes, args}`. */
  async processes() {
    const { stdout } = await run("ps", ["-A", "-o", "pid=,pgid=,rss=,args="], { name: "ps", keepLog: false });
    return stdout
      .toString()
      .split("\n")
      .map((line) => line.trim().match(/^(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/))
      .filter((match) => match && Number(match[2]) === this.pid)
      .map((match) => ({ pid: Number(match[1]), rssBytes: Number(match[3]) * 1024, args: match[4] }));
  }

  /** Ends the whole group with SIGTERM, and after `graceMs` with SIGKILL. */
  async stop({ graceMs = 5_000 } = {}) {
    if (!this.pid) return;
    this.#child.ref();
    const end = Date.now() + graceMs;
    let signal = "SIGTERM";
    while (signalGroup(this.pid, signal)) {
      // Signal 0 only checks whether a process is left.
      signal = Date.now() > end ? "SIGKILL" : 0;
      await sleep(20);
    }
    groups.delete(this.pid);
    await this.exited;
  }

  #failure(message) {
    return new Error(`${message}\n--- end of ${this.logPath}\n${this.lastLines()}\n---`);
  }
}

function describeEnd({ error, code, signal }) {
  return error ? error.message : signal ? `killed by ${signal}` : `exit code ${code}`;
}

function environment(changes) {
  const merged = { ...process.env, ...changes };
  for (const [name, value] of Object.entries(changes)) if (value === undefined) delete merged[name];
  return merged;
}

/**
 * Runs a program to its end and returns its output. A non-zero exit code is not an error; the caller checks it.
 *
 * `LOG_DIR` keeps the output too (the first MiB of stdout), so that the search for secrets sees it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{name?: string, cwd?: string, env?: Record<string, string | undefined>, input?: Buffer | string, limitMs?: number, keepLog?: boolean}} [options]
 * @returns {Promise<{code: number | null, signal: string | null, stdout: Buffer, stderr: string}>}
 */
export async function run(command, args, { name = "run", cwd = ROOT, env = {}, input, limitMs = 120_000, keepLog = true } = {}) {
  const child = spawn(command, args, { cwd, env: environment(env), detached: true, stdio: ["pipe", "pipe", "pipe"] });
  if (child.pid) groups.add(child.pid);
  const stdout = [];
  const stderr = [];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  // A program may end without reading its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    signalGroup(child.pid, "SIGKILL");
  }, limitMs);
  try {
    const [code, signal] = await new Promise((done, fail) => {
      child.once("error", fail);
      child.once("close", (...end) => done(end));
    });
    const result = { code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
    if (keepLog) {
      const logPath = newLogFile(name);
      writeFileSync(logPath, result.stdout.subarray(0, 1 << 20), { mode: 0o600 });
      appendFileSync(logPath, result.stderr);
    }
    if (timedOut) throw new Error(`${name} did not end within ${limitMs} ms\n${result.stderr.slice(-2000)}`);
    return result;
  } finally {
    clearTimeout(timer);
    groups.delete(child.pid);
  }
}
