// Shared by the tests in this folder: a Worker in front of a scripted homeserver, objects on it, and helpers for requests.
//
// Each test uses new objects, so that no other test has cached them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request as sendRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { isAnswer, optIn, readAnswer } from "../support/answer.mjs";
import { Bytes, Source, expectSlice } from "../support/bytes.mjs";
import { media, startHomeserver } from "../support/homeserver.mjs";
import { startWorker } from "../support/worker.mjs";

/** The server name of all objects here. */
export const SERVER_NAME = "example.org";
const MEDIA = "/_matrix/client/v1/media";
// The local runtime also simulates Cloudflare's front end, which compresses text, but ignores `no-transform`. So text arrives compressed at
// clients that accept it, and without a length at others.
const AS_IT_IS = { "Accept-Encoding": "identity" };
const LOSES_ITS_LENGTH = /^(text\/|application\/json|image\/svg)/;
const POLL_MS = 20;

/** Lengths below and above the limit for reading whole (1 MiB), both above the minimum for a link (64 KiB). */
export const SMALL_BYTES = 100_003;
export const LARGE_BYTES = 3 * 1024 * 1024 + 7;

/** Returns a random access token in Synapse's form. */
export function newToken(whose = "user") {
  return `syt_${whose}_${randomBytes(12).toString("hex")}`;
}

/**
 * Starts a Worker (origin and edge) in front of a scripted homeserver that knows one user and the service account.
 *
 * @param {object} [options] those of `startWorker`
 * @returns {Promise<Rig>}
 */
export async function startRig({ vars, secrets, start = startWorker, ...options } = {}) {
  const homeserver = await startHomeserver();
  const [user, service] = [homeserver.allow(newToken()), homeserver.allow(newToken("service"))];
  const worker = await start({
    vars: { HOMESERVER_URL: homeserver.url, SERVER_NAME, ...vars },
    secrets: { HOMESERVER_TOKEN: service, ...secrets },
    // wrangler's proxy repeats requests after a broken connection, and logs their URLs.
    direct: true,
    ...options,
  });
  return new Rig(homeserver, worker, user, service);
}

/** A Worker, its homeserver, and the tokens that the homeserver accepts. */
export class Rig {
  #objects = 0;

  constructor(homeserver, worker, user, service) {
    this.homeserver = homeserver;
    this.worker = worker;
    /** The user's access token. */
    this.user = user;
    /** The service account's access token. */
    this.service = service;
  }

  async stop() {
    // Its state is not needed, so kill it at once.
    await this.worker.stop({ graceMs: 0 });
    await this.homeserver.stop();
  }

  /**
   * Stores a new object on the homeserver.
   *
   * @param {number | Buffer} size in bytes, or the bytes
   * @param {object} [options] those of `media` in homeserver.mjs
   * @returns {Stored}
   */
  store(size = SMALL_BYTES, options = {}) {
    this.#objects += 1;
    const id = `object${this.#objects}`;
    const source = typeof size === "number" ? new Source(`${id} ${this.homeserver.port}`, size) : new Bytes(size);
    const stored = new Stored(this.homeserver, id, source);
    stored.become(source, options);
    return stored;
  }

  /**
   * Sends a request to the origin. `redirect` is manual, as everywhere in these tests.
   *
   * @param {string | Stored} what a path, or an object to download
   * @param {RequestInit & {token?: string | null, query?: string}} [options] `token` is the user's unless given, null for none
   */
  get(what, { token = this.user, query = "", headers = {}, ...init } = {}) {
    const path = typeof what === "string" ? what : what.path;
    const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
    return fetch(this.worker.origin + path + query, {
      redirect: "manual",
      headers: { ...AS_IT_IS, ...authorization, ...headers },
      ...init,
    });
  }

  /** Opts in and reads the answer; fails without one. */
  async answer(what, { delivery = "json", ...options } = {}) {
    const response = await this.get(what, { query: optIn(delivery, options), ...options });
    const answer = await readAnswer(response, { edge: this.worker.edge });
    assert.ok(answer, `no answer but ${response.status} with ${response.headers.get("content-type")}`);
    return answer;
  }

  /** Follows a link. */
  link(answer, { headers = {}, ...init } = {}) {
    return fetch(answer.url, { redirect: "manual", headers: { ...AS_IT_IS, ...headers }, ...init });
  }

  /**
   * Sends a request exactly as written, with any path and Host, even if `fetch` would change or refuse it.
   *
   * @param {string} path with query
   * @param {{host?: string, method?: string, headers?: Record<string, string>, body?: string | Buffer}} [options]
   * @returns {Promise<{status: number, headers: Record<string, string>, rawHeaders: [string, string][], body: Buffer}>}
   */
  async verbatim(path, { host = `localhost:${this.worker.port}`, method = "GET", headers = {}, body } = {}) {
    const options = { host: "127.0.0.1", port: this.worker.port, path, method, headers: { Host: host, ...headers }, agent: false };
    const response = await new Promise((done, fail) => sendRequest(options, done).once("error", fail).end(body));
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const rawHeaders = [];
    for (let i = 0; i < response.rawHeaders.length; i += 2) rawHeaders.push(response.rawHeaders.slice(i, i + 2));
    return { status: response.statusCode, headers: response.headers, rawHeaders, body: Buffer.concat(chunks) };
  }

  /** The edge's `Host`. */
  get edgeHost() {
    return new URL(this.worker.edge).host;
  }

  /** Waits until the object is cached: until a request for it causes no GET. */
  async cached(stored) {
    await until(`${stored.id} to be cached`, async () => {
      await this.quiet();
      stored.forget();
      await drain(await this.get(stored));
      return stored.count("GET") === 0;
    });
    stored.forget();
  }

  /** Waits until the homeserver has got no request for a while, so that fills are over. */
  async quiet(ms = 100) {
    let before;
    await until("the homeserver to be left alone", async () => {
      before = this.homeserver.requests.length;
      // In several steps: if this process was busy all the time, it has not counted an arrived request yet.
      for (let slice = 0; slice < 5; slice += 1) await sleep(ms / 5);
      return before === this.homeserver.requests.length && this.homeserver.requests.every(({ ended }) => ended !== undefined);
    });
  }
}

/** An object on the homeserver. */
export class Stored {
  constructor(homeserver, id, source) {
    this.homeserver = homeserver;
    this.id = id;
    this.source = source;
    this.path = `${MEDIA}/download/${SERVER_NAME}/${id}`;
  }

  get size() {
    return this.source.size;
  }

  /** Replaces the object from now on. */
  become(source, options) {
    this.source = source;
    this.homeserver.serve(SERVER_NAME, this.id, source, options);
    return this;
  }

  /** Sets how the homeserver responds to requests for it from now on. */
  answers(handler, method = "*") {
    this.homeserver.on(method, this.path, handler);
    return this;
  }

  /** Returns the homeserver's requests for it. */
  get requests() {
    return this.homeserver.requests.filter(({ path }) => path === this.path);
  }

  /** Returns the number of those requests. */
  count(method) {
    return this.requests.filter((request) => !method || request.method === method).length;
  }

  /** Returns those requests in short: `["HEAD conditional", "GET"]`. */
  get asked() {
    return this.requests.map(({ method, headers }) =>
      [method, headers["if-none-match"] && "conditional", headers.range && "ranged"].filter(Boolean).join(" "),
    );
  }

  /** Returns the number of body bytes that the homeserver sent. */
  get bytesSent() {
    return this.requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  forget() {
    const { requests } = this.homeserver;
    for (let i = requests.length - 1; i >= 0; i -= 1) if (requests[i].path === this.path) requests.splice(i, 1);
  }
}

/** Reads a body to its end; fails if it breaks off. */
export async function drain(response) {
  let count = 0;
  for await (const chunk of response.body ?? []) count += chunk.length;
  return count;
}

/** Reads a body; returns the number of bytes, and whether it ended in order. */
export async function readUntilBroken(response) {
  const chunks = [];
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch (error) {
    return { bytes: Buffer.concat(chunks), broken: true, error };
  }
  return { bytes: Buffer.concat(chunks), broken: false };
}

/** Asserts that the response is the object or a part of it, as plaintext or encrypted with a key. */
export async function expectMedia(response, stored, { offset = 0, length = stored.size - offset, key, status = 200 } = {}) {
  assert.equal(response.status, status);
  if (!LOSES_ITS_LENGTH.test(response.headers.get("content-type")))
    assert.equal(response.headers.get("content-length"), String(length), "Content-Length");
  await expectSlice(response.body, stored.source, { offset, length, key });
}

/** Asserts that the response is the plaintext and not an answer. */
export async function expectPlain(response, stored, options) {
  assert.equal(isAnswer(response), false, "it is an answer");
  await expectMedia(response, stored, options);
}

/** Asserts that the response is a Matrix error. Returns its body. */
export async function expectError(response, status, errcode) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(isAnswer(response), false, "it is an answer");
  const body = JSON.parse(text);
  assert.equal(body.errcode, errcode);
  assert.equal(typeof body.error, "string");
  return body;
}

/** Waits until a condition holds. */
export async function until(what, condition, limitMs = 10_000) {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `waited ${limitMs} ms for ${what}`);
    await sleep(POLL_MS);
  }
}

export { isAnswer, media, optIn, readAnswer };
