// The client of the README (docs/examples/client.mjs) follows sections 5, 7 and 9 of the specification against the real Worker, even if
// responses are changed on the way.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";

import { download } from "../../docs/examples/client.mjs";
import { METADATA_HEADER } from "../support/answer.mjs";
import { startFront } from "../support/front.mjs";
import { respond } from "../support/homeserver.mjs";
import { secret } from "../support/secrets.mjs";
import { SERVER_NAME, SMALL_BYTES, startRig } from "./rig.mjs";

const PREFIX = "org.matrix.msc4097";
const ANSWER_HEADER = "org-matrix-msc4097-answer";
const LINK_HEADER = "org-matrix-msc4097-link";
const CONFIG_PATH = "/_matrix/client/v1/media/config";
const PNG = { type: "image/png", disposition: "inline; filename=x.png" };
const token = () => randomBytes(32).toString("base64url");

describe("the client of the README", () => {
  /** The changes to responses on the way, and the responses seen there. */
  let onAnswer, onLink, onConfig, onPlain, seen;
  let front, rig;
  before(async () => {
    front = await startFront(async ({ count }) => seen.instead?.(count), inspect);
    rig = await startRig({ vars: { EDGE_URL: front.edge } });
    front.leadTo(rig.worker.port);
    rig.homeserver.on("GET", CONFIG_PATH, respond(200, { "Content-Type": "application/json" }, { "m.upload.size": 1 }));
  });
  after(async () => {
    await rig?.stop();
    await front?.stop();
  });
  beforeEach(() => {
    [onAnswer, onLink, onConfig, onPlain] = [];
    forget();
  });

  function forget() {
    seen = { answers: [], links: [], configs: 0, optedIn: 0, plain: 0, instead: undefined };
    front.links = 0;
  }

  /** Sees every response from the Worker to the client. */
  function inspect({ path, headers }, answer) {
    const atEdge = headers.host === new URL(front.edge).host;
    if (atEdge) {
      seen.links.push({ path, headers, answer });
      return onLink?.(answer);
    }
    if (path === CONFIG_PATH) {
      seen.configs += 1;
      return onConfig?.(answer);
    }
    if (path.includes(PREFIX)) seen.optedIn += 1;
    else seen.plain += 1;
    if (!(ANSWER_HEADER in answer.headers)) return onPlain?.(answer);
    const document = JSON.parse(answer.body);
    for (const [kind, value] of [
      ["key", document.key],
      ["redirect token", document.url.split("/").at(-1)],
    ])
      secret(value, kind);
    seen.answers.push(document);
    return onAnswer?.(answer, document);
  }

  /** The answer with a changed document. */
  const withDocument = (answer, document) => {
    const body = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
    return { ...answer, headers: { ...answer.headers, "content-length": String(body.length) }, body };
  };
  const withHeaders = (answer, headers) => ({ ...answer, headers: { ...answer.headers, ...headers } });
  const run = (stored) => download(front.origin, rig.user, `mxc://${SERVER_NAME}/${stored.id}`);
  const expectBytes = ({ bytes }, stored) => assert.ok(Buffer.from(bytes).equals(stored.source.slice()), "the bytes differ");

  it("decrypts the body of the link, and sends the edge no access token", async () => {
    const stored = rig.store(SMALL_BYTES, PNG);
    const media = await run(stored);
    expectBytes(media, stored);
    assert.deepEqual([media.type, media.disposition], ["image/png", 'inline; filename="x.png"']);
    assert.deepEqual([seen.optedIn, seen.plain, seen.links.length], [1, 0, 1]);
    const [{ headers, answer }] = seen.links;
    assert.deepEqual([headers.authorization, headers.cookie, headers["accept-encoding"]], [undefined, undefined, "identity"]);
    assert.ok(!answer.body.equals(stored.source.slice()), "the link returned plaintext");
  });

  it("accepts plain media from the homeserver, whatever they look like", async () => {
    const small = rig.store(100, PNG);
    const media = await run(small);
    expectBytes(media, small);
    assert.equal(media.type, "image/png");
    const lookalike = JSON.stringify({
      url: `${front.edge}/${token()}`,
      alg: "chacha20",
      key: token(),
      expires_ts: 1,
      metadata: { size: 1 },
    });
    const forged = rig.store(Buffer.from(lookalike), { type: "application/json" });
    expectBytes(await run(forged), forged);
    assert.deepEqual([seen.optedIn, seen.links.length], [2, 0]);
  });

  it("does not opt in without a trusted edge", async () => {
    const stored = rig.store();
    const wrong = {
      "no member": () => ({}),
      "no edge": (about) => ({ [PREFIX]: { ...about, edge: undefined } }),
      "another delivery": (about) => ({ [PREFIX]: { ...about, deliveries: ["redirect"] } }),
      "another algorithm": (about) => ({ [PREFIX]: { ...about, algs: ["a256ctr"] } }),
      "plain http": (about) => ({ [PREFIX]: { ...about, edge: "http://media.example.net" } }),
      "a path": (about) => ({ [PREFIX]: { ...about, edge: `${about.edge}/media` } }),
      "a slash": (about) => ({ [PREFIX]: { ...about, edge: `${about.edge}/` } }),
      "a query": (about) => ({ [PREFIX]: { ...about, edge: `${about.edge}/?` } }),
      "a user": (about) => ({ [PREFIX]: { ...about, edge: about.edge.replace("//", "//user@") } }),
      "not a URL": (about) => ({ [PREFIX]: { ...about, edge: "media.example.net" } }),
      "a name that holds the delivery": (about) => ({ [PREFIX]: { ...about, deliveries: "json" } }),
      "not an object": () => null,
      "not JSON": () => "<html>",
      "too long": (about) => ({ [PREFIX]: about, later: "x".repeat(65_536) }),
    };
    for (const [what, change] of Object.entries(wrong)) {
      onConfig = (answer) => withDocument(answer, change(JSON.parse(answer.body)[PREFIX]));
      seen.plain = 0;
      expectBytes(await run(stored), stored);
      assert.deepEqual([seen.optedIn, seen.plain], [0, 1], what);
    }
    onConfig = (answer) => ({ ...answer, status: 403 });
    expectBytes(await run(stored), stored);
    assert.equal(seen.optedIn, 0, "guests may not read the config");
    for (const more of [
      { deliveries: null, algs: null },
      { deliveries: ["later", "json"], later: true },
    ]) {
      onConfig = (answer) => withDocument(answer, { [PREFIX]: { ...JSON.parse(answer.body)[PREFIX], ...more } });
      forget();
      expectBytes(await run(stored), stored);
      assert.deepEqual([seen.optedIn, seen.plain, seen.links.length], [1, 0, 1], JSON.stringify(more));
    }
  });

  const foreign = {
    "another host": (it) => ({ ...it, url: `https://evil.example/${token()}` }),
    "a host that begins like the edge": (it) => ({ ...it, url: it.url.replace(front.edge, `${front.edge}.evil.example`) }),
    "a user name": (it) => ({ ...it, url: it.url.replace("//", "//user@") }),
    "another scheme": (it) => ({ ...it, url: it.url.replace("http:", "https:") }),
    "another port": (it) => ({ ...it, url: it.url.replace(/:\d+/, ":1") }),
    "a further segment": (it) => ({ ...it, url: `${it.url}/more` }),
    "another path": (it) => ({ ...it, url: `${front.edge}/_matrix/client/v3/logout` }),
    "a segment in front": (it) => ({ ...it, url: it.url.replace(front.edge, `${front.edge}/x`) }),
    "a query": (it) => ({ ...it, url: `${it.url}?x` }),
    "a fragment": (it) => ({ ...it, url: `${it.url}#x` }),
    "a line feed": (it) => ({ ...it, url: `${it.url}\n` }),
    "a short token": (it) => ({ ...it, url: it.url.slice(0, -1) }),
    "a token with unused bits": (it) => ({ ...it, url: `${it.url.slice(0, -1)}B` }),
    "an empty sealed part": (it) => ({ ...it, url: `${it.url}.` }),
    "a sealed part with unused bits": (it) => ({ ...it, url: `${it.url}.AB` }),
    "a sealed part of no bytes": (it) => ({ ...it, url: `${it.url}.A` }),
    "two sealed parts": (it) => ({ ...it, url: `${it.url}.AA.AA` }),
    "a token of 2,050 characters": (it) => ({ ...it, url: `${it.url}.${"A".repeat(2006)}` }),
  };
  const refused = {
    "a url that is no text": (it) => ({ ...it, url: [it.url] }),
    "no url": (it) => ({ ...it, url: undefined }),
    "an algorithm that was not offered": (it) => ({ ...it, alg: "a256ctr" }),
    "no encryption": ({ key: _, ...it }) => ({ ...it, alg: "none" }),
    "no key": (it) => ({ ...it, key: undefined }),
    "a short key": (it) => ({ ...it, key: it.key.slice(1) }),
    "a key with padding": (it) => ({ ...it, key: `${it.key}=` }),
    "a key with unused bits": (it) => ({ ...it, key: `${it.key.slice(0, -1)}B` }),
    "no expiry": (it) => ({ ...it, expires_ts: undefined }),
    "an expiry of 2^53": (it) => ({ ...it, expires_ts: 2 ** 53 }),
    "a negative duration": (it) => ({ ...it, expires_in_ms: -1 }),
    "a duration that is text": (it) => ({ ...it, expires_in_ms: "300000" }),
    "no metadata": (it) => ({ ...it, metadata: undefined }),
    "metadata without a type": (it) => ({ ...it, metadata: { size: it.metadata.size } }),
    "a type of 256 bytes": (it) => ({ ...it, metadata: { ...it.metadata, content_type: "é".repeat(128) } }),
    "a negative size": (it) => ({ ...it, metadata: { ...it.metadata, size: -1 } }),
    "a size of 2^36": (it) => ({ ...it, metadata: { ...it.metadata, size: 2 ** 36 } }),
    "more than 16,384 bytes": (it) => ({ ...it, later: "x".repeat(16_384) }),
    null: () => null,
    "no JSON": () => "<html>",
  };

  it("takes plain media instead of an answer that it refuses", async () => {
    const stored = rig.store();
    for (const [what, change] of Object.entries(refused)) {
      forget();
      onAnswer = (answer, document) => withDocument(answer, change(document));
      expectBytes(await run(stored), stored);
      assert.deepEqual([seen.configs, seen.optedIn, seen.links.length, seen.plain], [1, 1, 0, 1], what);
    }
  });

  it("reads the config again, once, if an answer leads elsewhere than to the edge", async () => {
    const stored = rig.store();
    for (const [what, change] of Object.entries(foreign)) {
      forget();
      onAnswer = (answer, document) => withDocument(answer, change(document));
      expectBytes(await run(stored), stored);
      assert.deepEqual([seen.configs, seen.optedIn, seen.links.length, seen.plain], [2, 2, 0, 1], what);
    }
    // The edge has moved, and the first config was an old one.
    onAnswer = undefined;
    forget();
    onConfig = (answer) => (seen.configs === 1 ? withDocument(answer, { [PREFIX]: { edge: "https://old.example" } }) : undefined);
    expectBytes(await run(stored), stored);
    assert.deepEqual([seen.configs, seen.optedIn, seen.links.length, seen.plain], [2, 2, 1, 0]);
  });

  it("takes at most two answers, whatever is wrong with them", async () => {
    const stored = rig.store();
    seen.instead = () => ({ status: 404, body: {} });
    onAnswer = (answer, document) => (seen.answers.length === 2 ? withDocument(answer, foreign["another host"](document)) : undefined);
    expectBytes(await run(stored), stored);
    assert.deepEqual([seen.configs, seen.optedIn, front.links, seen.plain], [1, 2, 1, 1]);
  });

  it("follows tokens with a sealed part, and ignores what it does not know", async () => {
    const stored = rig.store();
    for (const sealed of ["AA", "AAA", "AAAA", "A".repeat(2004)]) {
      forget();
      onAnswer = (answer, document) => withDocument(answer, { ...document, url: `${document.url}.${sealed}` });
      expectBytes(await run(stored), stored);
      // This Worker knows no such grants.
      assert.deepEqual([seen.links.map(({ path }) => path.split(".")[1]), seen.plain], [[sealed, sealed], 1]);
    }
    forget();
    onAnswer = (answer, document) =>
      withDocument(answer, { ...document, expires_in_ms: null, later: 1, metadata: { ...document.metadata, later: 1 } });
    expectBytes(await run(stored), stored);
    assert.deepEqual([seen.links.length, seen.plain], [1, 0]);
  });

  it("fails at an answer that it did not ask for", async () => {
    const stored = rig.store();
    for (const change of [
      (answer) => withHeaders(answer, { [ANSWER_HEADER]: "redirect" }),
      (answer) => withHeaders(answer, { [ANSWER_HEADER]: ["json", "json"] }),
      (answer) => ({ ...answer, status: 201 }),
    ]) {
      onAnswer = change;
      await assert.rejects(run(stored), /another delivery/);
    }
    assert.deepEqual([seen.links.length, seen.plain], [0, 0], "no link was followed");
    onAnswer = undefined;
    onConfig = (answer) => ({ ...answer, status: 403 });
    onPlain = (answer) => withHeaders(answer, { [ANSWER_HEADER]: "json" });
    await assert.rejects(run(stored), /not asked for/);
  });

  it("accepts answers only from the homeserver", async () => {
    const elsewhere = `${rig.homeserver.url}/elsewhere`;
    const document = {
      url: `${front.edge}/${token()}`,
      alg: "chacha20",
      key: token(),
      expires_ts: 1,
      metadata: { size: 1, content_type: "a/b" },
    };
    rig.homeserver.on("GET", "/elsewhere", respond(200, { [ANSWER_HEADER]: "json" }, document));
    const stored = rig.store().answers(respond(307, { Location: elsewhere }));
    const media = await run(stored);
    assert.deepEqual(JSON.parse(Buffer.from(media.bytes)), document);
    const [request] = rig.homeserver.requests.filter(({ path }) => path === "/elsewhere");
    assert.deepEqual([seen.links.length, request.headers.authorization], [0, undefined]);
  });

  it("releases no bytes if the link does not match its answer", async () => {
    const stored = rig.store();
    await run(stored);
    const sealedOtherwise = { [METADATA_HEADER]: seen.links[0].answer.headers[METADATA_HEADER] };
    const sealed = (it) => it.headers[METADATA_HEADER];
    const responses = {
      "no mark": [/not marked/, (it) => withHeaders(it, { [LINK_HEADER]: undefined })],
      "the mark of a plain link": [/not marked/, (it) => withHeaders(it, { [LINK_HEADER]: "plain" })],
      "the mark twice": [/not marked/, (it) => withHeaders(it, { [LINK_HEADER]: ["encrypted", "encrypted"] })],
      "no metadata": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: undefined })],
      "metadata twice": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: [sealed(it), sealed(it)] })],
      "metadata under another key": [/does not fit/, (it) => withHeaders(it, sealedOtherwise)],
      "metadata that are too short": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: sealed(it).slice(4) })],
      "metadata in base64": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: `+${sealed(it).slice(1)}` })],
      "an encoded body": [/is encoded/, (it) => withHeaders(it, { "content-encoding": "x-unknown" })],
      "a shorter body": [
        /another length/,
        (it) => withHeaders({ ...it, body: it.body.subarray(1) }, { "content-length": `${SMALL_BYTES - 1}` }),
      ],
      "a longer body without a length": [
        /another length/,
        (it) => withHeaders({ ...it, body: Buffer.concat([it.body, it.body]) }, { "content-length": undefined }),
      ],
      "a part": [/returned 206/, (it) => ({ ...it, status: 206 })],
      "an error": [/returned 503/, (it) => ({ ...it, status: 503 })],
      "too many requests": [/returned 429/, (it) => ({ ...it, status: 429 })],
      "a redirect": [/fetch failed/, (it) => withHeaders({ ...it, status: 307 }, { location: `${rig.homeserver.url}/elsewhere` })],
    };
    for (const [what, [message, change]] of Object.entries(responses)) {
      seen.links.length = 0;
      onLink = (answer) => {
        const { headers, ...rest } = change(answer);
        return { ...rest, headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) };
      };
      await assert.rejects(run(stored), message, what);
      assert.equal(seen.links.length, 1, `${what}: the link is asked once`);
    }
    onLink = undefined;
    for (const name of ["size", "content_type", "content_disposition"]) {
      const values = { size: SMALL_BYTES + 1, content_type: "text/html", content_disposition: "inline" };
      onAnswer = (answer, it) => withDocument(answer, { ...it, metadata: { ...it.metadata, [name]: values[name] } });
      await assert.rejects(run(stored), /gives (another length|other media)/, name);
    }
    onAnswer = (answer, it) => withDocument(answer, { ...it, key: token() });
    await assert.rejects(run(stored), /does not fit/, "another key");
  });

  it("takes plain media if the edge cannot get them", async () => {
    for (const status of [502, 504]) {
      const stored = rig.store();
      forget();
      seen.instead = () => ({ status, body: {} });
      expectBytes(await run(stored), stored);
      assert.deepEqual([seen.optedIn, front.links, seen.plain], [1, 1, 1], `${status}`);
    }
  });

  it("takes a body that says that it has no coding", async () => {
    const stored = rig.store();
    onLink = (answer) => withHeaders(answer, { "content-encoding": "identity" });
    expectBytes(await run(stored), stored);
    assert.equal(seen.plain, 0);
  });

  it("asks for a new answer once when a link is gone, then for plain media", async () => {
    for (const status of [404, 409]) {
      const stored = rig.store();
      const gone = { status, body: { errcode: "M_NOT_FOUND", error: "gone" } };
      for (const [times, expected] of [
        [1, [2, 0]],
        [2, [2, 1]],
      ]) {
        forget();
        seen.instead = (count) => (count <= times ? gone : undefined);
        expectBytes(await run(stored), stored);
        assert.deepEqual([seen.optedIn, seen.plain], expected, `${status}, ${times} times`);
        assert.equal(front.links, 2);
        assert.notEqual(seen.answers[0].url, seen.answers[1].url, "never the same link again");
      }
    }
  });

  it("reports the homeserver's errors, and refuses anything but an mxc URI", async () => {
    await assert.rejects(download(front.origin, rig.user, `mxc://${SERVER_NAME}/nothing`), /the homeserver returned 404/);
    for (const uri of [
      "https://a.example/b",
      "mxc://a/b/c",
      "mxc://../b",
      "mxc://a/..",
      "mxc://a/b?c",
      "mxc://a/b#c",
      "mxc:///b",
      "mxc://a/",
    ])
      await assert.rejects(download(front.origin, rig.user, uri), /not an mxc URI/, uri);
  });
});
