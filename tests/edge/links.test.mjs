// Responses of the edge to a link (specification, sections 7 and 8.3).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { METADATA_HEADER } from "../support/answer.mjs";
import { decrypt, unsealMetadata } from "../support/cipher.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, startRig } from "./rig.mjs";

// All headers of a response to a link. No other header may be there, whatever the object.
const ON_EVERYTHING = [
  "access-control-allow-origin",
  "access-control-expose-headers",
  "cache-control",
  "content-length",
  "content-security-policy",
  "content-type",
  "cross-origin-resource-policy",
  "referrer-policy",
  "x-content-type-options",
  "x-robots-tag",
];
const LINK_HEADER = "org-matrix-msc4097-link";
const ON_MEDIA = [...ON_EVERYTHING, "accept-ranges", "etag", LINK_HEADER, METADATA_HEADER];

// Leaves out headers that HTTP/1.1 adds.
const headersOf = ({ headers }) => [...headers].filter(([name]) => !["connection", "date", "keep-alive"].includes(name)).sort();
const headerNames = (response) => headersOf(response).map(([name]) => name);
const unknownToken = () => randomBytes(32).toString("base64url");

describe("a link", () => {
  let rig;
  before(async () => (rig = await startRig({ vars: { REDIRECT_MIN_BYTES: "0" } })));
  after(() => rig.stop());

  const SECRETIVE = {
    type: "image/x-very-secret",
    disposition: 'inline; filename="holiday.png"',
    headers: { "Last-Modified": "Sun, 01 Nov 2026 10:00:00 GMT" },
  };

  it("returns ciphertext of the plaintext's length, which the key decrypts", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      const response = await rig.link(answer);
      assert.equal(response.status, 200);
      const bytes = Buffer.from(await response.arrayBuffer());
      assert.equal(bytes.length, size);
      const plaintext = stored.source.slice();
      const unchanged = bytes.reduce((count, byte, i) => count + (byte === plaintext[i]), 0);
      // One byte in 256 stays the same by chance.
      assert.ok(unchanged < size / 128, `${unchanged} bytes of ${size} are those of the plaintext`);
      assert.ok(decrypt(answer.key, bytes).equals(plaintext));
    }
  });

  it("works for every length", async () => {
    for (const size of [0, 1, 63, 64, 65, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577]) {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      assert.equal(answer.metadata.size, size);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
  });

  it("reveals only the length of the object, cached or not", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size, SECRETIVE);
      const answer = await rig.answer(stored);
      const told = [answer.url];
      const seen = async (init, names) => {
        const response = await rig.link(answer, init);
        await drain(response);
        assert.deepEqual(headerNames(response), [...names].sort());
        told.push(...[...response.headers].flat());
        return response;
      };
      const cold = await seen({}, ON_MEDIA);
      await rig.cached(stored);
      const warm = await seen({}, ON_MEDIA);
      assert.deepEqual(headersOf(cold), headersOf(warm));
      await seen({ method: "HEAD" }, ON_MEDIA);
      await seen({ headers: { Range: "bytes=5-" } }, [...ON_MEDIA, "content-range"]);
      await seen({ headers: { Range: `bytes=${size}-` } }, [...ON_EVERYTHING, "content-range"]);
      await seen({ method: "POST" }, [...ON_EVERYTHING, "allow"]);
      const secrets = [answer.key.toString("base64url"), answer.key.toString("hex"), "very-secret", "holiday", stored.id];
      for (const word of secrets) assert.ok(!told.some((text) => text.includes(word)), `${word} is told`);
    }
  });

  it("has the headers of the specification", async () => {
    const { headers } = await rig.link(await rig.answer(rig.store()), { method: "HEAD" });
    const expected = {
      "content-type": "application/octet-stream",
      "content-length": String(SMALL_BYTES),
      "accept-ranges": "bytes",
      "cache-control": "no-store, no-transform",
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex",
      [LINK_HEADER]: "encrypted",
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(headers.get(name), value, name);
    // `media-src` is needed because browsers open a plain link to a video as a page.
    assert.match(headers.get("content-security-policy"), /^sandbox; default-src 'none';.* media-src 'self'; object-src 'self';$/);
    assert.match(headers.get("etag"), /^"[A-Za-z0-9_-]{22}"$/);
    const exposed = headers.get("access-control-expose-headers").toLowerCase().split(/, */);
    // A script cannot ask for `identity`, so it checks Content-Encoding.
    for (const name of ["accept-ranges", "content-encoding", "content-length", "content-range", "etag", LINK_HEADER, METADATA_HEADER])
      assert.ok(exposed.includes(name), name);
  });

  it("carries the metadata sealed, always the same", async () => {
    const stored = rig.store(SMALL_BYTES, SECRETIVE);
    const answer = await rig.answer(stored);
    const requests = [{}, { method: "HEAD" }, { headers: { Range: "bytes=7-9" } }];
    const sealed = await Promise.all(requests.map(async (init) => (await rig.link(answer, init)).headers.get(METADATA_HEADER)));
    assert.equal(new Set(sealed).size, 1);
    const metadata = unsealMetadata(answer.key, sealed[0]);
    assert.deepEqual(metadata, answer.metadata);
    // The specification's list lacks this type, so it is not shown inline, whatever the homeserver said.
    assert.deepEqual(metadata, {
      size: SMALL_BYTES,
      content_type: "image/x-very-secret",
      content_disposition: 'attachment; filename="holiday.png"',
    });
    assert.throws(() => unsealMetadata(randomBytes(32), sealed[0]), /not its key/);
  });

  it("carries a shortened long file name with its extension", async () => {
    const stored = rig.store(SMALL_BYTES, { type: "image/png", disposition: `inline; filename*=utf-8''${"%E2%98%83".repeat(600)}.png` });
    const answer = await rig.answer(stored);
    const sealed = (await rig.link(answer, { method: "HEAD" })).headers.get(METADATA_HEADER);
    const { content_disposition } = unsealMetadata(answer.key, sealed);
    assert.match(content_disposition, /^inline; filename\*=utf-8''(%E2%98%83){50,}\.png$/);
    assert.equal(content_disposition, answer.metadata.content_disposition);
  });

  it("returns any single range", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const end = size - 1;
      const ranges = {
        "bytes=0-": [0, end],
        "bytes=0-99": [0, 99],
        "bytes=0-1": [0, 1],
        "bytes=0-0": [0, 0],
        "bytes=100-": [100, end],
        "bytes=-100": [size - 100, end],
        "bytes=63-64": [63, 64],
        "bytes=64-127": [64, 127],
        "bytes=65537-70001": [65_537, 70_001],
        [`bytes=${end}-`]: [end, end],
        [`bytes=${size - 5}-${size + 5}`]: [size - 5, end],
        [`bytes=-${size + 5}`]: [0, end],
        "bytes=1-99999999999999999999": [1, end],
        "BYTES=3-4": [3, 4],
      };
      // Each range of a new object, and of a cached one.
      const warm = rig.store(size);
      const warmAnswer = await rig.answer(warm);
      await rig.cached(warm);
      const check = async ([range, [first, last]]) => {
        const cold = rig.store(size);
        for (const [stored, answer] of [
          [cold, await rig.answer(cold)],
          [warm, warmAnswer],
        ]) {
          const response = await rig.link(answer, { headers: { Range: range } });
          assert.equal(response.headers.get("content-range"), `bytes ${first}-${last}/${size}`, range);
          await expectMedia(response, stored, { status: 206, offset: first, length: last - first + 1, key: answer.key });
        }
      };
      await Promise.all(Object.entries(ranges).map(check));
    }
  });

  it("returns the whole for several ranges and for an invalid range", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    for (const range of [
      "bytes=0-1,5-6",
      "bytes=0-1, 5-6",
      "bytes=5-2",
      "bytes=99999999999999999999-88888888888888888888",
      "bytes=a-b",
      "bytes=-",
      "items=0-1",
      "bytes 0-1",
      "0-1",
    ]) {
      const response = await rig.link(answer, { headers: { Range: range } });
      assert.equal(response.headers.has("content-range"), false, range);
      await expectMedia(response, stored, { key: answer.key });
    }
  });

  it("returns 200 and the whole for any range of an empty object", async () => {
    for (const range of ["bytes=0-", "bytes=-5", "bytes=5-9"]) {
      const stored = rig.store(0);
      const answer = await rig.answer(stored);
      const response = await rig.link(answer, { headers: { Range: range } });
      assert.deepEqual([response.headers.get("content-length"), response.headers.has("content-range")], ["0", false], range);
      await expectMedia(response, stored, { key: answer.key });
    }
  });

  it("returns 416 and the length for a range beyond the end", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    for (const range of [
      `bytes=${SMALL_BYTES}-`,
      `bytes=${SMALL_BYTES + 1}-${SMALL_BYTES + 9}`,
      "bytes=-0",
      "bytes=99999999999999999999-",
    ]) {
      const response = await rig.link(answer, { headers: { Range: range } });
      assert.equal(response.headers.get("content-range"), `bytes */${SMALL_BYTES}`, range);
      await expectError(response, 416, "M_UNKNOWN");
    }
    assert.equal(stored.count("GET"), 0, "the homeserver was not asked");
  });

  it("returns a range only if If-Range is its ETag", async () => {
    const stored = rig.store();
    const [answer, other] = [await rig.answer(stored), await rig.answer(stored)];
    const etag = (await rig.link(answer, { method: "HEAD" })).headers.get("etag");
    const others = (await rig.link(other, { method: "HEAD" })).headers.get("etag");
    const ranged = (ifRange) => rig.link(answer, { headers: { Range: "bytes=10-19", "If-Range": ifRange } });
    await expectMedia(await ranged(etag), stored, { status: 206, offset: 10, length: 10, key: answer.key });
    for (const wrong of [others, `W/${etag}`, '"x"', "Sun, 01 Nov 2026 10:00:00 GMT", "nonsense"]) {
      await expectMedia(await ranged(wrong), stored, { key: answer.key });
    }
  });

  it("has a random, unique ETag, token and key", async () => {
    const stored = rig.store();
    const answers = [await rig.answer(stored), await rig.answer(stored, { delivery: "redirect" })];
    const responses = await Promise.all(answers.map((answer) => rig.link(answer)));
    const bodies = await Promise.all(responses.map(async (response) => Buffer.from(await response.arrayBuffer())));
    for (const values of [
      answers.map(({ token }) => token),
      answers.map(({ key }) => key.toString("hex")),
      responses.map(({ headers }) => headers.get("etag")),
    ]) {
      assert.notEqual(values[0], values[1]);
    }
    // The same plaintext under two tokens: equal keystream bytes would give equal ciphertext.
    const same = bodies[0].reduce((count, byte, i) => count + (byte === bodies[1][i]), 0);
    assert.ok(same < SMALL_BYTES / 128, `${same} bytes are the same under two tokens`);
    const again = await rig.link(answers[0]);
    assert.equal(again.headers.get("etag"), responses[0].headers.get("etag"));
    assert.deepEqual(Buffer.from(await again.arrayBuffer()), bodies[0]);
  });

  it("returns the headers of GET to HEAD, without asking the homeserver", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    stored.forget();
    for (const headers of [{}, { Range: "bytes=1-5" }]) {
      const head = await rig.link(answer, { method: "HEAD", headers });
      assert.equal(await drain(head), 0);
      assert.equal(stored.count(), 0);
      const get = await rig.link(answer, { headers });
      await drain(get);
      await rig.quiet();
      stored.forget();
      assert.deepEqual([head.status, headersOf(head)], [get.status, headersOf(get)]);
    }
    const missing = await rig.link({ url: `${rig.worker.edge}/${unknownToken()}` }, { method: "HEAD" });
    assert.deepEqual([missing.status, await drain(missing)], [404, 0]);
  });

  it("lets any preflight pass, whatever the token", async () => {
    const { url } = await rig.answer(rig.store());
    const headers = { Origin: "https://app.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range" };
    const responses = await Promise.all(
      [url, `${rig.worker.edge}/${unknownToken()}`, `${rig.worker.edge}/x/y`].map((each) => fetch(each, { method: "OPTIONS", headers })),
    );
    for (const response of responses) {
      assert.deepEqual([response.status, await drain(response)], [204, 0]);
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      const allowed = response.headers.get("access-control-allow-headers").toLowerCase().split(/, */);
      for (const name of ["range", "if-range"]) assert.ok(allowed.includes(name), name);
      assert.match(response.headers.get("access-control-allow-methods"), /\bGET\b/);
      assert.deepEqual(headersOf(response), headersOf(responses[0]));
    }
  });

  it("supports no other methods, whatever the token", async () => {
    const { token } = await rig.answer(rig.store());
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "PURGE", "TRACE"]) {
      const [live, unknown] = await Promise.all(
        [token, unknownToken()].map((each) => rig.verbatim(`/${each}`, { host: rig.edgeHost, method, headers: { "Content-Length": "0" } })),
      );
      assert.equal(live.status, 405, method);
      assert.equal(live.headers.allow, "GET, HEAD, OPTIONS");
      assert.equal(JSON.parse(live.body).errcode, "M_UNRECOGNIZED");
      assert.deepEqual([live.rawHeaders, live.body], [unknown.rawHeaders, unknown.body]);
    }
  });

  it("ignores who asks, and sends the homeserver none of their headers", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    stored.forget();
    const headers = { Authorization: "Bearer nobody_knows_this", Cookie: "a=b", "X-Forwarded-For": "192.0.2.66", "X-Whatever": "1" };
    await expectMedia(await rig.link(answer, { headers }), stored, { key: answer.key });
    const [{ headers: sent, query }] = stored.requests;
    assert.equal(sent.authorization, `Bearer ${rig.service}`);
    for (const name of ["cookie", "x-forwarded-for", "x-whatever"]) assert.equal(sent[name], undefined, name);
    assert.equal(query.size, 0);
  });
});
