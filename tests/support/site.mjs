// A whole site: a real Synapse with accounts, a meter that counts its requests, and Cloakroom in front.
//
//   client -> Worker (origin and edge) -> meter -> Synapse

import { randomBytes } from "node:crypto";
import { request as sendRequest } from "node:http";

import { optIn, readAnswer } from "./answer.mjs";
import { startMeter } from "./meter.mjs";
import { freePort } from "./process.mjs";
import { secret } from "./secrets.mjs";
import { startSynapse } from "./synapse.mjs";
import { startOriginAndEdge, startWorker } from "./worker.mjs";

/** Both ways to deploy: `for (const shape of SHAPES) describe(shape, ...)`. */
export const SHAPES = ["one Worker", "two Workers"];

const MXC = /^mxc:\/\/([^/]+)\/([^/]+)$/;
const HELD_LIMIT_MS = 60_000;

/**
 * Starts a homeserver with users. Its `public_baseurl` is the future address of its first site: login responses name it, so that clients do
 * not bypass Cloakroom.
 *
 * @param {{config?: Record<string, unknown>}} [options] `config` overrides Synapse's configuration
 * @returns {Promise<{synapse: import("./synapse.mjs").Synapse, alice: object, admin: object, service: object, publicPorts: number[],
 *   stop: () => Promise<void>}>} `alice` is an ordinary user, `service` the edge's account
 */
export async function startHome({ config } = {}) {
  const port = await freePort();
  const synapse = await startSynapse({ publicUrl: `http://localhost:${port}`, config });
  const alice = await synapse.createUser("alice");
  const admin = await synapse.createUser("admin", { admin: true });
  const service = await synapse.createUser("cloakroom");
  return { synapse, alice, admin, service, publicPorts: [port], stop: () => synapse.stop() };
}

/**
 * Starts Cloakroom in front of a homeserver.
 *
 * @param {Awaited<ReturnType<typeof startHome>>} home
 * @param {{shape?: string, vars?: Record<string, string | null>, persistTo?: string}} [options] `vars` override those of wrangler.toml
 * @returns {Promise<Site>} with an empty cache, unless `persistTo` is that of an earlier site
 */
export async function startSite(home, { shape = SHAPES[0], vars, persistTo } = {}) {
  const meter = await startMeter(home.synapse.url);
  const shared = { HOMESERVER_URL: meter.url, SERVER_NAME: home.synapse.serverName, ...vars };
  const sessions = { SESSION_SECRET: secret(randomBytes(32).toString("hex"), "session secret") };
  const secrets = { HOMESERVER_TOKEN: home.service.token };
  const port = home.publicPorts?.pop();
  // With two Workers, only the edge needs the service account, and only the origin makes sessions.
  const worker =
    shape === SHAPES[1]
      ? await startOriginAndEdge({ vars: shared, originOnly: { secrets: sessions }, edgeOnly: { secrets }, persistTo, port })
      : await startWorker({ vars: shared, secrets: { ...secrets, ...sessions }, persistTo, port });
  return new Site(home, meter, worker);
}

/** Returns `/_matrix/client/v1/media/download/…` for a media URI; `query` is an object, or a string from `optIn`. */
export function downloadPath(mxc, query) {
  return mediaPath("client/v1/media/download", mxc, query);
}

/** Returns the same for a thumbnail: `query` has width and height. */
export function thumbnailPath(mxc, query) {
  return mediaPath("client/v1/media/thumbnail", mxc, query);
}

/** Returns the same for the legacy endpoint, which does not authorise. */
export function legacyPath(mxc, query, version = "v3") {
  return mediaPath(`media/${version}/download`, mxc, query);
}

function mediaPath(endpoint, mxc, query = {}) {
  const [, serverName, mediaId] = mxc.match(MXC);
  const text = String(typeof query === "string" ? query.replace(/^\?/, "") : new URLSearchParams(query));
  return `/_matrix/${endpoint}/${serverName}/${mediaId}${text && `?${text}`}`;
}

/** A running site. */
export class Site {
  constructor(home, meter, worker) {
    this.home = home;
    this.synapse = home.synapse;
    this.meter = meter;
    this.worker = worker;
  }

  /** Uploads through Cloakroom, as clients do. @returns {Promise<string>} the mxc URI */
  async upload(bytes, { type = "application/octet-stream", filename } = {}) {
    const query = filename === undefined ? "" : `?${new URLSearchParams({ filename })}`;
    const path = `/_matrix/media/v3/upload${query}`;
    const response = await this.fetch(path, { method: "POST", headers: { "Content-Type": type }, body: bytes });
    if (response.status !== 200) throw new Error(`upload: ${response.status} ${await response.text()}`);
    return (await response.json()).content_uri;
  }

  /** Sends a request to the homeserver's host, as Alice by default; `token: null` sends none. Follows no redirect. */
  fetch(path, { token = this.home.alice.token, headers = {}, ...options } = {}) {
    const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
    return fetch(this.worker.origin + path, { redirect: "manual", headers: { ...authorization, ...headers }, ...options });
  }

  /** Sends the path exactly as written, without resolving dot segments or encoding. Returns status and Matrix error only. */
  async fetchRaw(path, { token = this.home.alice.token, method = "GET" } = {}) {
    const headers = { Host: `localhost:${this.worker.port}`, ...(token && { Authorization: `Bearer ${token}` }) };
    const request = sendRequest({ host: "127.0.0.1", port: this.worker.port, method, path, headers, agent: false });
    request.end();
    const response = await new Promise((done, fail) => request.once("response", done).once("error", fail));
    const text = Buffer.concat(await response.toArray()).toString();
    return { status: response.statusCode, errcode: parseErrcode(text) };
  }

  /**
   * Logs in by password, as a client does.
   *
   * @param {{userId: string, password: string}} user
   * @returns {Promise<{token: string, base: string | undefined}>} `base` is the homeserver's address in the response
   */
  async login({ userId, password }) {
    const body = JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password });
    const response = await this.fetch("/_matrix/client/v3/login", { method: "POST", token: null, body });
    if (response.status !== 200) throw new Error(`login: ${response.status} ${await response.text()}`);
    const { access_token, well_known } = await response.json();
    return { token: secret(access_token, "access token"), base: well_known?.["m.homeserver"].base_url };
  }

  /** Opts in and reads the answer; fails if it gets plain media instead. */
  async answer(path, { delivery = "json", verbatim, ...options } = {}) {
    const separator = path.includes("?") ? "&" : "?";
    const response = await this.fetch(path + separator + optIn(delivery, { verbatim }).slice(1), options);
    const answer = await readAnswer(response, { edge: this.worker.edge });
    if (!answer) throw new Error(`opted in to ${delivery}, but got no answer: ${response.status} ${(await response.text()).slice(0, 200)}`);
    return answer;
  }

  /**
   * Waits until the object is cached, so that a download of it costs only one conditional HEAD. Resets the meter unless told to keep it.
   */
  async held(path, { keepMeter = false } = {}) {
    const look = async () => {
      await this.settled();
      const before = this.meter.requests.length;
      await (await this.fetch(path)).arrayBuffer();
      const [first, ...others] = this.meter.requests.slice(before);
      return first.method === "HEAD" && first.conditional && others.length === 0;
    };
    await this.worker.running.until(`the cache to hold ${path}`, look, HELD_LIMIT_MS);
    if (!keepMeter) this.meter.reset();
  }

  /** Waits until the homeserver has responded to all requests, for example those of a fill. */
  settled() {
    const idle = () => this.meter.requests.every(({ done }) => done);
    return this.worker.running.until("the homeserver to respond to all requests", idle, HELD_LIMIT_MS);
  }

  async stop() {
    await this.worker.stop();
    await this.meter.stop();
  }
}

function parseErrcode(text) {
  try {
    return JSON.parse(text).errcode;
  } catch {
    return undefined;
  }
}

/** Returns an invalid token, registered for the search for secrets. */
export function badToken(name = "bad") {
  return secret(`syt_${name}_${"x".repeat(20)}`, "access token");
}
