// A homeserver that misbehaves on demand, for tests of faults. Other tests run against a real Synapse.
//
// By default it behaves like Synapse: `ETag: 1`, 304 after authentication, `Range` ignored, no body on HEAD.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { Bytes } from "./bytes.mjs";
import { secret } from "./secrets.mjs";

/**
 * @returns {Promise<Homeserver>} listening on a free port of 127.0.0.1
 */
export async function startHomeserver() {
  const homeserver = new Homeserver();
  await homeserver.listen();
  return homeserver;
}

/** One scripted homeserver. */
export class Homeserver {
  #server;
  #handlers = [];
  #tokens = new Set();

  constructor() {
    /**
     * Every request, in order: `{method, url, path, query, headers, status, bytesSent, ended}`.
     * `bytesSent` counts the body; `ended` is "finished" or "aborted" (by either side), undefined while it runs.
     */
    this.requests = [];
    this.#server = createServer((request, response) => this.#handle(request, response));
    // Disable Node's time limits, because some tests have silent clients.
    this.#server.requestTimeout = 0;
    this.#server.headersTimeout = 0;
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#server.unref();
    this.port = this.#server.address().port;
    /** The value for HOMESERVER_URL. */
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** Returns a new access token that `media` accepts, registered as a secret. */
  allow(token) {
    this.#tokens.add(secret(token, "access token"));
    return token;
  }

  /** Stops accepting a token. */
  forbid(token) {
    this.#tokens.delete(token);
  }

  /**
   * Sets how to handle a request. The latest matching call counts; without one, the response is 404 `M_UNRECOGNIZED`.
   *
   * @param {string} method or "*"
   * @param {string | RegExp} path exact, or a pattern for the path without query
   * @param {Handler} handler one of the functions below, or `(exchange) => ...`
   */
  on(method, path, handler) {
    this.#handlers.unshift({ method, path, handler });
    return this;
  }

  /** Serves an object on the authenticated and legacy endpoints, which all require a token. See `media`. */
  serve(serverName, mediaId, source, options) {
    const path = new RegExp(`^/_matrix/(client/v1/media|media/(r0|v1|v3))/download/${serverName}/${mediaId}$`);
    return this.on("GET", path, media(source, options)).on("HEAD", path, media(source, options));
  }

  /** Returns the matching requests, for counting. */
  count({ method, path } = {}) {
    return this.requests.filter((request) => (!method || request.method === method) && (!path || matches(path, request.path))).length;
  }

  /** Returns the number of open connections, in use or idle. */
  connections() {
    return new Promise((done, fail) => this.#server.getConnections((error, count) => (error ? fail(error) : done(count))));
  }

  /** Forgets requests and handlers; keeps the tokens. */
  reset() {
    this.requests.length = 0;
    this.#handlers.length = 0;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #handle(request, response) {
    const [path, query = ""] = request.url.split(/\?(.*)/s);
    const { method, url, headers } = request;
    const record = { method, url, path, query: new URLSearchParams(query), headers, status: undefined, bytesSent: 0, ended: undefined };
    this.requests.push(record);
    response.once("close", () => (record.ended = response.writableFinished ? "finished" : "aborted"));
    const found = this.#handlers.find((handler) => (handler.method === "*" || handler.method === method) && matches(handler.path, path));
    const exchange = new Exchange(request, response, record, this.#tokens);
    try {
      await (found?.handler ?? matrixError(404, "M_UNRECOGNIZED", "Unrecognized request"))(exchange);
    } catch (error) {
      // In many tests the other side goes away.
      if (response.destroyed || request.destroyed) return;
      throw error;
    }
  }
}

function matches(pattern, path) {
  return typeof pattern === "string" ? pattern === path : pattern.test(path);
}

/** A request and the means to respond. */
export class Exchange {
  #tokens;

  constructor(request, response, record, tokens) {
    this.request = request;
    this.response = response;
    this.record = record;
    this.#tokens = tokens;
  }

  get isHead() {
    return this.request.method === "HEAD";
  }

  /** "missing", "unknown" or "good". */
  get token() {
    const header = this.request.headers.authorization?.match(/^Bearer (.+)$/)?.[1];
    const token = header ?? this.record.query.get("access_token");
    return token === null ? "missing" : this.#tokens.has(token) ? "good" : "unknown";
  }

  head(status, headers) {
    this.record.status = status;
    this.response.writeHead(status, headers);
  }

  /** Sends a piece of the body, and waits if the other side does not read. */
  async send(bytes) {
    if (this.response.destroyed) throw new Error("the other side went away");
    const more = this.response.write(bytes);
    this.record.bytesSent += bytes.length;
    if (!more) await drainedOrClosed(this.response);
  }

  end() {
    this.response.end();
  }

  /** Breaks off after the sent bytes have left: with RST, or in order with FIN, like a crashed server. */
  async breakOff({ reset = true } = {}) {
    await sleep(20);
    if (reset) this.response.socket?.resetAndDestroy();
    else this.response.socket?.destroy();
  }
}

function drainedOrClosed(stream) {
  return new Promise((done) => {
    const settle = () => {
      stream.off("drain", settle).off("close", settle);
      done();
    };
    stream.on("drain", settle).on("close", settle);
  });
}

/** @typedef {(exchange: Exchange) => unknown} Handler */

/**
 * Sends a whole response. An object as body becomes JSON.
 * @returns {Handler}
 */
export function respond(status, headers = {}, body = "") {
  const bytes = Buffer.isBuffer(body) || typeof body === "string" ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  const type = typeof body === "object" && !Buffer.isBuffer(body) ? { "Content-Type": "application/json" } : {};
  return async (exchange) => {
    const noBody = status === 204 || status === 304;
    exchange.head(status, { ...type, ...(noBody ? {} : { "Content-Length": String(bytes.length) }), ...headers });
    if (!exchange.isHead && !noBody && bytes.length > 0) await exchange.send(bytes);
    exchange.end();
  };
}

/**
 * Sends a Matrix error. Like Synapse, it sends no body on HEAD.
 * @returns {Handler}
 */
export function matrixError(status, errcode, error, { headers = {}, ...fields } = {}) {
  return respond(status, headers, { errcode, error, ...fields });
}

/**
 * Serves an object.
 *
 * @param {import("./bytes.mjs").Source | Bytes | Buffer | string} source
 * @param {object} [options]
 * @param {string} [options.type] Content-Type, default `application/octet-stream`; null for none
 * @param {string} [options.disposition] Content-Disposition
 * @param {string | null} [options.etag] verbatim, default `1`; null for none
 * @param {boolean} [options.auth] whether a token is required, default true
 * @param {boolean} [options.range] whether `Range` is honoured, default false
 * @param {number} [options.longestPart] shortens a part to this many bytes, as matrix-media-repo does
 * @param {Record<string, string>} [options.headers] more headers, or other values
 * @param {number} [options.promise] the value of Content-Length, whatever is sent; if it is too large, the connection closes at the end
 * @param {boolean} [options.chunked] no Content-Length
 * @param {boolean} [options.gzip] compresses, although the client did not ask for it
 * @param {number} [options.dripBytes] sends this many bytes at a time, in separate packets
 * @param {number} [options.dripMs] pause between them, default 0
 * @param {number} [options.delayMs] pause before the status line
 * @param {number} [options.stopAfter] sends this many bytes of the body, then does `then`
 * @param {"stall" | "reset" | "close"} [options.then] default "reset"
 * @returns {Handler}
 */
export function media(source, options = {}) {
  const object = typeof source === "string" || Buffer.isBuffer(source) ? new Bytes(source) : source;
  const { etag = "1", auth = true, delayMs = 0 } = options;
  return async (exchange) => {
    if (delayMs) await sleep(delayMs);
    if (auth && exchange.token === "missing") return matrixError(401, "M_MISSING_TOKEN", "Missing access token")(exchange);
    if (auth && exchange.token === "unknown") {
      return matrixError(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", { soft_logout: false })(exchange);
    }
    if (etag !== null && exchange.request.headers["if-none-match"] === etag) return respond(304, { ETag: etag })(exchange);
    const body = options.gzip ? new Bytes(gzipSync(object.slice())) : object;
    const slice = options.range ? requestedSlice(exchange.request, body.size) : undefined;
    if (slice) slice.length = Math.min(slice.length, options.longestPart ?? Infinity);
    const { offset, length } = slice ?? { offset: 0, length: body.size };
    exchange.head(slice ? 206 : 200, mediaHeaders(options, body.size, slice, length));
    if (exchange.isHead) return exchange.end();
    await sendBody(exchange, body, offset, length, options);
  };
}

function mediaHeaders(
  { type = "application/octet-stream", disposition, etag = "1", headers, promise, chunked, gzip },
  size,
  slice,
  length,
) {
  const all = {
    "Content-Type": type,
    "Content-Disposition": disposition,
    ETag: etag,
    "Content-Encoding": gzip ? "gzip" : undefined,
    "Content-Range": slice ? `bytes ${slice.offset}-${slice.offset + length - 1}/${size}` : undefined,
    "Content-Length": chunked ? undefined : String(promise ?? length),
    ...headers,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}

// Reads one range of the form a-b, a- or -n. Anything else is not a range.
function requestedSlice(request, size) {
  const [, first, last] = request.headers.range?.match(/^bytes=(\d*)-(\d*)$/) ?? [];
  if (first === undefined || (first === "" && last === "")) return undefined;
  const offset = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return offset < end ? { offset, length: end - offset } : undefined;
}

async function sendBody(exchange, body, offset, length, { promise, dripBytes, dripMs = 0, stopAfter, then = "reset" }) {
  const sent = Math.min(length, stopAfter ?? length);
  exchange.response.flushHeaders();
  if (dripBytes) exchange.response.socket.setNoDelay(true);
  for (const chunk of body.chunks(offset, sent, dripBytes)) {
    await exchange.send(chunk);
    // A turn of the event loop puts each chunk into a separate packet.
    if (dripBytes) await sleep(dripMs);
  }
  if (stopAfter === undefined && promise > length) return exchange.breakOff({ reset: false });
  if (stopAfter === undefined) return exchange.end();
  if (then !== "stall") await exchange.breakOff({ reset: then === "reset" });
}

/**
 * Sends exactly these bytes, including the status line, then closes in order. For responses that Node refuses to send.
 * @param {string | Buffer} bytes
 * @returns {Handler}
 */
export function raw(bytes) {
  return (exchange) => {
    exchange.response.socket.end(bytes);
  };
}

/**
 * Never responds.
 * @returns {Handler}
 */
export function silence() {
  return () => {};
}

/**
 * Breaks the connection off instead of responding.
 * @returns {Handler}
 */
export function hangUp() {
  return (exchange) => exchange.breakOff();
}
