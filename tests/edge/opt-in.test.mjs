// Which requests get an answer, and which get plain media (specification, sections 3 and 4).

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Source } from "../support/bytes.mjs";
import {
  LARGE_BYTES,
  SERVER_NAME,
  SMALL_BYTES,
  drain,
  expectMedia,
  expectPlain,
  isAnswer,
  media,
  optIn,
  readAnswer,
  startRig,
} from "./rig.mjs";

const MIN_BYTES = 65_536;
const PLAIN_HEADER = "org-matrix-msc4097-plain";
const plainReason = (response) => response.headers.get(PLAIN_HEADER);
const query = (text) => `?${text.replaceAll("p.", "org.matrix.msc4097.")}`;

describe("opting in", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const PNG = { type: "image/png", disposition: "inline; filename=x.png" };

  it("gets an answer by either delivery", async () => {
    const stored = rig.store(SMALL_BYTES, PNG);
    for (const delivery of ["redirect", "json"]) {
      const response = await rig.get(stored, { query: optIn(delivery) });
      const exposed = response.headers.get("access-control-expose-headers").toLowerCase();
      const answer = await readAnswer(response, { edge: rig.worker.edge });
      assert.equal(answer.delivery, delivery);
      assert.equal(answer.url, `${rig.worker.edge}/${answer.token}`);
      // What the key store took of the time is gone.
      assert.ok(answer.expiresInMs > 0 && answer.expiresInMs <= 300_000, `${answer.expiresInMs}`);
      assert.deepEqual(answer.metadata, { size: SMALL_BYTES, content_type: "image/png", content_disposition: 'inline; filename="x.png"' });
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      assert.ok(exposed.includes("org-matrix-msc4097-answer"), exposed);
      for (const name of ["etag", "last-modified", "content-disposition"]) assert.equal(response.headers.has(name), false, name);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
  });

  it("may name unknown algorithms and a file name", async () => {
    const stored = rig.store(SMALL_BYTES, PNG);
    for (const algs of ["chacha20", "chacha20,a256ctr", " rot13 , chacha20 "])
      assert.equal((await rig.answer(stored, { algs })).alg, "chacha20");
    const named = await rig.answer(`${stored.path}/my%20picture.png`);
    assert.equal(named.metadata.content_disposition, 'inline; filename="my picture.png"');
    assert.equal(stored.requests.length, stored.count("HEAD"), "the origin does not fetch the bytes");
  });

  it("counts as not opting in if it cannot be honoured", async () => {
    const queries = [
      "p.delivery=",
      "p.delivery",
      "p.delivery=session",
      "p.delivery=session&p.session=x",
      "p.delivery=JSON",
      "p.delivery=json%00",
      "P.delivery=json",
      "p.Delivery=json",
      "p.alg=chacha20",
      "p.verbatim=true",
      "p.delivery=json&p.alg=",
      "p.delivery=json&p.alg=none",
      "p.delivery=json&p.alg=ChaCha20",
      "p.delivery=json&p.alg=rot13,aes",
      "p.delivery=json&p.delivery=json",
      "p.delivery=json&p.delivery=redirect",
      "p.delivery=json&p.alg=chacha20&p.alg=chacha20",
      "p.delivery=json&p.verbatim=true&p.verbatim=false",
      "delivery=json",
    ];
    const warm = rig.store(SMALL_BYTES, PNG);
    await rig.cached(warm);
    for (const text of queries) {
      for (const stored of [rig.store(SMALL_BYTES, PNG), warm]) {
        const response = await rig.get(stored, { query: query(text) });
        assert.equal(response.headers.get("content-type"), "image/png", text);
        const namesDelivery = text.split("&").some((parameter) => parameter.split("=")[0] === "p.delivery");
        assert.equal(plainReason(response), namesDelivery ? "not-supported" : null, text);
        await expectPlain(response, stored);
      }
    }
  });

  it("does not work by header", async () => {
    const stored = rig.store();
    const headers = { "Org-Matrix-Msc4097-Delivery": "json", "Org-Matrix-Msc4097-Answer": "json", Accept: "application/json" };
    await expectPlain(await rig.get(stored, { headers }), stored);
  });

  it("needs GET: HEAD describes the media", async () => {
    const stored = rig.store(SMALL_BYTES, PNG);
    for (let round = 0; round < 2; round += 1) {
      const response = await rig.get(stored, { method: "HEAD", query: optIn("json") });
      assert.deepEqual([response.status, isAnswer(response), await drain(response)], [200, false, 0]);
      assert.equal(response.headers.get("content-type"), "image/png");
      assert.equal(response.headers.get("content-length"), String(SMALL_BYTES));
      assert.equal(plainReason(response), null, "a GET would get an answer");
      await rig.cached(stored);
    }
    const small = await rig.get(rig.store(MIN_BYTES - 1), { method: "HEAD", query: optIn("json") });
    assert.equal(plainReason(small), "too-small");
  });

  it("gets small objects plainly", async () => {
    const [below, at] = [rig.store(MIN_BYTES - 1), rig.store(MIN_BYTES)];
    const plain = await rig.get(below, { query: optIn("redirect") });
    assert.equal(plainReason(plain), "too-small");
    assert.ok(plain.headers.get("access-control-expose-headers").toLowerCase().includes(PLAIN_HEADER));
    await expectPlain(plain, below);
    assert.equal(plainReason(await rig.get(below)), null, "it did not opt in");
    await rig.answer(at);
    // The size of the whole object counts, even if the request has a range.
    assert.ok(await readAnswer(await rig.get(at, { query: optIn("json"), headers: { Range: "bytes=0-1" } })));
    await expectPlain(await rig.get(below, { query: optIn("json"), headers: { Range: "bytes=1-2" } }), below, {
      status: 206,
      offset: 1,
      length: 2,
    });
  });

  it("gives nobody else ciphertext, even after earlier links", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await rig.quiet();
      await expectPlain(await rig.get(stored), stored);
      await expectPlain(await rig.get(stored, { headers: { Range: "bytes=100-199" } }), stored, { status: 206, offset: 100, length: 100 });
    }
  });

  it("gets the reason for plain delivery, and never from the homeserver", async () => {
    const forged = { headers: { "Org-Matrix-Msc4097-Plain": "forged", "Org-Matrix-Msc4097-Link": "encrypted" } };
    const unknown = rig.store(SMALL_BYTES, { ...forged, chunked: true });
    const response = await rig.get(unknown, { query: optIn("json") });
    assert.equal(plainReason(response), "unknown-length");
    assert.deepEqual([response.status, await drain(response)], [200, SMALL_BYTES]);
    for (const init of [{}, { query: query("p.delivery=") }]) {
      const relayed = await rig.get(rig.store(SMALL_BYTES, forged), init);
      assert.deepEqual([plainReason(relayed), relayed.headers.get("org-matrix-msc4097-link")], [init.query ? "not-supported" : null, null]);
      await drain(relayed);
    }
  });

  it("works for thumbnails, each size a separate object", async () => {
    const path = `/_matrix/client/v1/media/thumbnail/${SERVER_NAME}/picture`;
    const sources = {};
    const serve = (method) =>
      rig.homeserver.on(method, path, (exchange) => {
        const { width, height } = Object.fromEntries(exchange.record.query);
        const source = (sources[`${width}x${height}`] ??= new Source(`thumbnail ${width}x${height}`, MIN_BYTES + Number(width)));
        return media(source, PNG)(exchange);
      });
    serve("GET");
    serve("HEAD");
    const ask = { "?width=320&height=240&method=scale": "320x240", "?width=32&height=32&method=crop&animated=true": "32x32" };
    for (const [parameters, size] of Object.entries(ask)) {
      for (let round = 0; round < 2; round += 1) {
        const answer = await readAnswer(await rig.get(path + parameters + optIn("json").replace("?", "&")));
        await expectMedia(await rig.link(answer), { size: sources[size].size, source: sources[size] }, { key: answer.key });
        await expectPlain(await rig.get(path + parameters), { size: sources[size].size, source: sources[size] });
        await rig.quiet();
      }
    }
    const sent = new Set(rig.homeserver.requests.filter((request) => request.path === path).map(({ url }) => url.slice(path.length)));
    assert.deepEqual(sent, new Set(Object.keys(ask)), "only the parameters arrive, unchanged");
  });
});

describe("verbatim and plain links", () => {
  let rig;
  before(async () => (rig = await startRig({ vars: { ENCRYPTED_MEDIA: "verbatim", PLAIN_REDIRECT: "on" } })));
  after(() => rig.stop());

  it("serves ciphertext as stored if the client asks for it", async () => {
    const stored = rig.store(SMALL_BYTES, { disposition: "attachment; filename=secret.bin" });
    const answer = await rig.answer(stored, { verbatim: true });
    assert.deepEqual([answer.alg, "key" in answer], ["none", false]);
    for (let round = 0; round < 2; round += 1) {
      const response = await rig.link(answer);
      assert.equal(response.headers.get("content-type"), "application/octet-stream");
      assert.equal(response.headers.get("org-matrix-msc4097-link"), "verbatim");
      for (const name of ["org-matrix-msc4097-metadata", "content-disposition"]) assert.equal(response.headers.has(name), false, name);
      await expectMedia(response, stored);
      await rig.quiet();
    }
    await expectMedia(await rig.link(answer, { headers: { Range: "bytes=-9" } }), stored, { status: 206, offset: SMALL_BYTES - 9 });
  });

  it("encrypts other objects even if the client calls them ciphertext", async () => {
    for (const type of ["image/png", "application/octet-stream; charset=x", "APPLICATION/OCTET-STREAM2", "text/plain"]) {
      const stored = rig.store(SMALL_BYTES, { type });
      const answer = await rig.answer(stored, { verbatim: true });
      assert.equal(answer.alg, "chacha20", type);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
    for (const verbatim of ["false", "1", "TRUE", ""])
      assert.equal((await rig.answer(rig.store(), { verbatim })).alg, "chacha20", verbatim);
  });

  it("redirects clients that did not opt in to a plaintext link, which any client can follow", async () => {
    const stored = rig.store(SMALL_BYTES, { type: "image/png", disposition: "inline; filename=x.png" });
    const response = await rig.get(stored);
    assert.deepEqual([response.status, isAnswer(response), await drain(response)], [307, false, 0]);
    assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
    const link = response.headers.get("location");
    assert.match(link, new RegExp(`^${rig.worker.edge}/[A-Za-z0-9_-]{43}$`));
    const linked = await fetch(link);
    assert.equal(linked.headers.get("content-type"), "image/png");
    assert.equal(linked.headers.get("org-matrix-msc4097-link"), "plain");
    assert.equal(linked.headers.get("content-disposition"), 'inline; filename="x.png"');
    assert.equal(linked.headers.has("org-matrix-msc4097-metadata"), false);
    await expectMedia(linked, stored);
    // HEAD and small objects get no redirect, cached or not.
    const head = await rig.get(stored, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(SMALL_BYTES)]);
    const small = rig.store(1_000);
    await expectPlain(await rig.get(small), small);
  });

  it("never redirects a client that opted in to a plaintext link, even if its request cannot be honoured", async () => {
    const stored = rig.store();
    for (const text of ["p.delivery=", "p.delivery=session", "p.delivery=json&p.alg=rot13", "p.delivery=json&p.delivery=json"])
      await expectPlain(await rig.get(stored, { query: query(text) }), stored);
    const path = stored.path.replace("client/v1/media", "media/v3");
    const { homeserver } = rig;
    homeserver.on("GET", path, media(stored.source, { auth: false }));
    homeserver.on("HEAD", path, media(stored.source, { auth: false }));
    const anonymous = { token: null, query: `${optIn("json")}&allow_redirect=true` };
    const response = await rig.get(path, anonymous);
    assert.equal(plainReason(response), "no-token");
    await expectPlain(response, stored);
  });
});
