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
const CONFIG_PATH = "/_matrix/client/v1/media/config";
const PNG = { type: "image/png", disposition: "inline; filename=x.png" };
const token = () => randomBytes(32).toString("base64url");

describe("the client of the README", () => {
  /** The changes to responses on the way, and the responses seen there. */
  let onAnswer, onLink, onConfig, seen;
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
    [onAnswer, onLink, onConfig] = [];
    seen = { answers: [], links: [], optedIn: 0, plain: 0 };
    front.links = 0;
  });

  /** Sees every response from the Worker to the client. */
  function inspect({ path, headers }, answer) {
    const atEdge = headers.host === new URL(front.edge).host;
    if (atEdge) {
      seen.links.push({ path, headers, answer });
      return onLink?.(answer);
    }
    if (path === CONFIG_PATH) return onConfig?.(answer);
    if (path.includes(PREFIX)) seen.optedIn += 1;
    else seen.plain += 1;
    if (!(ANSWER_HEADER in answer.headers)) return undefined;
    const document = JSON.parse(answer.body);
    for (const [kind, value] of [["key", document.key], ["redirect token", document.url.split("/").at(-1)]]) secret(value, kind);
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
    const lookalike = JSON.stringify({ url: `${front.edge}/${token()}`, alg: "chacha20", key: token(), expires_ts: 1, metadata: { size: 1 } });
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
      "a query": (about) => ({ [PREFIX]: { ...about, edge: `${about.edge}/?` } }),
      "a user": (about) => ({ [PREFIX]: { ...about, edge: about.edge.replace("//", "//user@") } }),
      "not a URL": (about) => ({ [PREFIX]: { ...about, edge: "media.example.net" } }),
      "not an object": () => null,
      "not JSON": () => "<html>",
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
  });

  it("does not follow an invalid answer", async () => {
    const stored = rig.store();
    const documents = {
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
      "a url that is no text": (it) => ({ ...it, url: [it.url] }),
      "no url": (it) => ({ ...it, url: undefined }),
      "an algorithm that was not offered": (it) => ({ ...it, alg: "a256ctr" }),
      "no encryption": ({ key: _, ...it }) => ({ ...it, alg: "none" }),
      "no key": (it) => ({ ...it, key: undefined }),
      "a short key": (it) => ({ ...it, key: it.key.slice(1) }),
      "a key with padding": (it) => ({ ...it, key: `${it.key}=` }),
      "a key with unused bits": (it) => ({ ...it, key: `${it.key.slice(0, -1)}B` }),
      "no expiry": (it) => ({ ...it, expires_ts: undefined }),
      "no metadata": (it) => ({ ...it, metadata: undefined }),
      "metadata without a type": (it) => ({ ...it, metadata: { size: it.metadata.size } }),
      "a negative size": (it) => ({ ...it, metadata: { ...it.metadata, size: -1 } }),
      "null": () => null,
      "no JSON": () => "<html>",
    };
    for (const [what, change] of Object.entries(documents)) {
      onAnswer = (answer, document) => withDocument(answer, change(document));
      await assert.rejects(run(stored), /^(Type|Syntax)?Error: (the (link does not|answer)|Cannot|Unexpected)/, what);
    }
    onAnswer = (answer) => withHeaders(answer, { [ANSWER_HEADER]: "redirect" });
    await assert.rejects(run(stored), /another delivery/);
    onAnswer = (answer) => ({ ...answer, status: 201 });
    await assert.rejects(run(stored), /another delivery/);
    assert.deepEqual([seen.links.length, seen.plain], [0, 0], "no link was followed");
  });

  it("accepts answers only from the homeserver", async () => {
    const elsewhere = `${rig.homeserver.url}/elsewhere`;
    const document = { url: `${front.edge}/${token()}`, alg: "chacha20", key: token(), expires_ts: 1, metadata: { size: 1, content_type: "a/b" } };
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
      "no metadata": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: undefined })],
      "metadata under another key": [/JSON|encoded data/, (it) => withHeaders(it, sealedOtherwise)],
      "metadata that are too short": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: sealed(it).slice(4) })],
      "metadata in base64": [/no sealed metadata/, (it) => withHeaders(it, { [METADATA_HEADER]: `+${sealed(it).slice(1)}` })],
      "an encoded body": [/is encoded/, (it) => withHeaders(it, { "content-encoding": "x-unknown" })],
      "a shorter body": [/another length/, (it) => withHeaders({ ...it, body: it.body.subarray(1) }, { "content-length": `${SMALL_BYTES - 1}` })],
      "a longer body without a length": [
        /another length/,
        (it) => withHeaders({ ...it, body: Buffer.concat([it.body, it.body]) }, { "content-length": undefined }),
      ],
      "a part": [/returned 206/, (it) => ({ ...it, status: 206 })],
      "an error": [/returned 502/, (it) => ({ ...it, status: 502 })],
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
    await assert.rejects(run(stored), /JSON|encoded data/, "another key");
  });

  it("asks for a new answer once when a link is gone, then for plain media", async () => {
    for (const status of [404, 409]) {
      const stored = rig.store();
      const gone = { status, body: { errcode: "M_NOT_FOUND", error: "gone" } };
      for (const [times, expected] of [[1, [2, 0]], [2, [2, 1]]]) {
        Object.assign(seen, { answers: [], optedIn: 0, plain: 0, instead: (count) => (count <= times ? gone : undefined) });
        front.links = 0;
        expectBytes(await run(stored), stored);
        assert.deepEqual([seen.optedIn, seen.plain], expected, `${status}, ${times} times`);
        assert.equal(front.links, 2);
        assert.notEqual(seen.answers[0].url, seen.answers[1].url, "never the same link again");
      }
    }
  });

  it("reports the homeserver's errors, and refuses anything but an mxc URI", async () => {
    await assert.rejects(download(front.origin, rig.user, `mxc://${SERVER_NAME}/nothing`), /the homeserver returned 404/);
    for (const uri of ["https://a.example/b", "mxc://a/b/c", "mxc://../b", "mxc://a/..", "mxc://a/b?c", "mxc://a/b#c", "mxc:///b", "mxc://a/"])
      await assert.rejects(download(front.origin, rig.user, uri), /not an mxc URI/, uri);
  });
});
