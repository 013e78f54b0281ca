// A reverse proxy between the Worker and the homeserver that counts requests and bytes. It changes only hop-by-hop headers.

import { once } from "node:events";
import { Agent, createServer, request as sendRequest } from "node:http";
import { pipeline } from "node:stream/promises";

const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);

/** Classes of paths; the first match counts. */
const CLASSES = [
  ["download", /^\/_matrix\/(client\/v1\/media|media\/(r0|v1|v3))\/download\//],
  ["thumbnail", /^\/_matrix\/(client\/v1\/media|media\/(r0|v1|v3))\/thumbnail\//],
  ["config", /^\/_matrix\/(client\/v1\/media|media\/(r0|v1|v3))\/config$/],
  ["upload", /^\/_matrix\/media\/(r0|v1|v3)\/(upload|create)/],
  ["federation", /^\/_matrix\/federation\//],
  ["versions", /^\/_matrix\/client\/versions$/],
  ["whoami", /^\/_matrix\/client\/(r0|v3)\/account\/whoami$/],
];

/**
 * @param {string} target origin of the homeserver, `http://127.0.0.1:PORT`
 * @returns {Promise<Meter>} listening on a free port of 127.0.0.1
 */
export async function startMeter(target) {
  const meter = new Meter(target);
  await meter.listen();
  return meter;
}

/** Counts requests and the bytes of response bodies. */
export class Meter {
  #target;
  #server;
  #agent = new Agent({ keepAlive: true });

  constructor(target) {
    this.#target = new URL(target);
    /**
     * `{method, class, path, conditional, ranged, authorization, headers, status, bytesSent, done}` in order. `class` is download, thumbnail,
     * config, upload, federation, versions, whoami or other; `authorization` is the unchanged header (a secret); `done` is set once the response
     * is sent or broken off.
     */
    this.requests = [];
    this.#server = createServer((request, response) => this.#forward(request, response));
    this.#server.requestTimeout = 0;
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#server.unref();
    this.port = this.#server.address().port;
    /** The value for HOMESERVER_URL. */
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** Returns the number of requests with all these properties: `count({method: "HEAD", class: "download", conditional: true})`. */
  count(wanted = {}) {
    return this.#matching(wanted).length;
  }

  /** Returns the bytes of the response bodies to such requests. */
  bytesSent(wanted = {}) {
    return this.#matching(wanted).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  /** Returns all requests in words, to compare them together: `{"HEAD download conditional": 1, "GET download": 2}`. */
  summary() {
    const counts = {};
    for (const { method, class: kind, conditional } of this.requests) {
      const words = [method, kind, ...(conditional ? ["conditional"] : [])].join(" ");
      counts[words] = (counts[words] ?? 0) + 1;
    }
    return counts;
  }

  reset() {
    this.requests.length = 0;
  }

  async stop() {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #matching(wanted) {
    return this.requests.filter((request) => Object.entries(wanted).every(([name, value]) => request[name] === value));
  }

  #forward(request, response) {
    const path = request.url.split("?")[0];
    const { method, headers } = request;
    const record = {
      method,
      class: CLASSES.find(([, pattern]) => pattern.test(path))?.[0] ?? "other",
      path,
      conditional: headers["if-none-match"] !== undefined,
      ranged: headers.range !== undefined,
      authorization: headers.authorization,
      headers,
      status: undefined,
      bytesSent: 0,
      done: false,
    };
    this.requests.push(record);
    const onward = sendRequest({
      agent: this.#agent,
      host: this.#target.hostname,
      port: this.#target.port,
      method,
      path: request.url,
      headers: withoutHops(request.rawHeaders, headers),
      setHost: false,
    });
    // When one side closes, close the other.
    response.once("close", () => {
      record.done = true;
      onward.destroy();
    });
    onward.once("error", () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
    onward.once("response", async (answer) => {
      record.status = answer.statusCode;
      response.writeHead(answer.statusCode, answer.statusMessage, withoutHops(answer.rawHeaders, answer.headers));
      response.flushHeaders();
      answer.on("data", (chunk) => (record.bytesSent += chunk.length));
      await pipeline(answer, response).catch(() => response.destroy());
    });
    request.pipe(onward);
  }
}

// Keeps the order and spelling of headers. Node sends a body of unknown length in chunks.
function withoutHops(rawHeaders, { connection = "" }) {
  const named = new Set(connection.toLowerCase().split(/\s*,\s*/));
  const kept = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (!HOP_BY_HOP.has(name) && !named.has(name)) kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return kept;
}
