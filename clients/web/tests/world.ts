// A homeserver with Cloakroom and its edge, as one scripted `fetch`. It encrypts with OpenSSL, which shares no code with the library.
//
// By default all parties do as they should. A test replaces what one of them answers.

import assert from "node:assert/strict";
import { createCipheriv, hkdfSync, randomBytes } from "node:crypto";

import { MediaClient, type MediaClientOptions } from "../src/index.ts";

export const HOMESERVER = "https://matrix.example.org";
export const EDGE = "https://media.example.net";
export const MXC = "mxc://example.org/AbCdEf";
export const PREFIX = "org.matrix.msc4097";
export const LINK_HEADER = "org-matrix-msc4097-link";
export const METADATA_HEADER = "org-matrix-msc4097-metadata";
const SIZE = 100_003;

// biome-ignore lint/suspicious/noExplicitAny: JSON, of which a test changes any part
export type Members = Record<string, any>;

/** A request that the library sent, or a hop of a redirect. */
export interface Sent {
  to: "config" | "media" | "link" | "elsewhere";
  url: URL;
  headers: Headers;
  init: RequestInit;
}

interface Grant {
  key: Buffer;
  alg: string;
}

/** What a party answers instead. `undefined` is the usual. */
export type Instead = (sent: Sent, count: number) => Response | undefined | Promise<Response | undefined>;

export class World {
  object: Buffer = randomBytes(SIZE);
  metadata: Members = { size: SIZE, content_type: "image/png", content_disposition: 'inline; filename="x.png"' };
  token = `syt_${randomBytes(9).toString("hex")}`;
  edge = EDGE;
  secret = randomBytes(32);
  sessionId = randomBytes(45).toString("base64url");
  /** Changes what the config advertises. */
  about: (about: Members) => unknown = (about) => about;
  onConfig: Instead = () => undefined;
  onMedia: Instead = () => undefined;
  onLink: Instead = () => undefined;
  onElsewhere: Instead = () => undefined;
  /** Changes the edge's 200 or 206. */
  linkHeaders: (headers: Headers, sent: Sent) => void = () => {};
  /** How the edge cuts the body into pieces. */
  pieceBytes = 40_000;
  readonly sent: Sent[] = [];
  readonly #grants = new Map<string, Grant>();

  client(options: Partial<MediaClientOptions> = {}): MediaClient {
    return new MediaClient({ homeserver: HOMESERVER, accessToken: async () => this.token, fetch: this.fetch, ...options });
  }

  /** The response is the whole object. */
  async expectWhole(response: Response): Promise<void> {
    assert.equal(response.status, 200);
    assert.ok((await bytesOf(response)).equals(this.object), "other bytes came");
  }

  /** The response is a part of the object. */
  async expectPart(response: Response, start: number, end: number): Promise<void> {
    assert.equal(response.status, 206);
    assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/${this.object.length}`);
    assert.equal(response.headers.get("content-length"), String(end - start));
    assert.ok((await bytesOf(response)).equals(this.object.subarray(start, end)), "other bytes came");
  }

  /** How many requests each party got: `{ config: 1, media: 1, link: 1 }`. */
  get counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { to } of this.sent) counts[to] = (counts[to] ?? 0) + 1;
    return counts;
  }

  /** The requests to one party. */
  to(party: Sent["to"]): Sent[] {
    return this.sent.filter(({ to }) => to === party);
  }

  readonly fetch: typeof globalThis.fetch = async (input, init = {}) => {
    init.signal?.throwIfAborted();
    const sent = this.#note(new URL(String(input)), init, new Headers(init.headers));
    let response = await this.#answer(sent);
    let { url } = sent;
    // What browsers and Node do with a redirect.
    for (let hops = 0; [301, 302, 307, 308].includes(response.status) && init.redirect === "follow"; hops += 1) {
      assert.ok(hops < 20, "too many redirects");
      const next = new URL(response.headers.get("location") ?? "", url);
      const headers = new Headers(init.headers);
      if (next.origin !== url.origin) headers.delete("authorization");
      url = next;
      response = await this.#answer(this.#note(url, init, headers));
    }
    return Object.defineProperty(response, "url", { value: url.href });
  };

  #note(url: URL, init: RequestInit, headers: Headers): Sent {
    let to: Sent["to"] = "elsewhere";
    if (url.origin === HOMESERVER && url.pathname === "/_matrix/client/v1/media/config") to = "config";
    else if (url.origin === HOMESERVER) to = "media";
    else if (url.origin === this.edge) to = "link";
    const sent = { to, url, headers, init };
    this.sent.push(sent);
    assert.equal(headers.get("authorization"), url.origin === HOMESERVER ? `Bearer ${this.token}` : null, `access token to ${to}`);
    assert.deepEqual([init.credentials, init.referrerPolicy, headers.get("accept-encoding")], ["omit", "no-referrer", "identity"]);
    return sent;
  }

  async #answer(sent: Sent): Promise<Response> {
    const count = this.to(sent.to).length;
    switch (sent.to) {
      case "config":
        return (await this.onConfig(sent, count)) ?? this.#config();
      case "media":
        return (await this.onMedia(sent, count)) ?? this.#media(sent);
      case "link":
        return (await this.onLink(sent, count)) ?? this.link(sent);
      case "elsewhere":
        return (await this.onElsewhere(sent, count)) ?? matrixError(404, "M_NOT_FOUND");
    }
  }

  #config(): Response {
    const about = this.about({
      deliveries: ["redirect", "json", "session"],
      algs: ["chacha20", "a256ctr"],
      edge: this.edge,
      min_size: 65_536,
      session: { id: this.sessionId, secret: this.secret.toString("base64url"), expires_ts: 1_790_000_000_000, expires_in_ms: 86_400_000 },
    });
    return Response.json({ "m.upload.size": 1, [PREFIX]: about });
  }

  #media({ url, headers }: Sent): Response {
    const delivery = url.searchParams.get(`${PREFIX}.delivery`);
    const session = url.searchParams.get(`${PREFIX}.session`);
    const alg = url.searchParams.get(`${PREFIX}.alg`)?.split(",")[0] ?? "chacha20";
    if (delivery === "json") return this.answer(this.mint(alg));
    if (delivery === "session" && session === this.sessionId) return redirect(`${this.edge}/${this.mint(alg)}`);
    return this.plain(headers, delivery === "session" ? { "org-matrix-msc4097-session": "stale" } : {});
  }

  /** Makes a grant. Returns its token. */
  mint(alg: string): string {
    const name = randomBytes(32).toString("base64url");
    const key = Buffer.from(hkdfSync("sha256", this.secret, name, `org.matrix.msc4097/object/${alg}`, 32));
    this.#grants.set(name, { key, alg });
    return name;
  }

  /** An answer. */
  answer(token: string, changes: Members = {}, headers: Members = {}): Response {
    const { key, alg } = this.#grants.get(token) ?? {};
    const body = {
      url: `${this.edge}/${token}`,
      alg,
      key: key?.toString("base64url"),
      expires_ts: 1_790_000_000_000,
      expires_in_ms: 300_000,
      metadata: this.metadata,
    };
    return Response.json({ ...body, ...changes }, { headers: { "Org-Matrix-Msc4097-Answer": "json", ...headers } });
  }

  /** The media as it is, ranges ignored, as Synapse sends it. */
  plain(_asked: Headers, headers: Members = {}): Response {
    const { size, content_type, content_disposition } = this.metadata;
    return new Response(new Uint8Array(this.object), {
      headers: { "Content-Type": content_type, "Content-Disposition": content_disposition, "Content-Length": String(size), ...headers },
    });
  }

  /** The edge's response to a link. */
  link(sent: Sent): Response {
    const grant = this.#grants.get(sent.url.pathname.slice(1));
    if (!grant) return matrixError(404, "M_NOT_FOUND");
    const { length } = this.object;
    const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(sent.headers.get("range") ?? "") ?? [];
    const isPart = (first !== "" || last !== "") && length > 0;
    const start = first === "" && isPart ? Math.max(0, length - Number(last)) : Number(first);
    const end = first === "" || last === "" ? length : Math.min(length, Number(last) + 1);
    if (isPart && start >= end) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${length}` } });
    const body = crypt(grant, this.object).subarray(start, isPart ? end : length);
    const headers = new Headers({
      "Content-Type": "application/octet-stream",
      "Content-Length": String(body.length),
      [LINK_HEADER]: "encrypted",
      [METADATA_HEADER]: crypt(grant, padded(JSON.stringify(this.metadata)), 1).toString("base64url"),
    });
    if (isPart) headers.set("Content-Range", `bytes ${start}-${end - 1}/${length}`);
    this.linkHeaders(headers, sent);
    return new Response(stream(body, this.pieceBytes), { status: isPart ? 206 : 200, headers });
  }
}

function padded(json: string): Buffer {
  const bytes = Buffer.alloc(1024, " ");
  bytes.write(json);
  return bytes;
}

/** Encrypts from the first byte of the keystream on. */
function crypt({ key, alg }: Grant, bytes: Buffer, nonce = 0): Buffer {
  const iv = Buffer.alloc(16);
  iv[alg === "chacha20" ? 15 : 11] = nonce;
  return createCipheriv(alg === "chacha20" ? "chacha20" : "aes-256-ctr", key, iv).update(bytes);
}

/** A body in pieces; then an orderly end, or an error. */
export function stream(bytes: Uint8Array, pieceBytes = 40_000, error?: Error): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(new Uint8Array(bytes.subarray(at, (at += pieceBytes))));
      else if (error) controller.error(error);
      else controller.close();
    },
  });
}

export function redirect(location: string, status = 307): Response {
  return new Response(null, { status, headers: { Location: location } });
}

export function matrixError(status: number, errcode: string, headers: Record<string, string> = {}): Response {
  return Response.json({ errcode, error: "No" }, { status, headers });
}

/** The parameters of a URL, those of the protocol without their prefix. */
export function parametersOf(url: URL | undefined): Members {
  return Object.fromEntries([...(url?.searchParams ?? [])].map(([name, value]) => [name.replace(`${PREFIX}.`, ""), value]));
}

/** Advertises no session. */
export function onlyJson(about: Members): Members {
  return { ...about, deliveries: ["redirect", "json"], session: undefined };
}

/** Reads a body to its end. */
export async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}
