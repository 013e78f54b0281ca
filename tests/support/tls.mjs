// TLS on loopback: a certificate authority for one test, and an HTTPS server that relays requests or responds itself.
//
// It needs `openssl` (3.0 or later): Node uses certificates but cannot sign them.

import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { pipeline } from "node:stream";

import { run, tempDir } from "./process.mjs";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
// Certificates are valid a little longer than a test run.
const VALID_DAYS = "2";

/**
 * Creates a certificate authority and a server certificate signed by it.
 *
 * To trust it, give `caFile` to Synapse (`federation_custom_ca_list: [caFile]`) and to a Worker (`startWorker({ caFile })`), and `ca` to
 * `httpsGet` below.
 *
 * @param {string[]} [names] host names and IPv4 addresses of the certificate
 * @returns {Promise<{caFile: string, ca: Buffer, cert: Buffer, key: Buffer}>}
 */
export async function makeCertificates(names = ["localhost", "127.0.0.1"]) {
  const folder = tempDir("tls");
  const file = (name) => join(folder, name);
  const subjects = names.map((name) => `${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`);
  writeFileSync(file("server.ext"), `subjectAltName=${subjects}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n`);
  const authority = ["-keyout", file("ca.key"), "-out", file("ca.pem")];
  await openssl("req", "-x509", ...NEW_KEY, "-days", VALID_DAYS, "-subj", "/CN=Cloakroom test authority", ...authority);
  await openssl("req", "-new", ...NEW_KEY, "-subj", `/CN=${names[0]}`, "-keyout", file("server.key"), "-out", file("server.csr"));
  const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-extfile", file("server.ext")];
  await openssl("x509", "-req", "-days", VALID_DAYS, "-in", file("server.csr"), ...signer, "-out", file("server.pem"));
  const [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map((name) => readFileSync(file(name)));
  return { caFile: file("ca.pem"), ca, cert, key };
}

async function openssl(...args) {
  const { code, stderr } = await run("openssl", args, { name: "openssl", keepLog: false });
  if (code !== 0) throw new Error(`openssl ${args[0]} failed:\n${stderr}`);
}

/** An HTTPS server on 127.0.0.1 that remembers its requests. */
export class TlsServer {
  #server;

  /**
   * @param {{cert: Buffer, key: Buffer}} certificates
   * @param {http.RequestListener} handler
   */
  constructor(certificates, handler) {
    /** Every request, in order: `{method, host, path, query, headers}`. */
    this.requests = [];
    const { cert, key } = certificates;
    this.#server = https.createServer({ cert, key }, (request, response) => {
      const [path, query = ""] = request.url.split(/\?(.*)/s);
      const { method, headers } = request;
      this.requests.push({ method, host: headers.host, path, query: new URLSearchParams(query), headers });
      handler(request, response);
    });
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#server.unref();
    this.port = this.#server.address().port;
    /** The Matrix server name of this server, with an explicit port. */
    this.serverName = `localhost:${this.port}`;
    this.url = `https://${this.serverName}`;
    return this;
  }

  /** Returns the number of requests for this path, exact or by pattern. */
  count(path) {
    return this.requests.filter((request) => (typeof path === "string" ? request.path === path : path.test(request.path))).length;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/**
 * Starts an HTTPS server that responds itself: a scripted remote homeserver.
 *
 * @param {{cert: Buffer, key: Buffer}} certificates
 * @param {http.RequestListener} handler
 * @returns {Promise<TlsServer>}
 */
export function tlsServer(certificates, handler) {
  return new TlsServer(certificates, handler).listen();
}

/**
 * Starts a reverse proxy that terminates TLS in front of plain HTTP on loopback. Method, path, headers (including `Host`), body and status pass
 * unchanged. It follows, decodes and buffers nothing, and breaks off when the server behind it does.
 *
 * It calls `route` for each request, so a server may start after its name is known.
 *
 * @param {{cert: Buffer, key: Buffer}} certificates
 * @param {(path: string) => string | undefined} route the base URL (`http://127.0.0.1:8008`) for a path; undefined gives 502
 * @returns {Promise<TlsServer>}
 */
export function tlsProxy(certificates, route) {
  return tlsServer(certificates, (request, response) => {
    const base = route(request.url);
    if (base === undefined) return refuse(response, `nothing is behind ${request.url}`);
    const { hostname, port } = new URL(base);
    const { method, url: path, socket } = request;
    const headers = { ...request.headers, "x-forwarded-proto": "https", "x-forwarded-for": socket.remoteAddress };
    const upstream = http.request({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      pipeline(answer, response, () => {});
    });
    upstream.on("error", (error) => (response.headersSent ? response.destroy() : refuse(response, error.message)));
    response.on("close", () => upstream.destroy());
    pipeline(request, upstream, () => {});
  });
}

function refuse(response, reason) {
  response.writeHead(502, { "Content-Type": "text/plain" }).end(`tlsProxy: ${reason}\n`);
}

/**
 * Sends a `GET` to an https URL on loopback. (Node's fetch accepts no custom authority.) Does not follow redirects.
 *
 * @param {string} url
 * @param {{ca: Buffer, token?: string, headers?: Record<string, string>}} options
 * @returns {Promise<{status: number, headers: http.IncomingHttpHeaders, body: Buffer}>}
 */
export async function httpsGet(url, { ca, token, headers = {} }) {
  const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const request = https.get(url, { ca, agent: false, headers: { ...authorization, ...headers } });
  const [response] = await once(request, "response");
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}
