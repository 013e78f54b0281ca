// What the cache saves, counted at the homeserver, and what it never changes: bytes, ranges, headers, who decides (conformance C1, C11, D1, K1).

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, media } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, newToken, optIn, startRig } from "./rig.mjs";

const MIB = 1024 * 1024;
// Beyond what is skipped of a body whose sender ignores ranges.
const DEEP_BYTES = 66 * MIB;

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("the homeserver is asked", () => {
  // What it was asked since the last time, once all of it is over.
  async function asked(stored) {
    await rig.quiet();
    const requests = stored.asked;
    stored.forget();
    return requests;
  }

  for (const [size, fill] of [[SMALL_BYTES, []], [MIB, []], [MIB + 1, ["GET"]], [LARGE_BYTES, ["GET"]]]) {
    it(`once for plain delivery, then only whether it is allowed: ${size} bytes`, async () => {
      const stored = rig.store(size);
      await expectPlain(await rig.get(stored), stored);
      assert.deepEqual(await asked(stored), ["GET", ...fill], "cold");
      for (let round = 0; round < 3; round += 1) {
        await expectPlain(await rig.get(stored), stored);
        assert.deepEqual(await asked(stored), ["HEAD conditional"], "warm");
      }
      await drain(await rig.get(stored, { method: "HEAD" }));
      await expectPlain(await rig.get(stored, { headers: { Range: "bytes=-9" } }), stored, { status: 206, offset: size - 9 });
      assert.deepEqual(await asked(stored), ["HEAD conditional", "HEAD conditional"]);
    });

    it(`once for encrypted delivery, then only whether it is allowed: ${size} bytes`, async () => {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      assert.deepEqual(await asked(stored), ["HEAD"], "cold");
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      assert.deepEqual(await asked(stored), ["GET", ...fill], "cold");
      for (const delivery of ["redirect", "json"]) {
        const again = await rig.answer(stored, { delivery });
        assert.deepEqual(await asked(stored), ["HEAD conditional"], "warm");
        await expectMedia(await rig.link(again), stored, { key: again.key });
        await expectMedia(await rig.link(again, { headers: { Range: "bytes=5-" } }), stored, { status: 206, offset: 5, key: again.key });
        assert.deepEqual(await asked(stored), [], "links to what is cached");
      }
      await expectPlain(await rig.get(stored), stored);
      assert.deepEqual(await asked(stored), ["HEAD conditional"], "it is one cache");
    });
  }

  it("for a part as well as for the whole, and then has it cached", async () => {
    for (const [size, range, expected] of [
      [SMALL_BYTES, false, ["GET ranged"]],
      [SMALL_BYTES, true, ["GET ranged", "GET"]],
      [LARGE_BYTES, false, ["GET ranged", "GET"]],
      [LARGE_BYTES, true, ["GET ranged", "GET"]],
    ]) {
      const [plain, linked] = [rig.store(size, { range }), rig.store(size, { range })];
      const part = { status: 206, offset: 70_000, length: 10 };
      await expectPlain(await rig.get(plain, { headers: { Range: "bytes=70000-70009" } }), plain, part);
      assert.deepEqual(await asked(plain), expected, "plain");
      await expectPlain(await rig.get(plain), plain);
      assert.deepEqual(await asked(plain), ["HEAD conditional"]);

      const answer = await rig.answer(linked);
      assert.deepEqual(await asked(linked), ["HEAD"]);
      await expectMedia(await rig.link(answer, { headers: { Range: "bytes=70000-70009" } }), linked, { ...part, key: answer.key });
      assert.deepEqual(await asked(linked), expected, "encrypted");
      await expectMedia(await rig.link(answer), linked, { key: answer.key });
      assert.deepEqual(await asked(linked), []);
    }
  });

  it("once more for all who come at the same time, not once for each", async () => {
    const stored = rig.store(LARGE_BYTES, { dripBytes: 500_000, dripMs: 30 });
    await Promise.all(Array.from({ length: 5 }, async () => expectPlain(await rig.get(stored), stored)));
    assert.deepEqual(await asked(stored), Array(6).fill("GET"), "each of five, and one for the cache");
  });

  it("again for what was not kept", async () => {
    const errors = { refused: matrixError(403, "M_FORBIDDEN", "no"), missing: matrixError(404, "M_NOT_FOUND", "no"), failing: matrixError(500, "M_UNKNOWN", "no") };
    for (const [what, handler] of Object.entries(errors)) {
      const stored = rig.store().answers(handler);
      for (let round = 0; round < 2; round += 1) {
        await drain(await rig.get(stored));
        assert.deepEqual(await asked(stored), ["GET"], what);
        await drain(await rig.get(stored, { query: optIn("json") }));
        assert.deepEqual(await asked(stored), ["HEAD", "GET"], what);
      }
      stored.become(stored.source);
      await expectPlain(await rig.get(stored), stored);
    }
    // A store that honours ranges: its part is no whole, if only the part comes.
    const stored = rig.store(LARGE_BYTES);
    stored.answers((exchange) => (exchange.request.headers.range ? media(stored.source, { range: true }) : matrixError(500, "M_UNKNOWN", "no"))(exchange), "GET");
    await expectPlain(await rig.get(stored, { headers: { Range: "bytes=0-9" } }), stored, { status: 206, length: 10 });
    assert.deepEqual(await asked(stored), ["GET ranged", "GET"]);
    stored.become(stored.source);
    await expectPlain(await rig.get(stored), stored);
    assert.deepEqual(await asked(stored), ["GET", "GET"]);
  });
});

describe("a range far into an object", () => {
  const deep = { headers: { Range: "bytes=-1000" } };
  const part = { status: 206, offset: DEEP_BYTES - 1_000, length: 1_000 };

  it("comes from a store that honours ranges", async () => {
    const stored = rig.store(DEEP_BYTES, { range: true });
    await expectPlain(await rig.get(stored, deep), stored, part);
    await rig.quiet();
    await expectPlain(await rig.get(stored, deep), stored, part);
    assert.deepEqual(stored.asked, ["GET ranged", "GET", "HEAD conditional"]);
  });

  it("is answered whole if the store ignores ranges, plainly", async () => {
    const stored = rig.store(DEEP_BYTES);
    const response = await rig.get(stored, deep);
    assert.equal(response.headers.has("content-range"), false);
    await expectPlain(response, stored);
    await rig.quiet();
    await expectPlain(await rig.get(stored, deep), stored, part);
  });

  it("waits for the cache if the store ignores ranges, encrypted", async () => {
    const stored = rig.store(DEEP_BYTES);
    const answer = await rig.answer(stored);
    await expectMedia(await rig.link(answer, deep), stored, { ...part, key: answer.key });
    const near = { headers: { Range: "bytes=1000-1999" } };
    await expectMedia(await rig.link(answer, near), stored, { status: 206, offset: 1_000, length: 1_000, key: answer.key });
    await rig.quiet();
    assert.equal(stored.requests.filter(({ method, ended }) => method === "GET" && ended === "finished").length, 1, "read to its end once");
  });

  it("is skipped to while that is not too far", async () => {
    const stored = rig.store(DEEP_BYTES);
    const offset = 60 * MIB;
    const answer = await rig.answer(stored);
    const response = await rig.link(answer, { headers: { Range: `bytes=${offset}-${offset + 99}` } });
    await expectMedia(response, stored, { status: 206, offset, length: 100, key: answer.key });
    await rig.quiet();
  });
});

describe("plain media", () => {
  const SANDBOX = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; object-src 'self';";

  it("has the headers of the specification, cached or not", async () => {
    const uploads = [
      [{ type: "image/png", disposition: "inline; filename=x.png" }, "image/png", 'inline; filename="x.png"'],
      [{ type: "text/plain; charset=UTF-8", disposition: "inline" }, "text/plain; charset=UTF-8", "inline"],
      [{ type: "text/html", disposition: "inline; filename=a.html" }, "text/html", 'attachment; filename="a.html"'],
      [{ type: "image/svg+xml", disposition: "inline" }, "image/svg+xml", "attachment"],
      [{ type: "application/pdf", disposition: "inline; filename=a.pdf" }, "application/pdf", 'attachment; filename="a.pdf"'],
      [{ type: null }, "application/octet-stream", "attachment"],
      [{ type: "image/png", disposition: `attachment; filename="a;b \\"c\\".png"` }, "image/png", 'attachment; filename="a;b \\"c\\".png"'],
      [{ type: "image/png", disposition: "inline; filename*=utf-8''%E2%98%83.png" }, "image/png", "inline; filename*=utf-8''%E2%98%83.png"],
    ];
    for (const [options, type, disposition] of uploads) {
      const stored = rig.store(SMALL_BYTES, options);
      let first;
      for (let round = 0; round < 2; round += 1) {
        const response = await rig.get(stored);
        const { headers } = response;
        const expected = {
          "content-type": type,
          "content-disposition": disposition,
          "cache-control": "private, max-age=86400, immutable, no-transform",
          "content-security-policy": SANDBOX,
          "cross-origin-resource-policy": "cross-origin",
          "access-control-allow-origin": "*",
          "x-content-type-options": "nosniff",
          "accept-ranges": "bytes",
        };
        for (const [name, value] of Object.entries(expected)) assert.equal(headers.get(name), value, `${name} of ${type}`);
        assert.match(headers.get("etag"), /^"[A-Za-z0-9_-]{22}"$/);
        await expectPlain(response, stored);
        const comparable = [...headers].filter(([name]) => name !== "date");
        assert.deepEqual(comparable, (first ??= comparable), "the same, cached or not");
        await rig.cached(stored);
      }
    }
  });

  it("comes in any one range, cached or not", async () => {
    const end = SMALL_BYTES - 1;
    const ranges = { "bytes=0-": [0, end], "bytes=0-99": [0, 99], "bytes=100-": [100, end], "bytes=-100": [end - 99, end], "bytes=0-1": [0, 1], [`bytes=${end}-`]: [end, end] };
    const warm = rig.store();
    await rig.cached(warm);
    for (const [range, [first, last]] of Object.entries(ranges)) {
      for (const stored of [rig.store(), rig.store(SMALL_BYTES, { range: true }), warm]) {
        const response = await rig.get(stored, { headers: { Range: range } });
        assert.equal(response.headers.get("content-range"), `bytes ${first}-${last}/${SMALL_BYTES}`, range);
        await expectPlain(response, stored, { status: 206, offset: first, length: last - first + 1 });
      }
    }
    for (const stored of [rig.store(), warm]) {
      for (const range of ["bytes=0-1,5-6", "items=0-1", "bytes=5-2"]) await expectPlain(await rig.get(stored, { headers: { Range: range } }), stored);
      const beyond = await rig.get(stored, { headers: { Range: `bytes=${SMALL_BYTES}-` } });
      assert.equal(beyond.headers.get("content-range"), `bytes */${SMALL_BYTES}`);
      await expectError(beyond, 416, "M_UNKNOWN");
    }
  });

  it("comes in a range only while If-Range is its ETag", async () => {
    const [warm, cold] = [rig.store(), rig.store()];
    await rig.cached(warm);
    const etag = (await rig.get(warm, { method: "HEAD" })).headers.get("etag");
    const ranged = (stored, ifRange) => rig.get(stored, { headers: { Range: "bytes=10-19", "If-Range": ifRange } });
    await expectPlain(await ranged(warm, etag), warm, { status: 206, offset: 10, length: 10 });
    for (const wrong of ['"x"', `W/${etag}`, "Sun, 01 Nov 2026 10:00:00 GMT"]) await expectPlain(await ranged(warm, wrong), warm);
    await expectPlain(await ranged(cold, '"x"'), cold);
  });

  it("that the client has already is not sent again, once the homeserver has allowed it", async () => {
    for (const etag of ["1", '"strong"', null]) {
      const stored = rig.store(SMALL_BYTES, { etag });
      const first = await rig.get(stored);
      const tag = first.headers.get("etag");
      await expectPlain(first, stored);
      await rig.quiet();
      const unless = (value, more = {}) => rig.get(stored, { headers: { "If-None-Match": value }, ...more });
      for (const value of [tag, `W/${tag}`, `"x", ${tag}`, "*"]) {
        stored.forget();
        const response = await unless(value);
        assert.deepEqual([response.status, await drain(response), response.headers.get("etag")], [304, 0, tag], value);
        assert.equal(response.headers.get("cache-control"), "private, max-age=86400, immutable, no-transform");
        for (const name of ["content-type", "content-length", "content-disposition"]) assert.equal(response.headers.has(name), false, name);
        assert.equal(stored.count("HEAD"), 1, "the homeserver was asked");
      }
      for (const value of ['"x"', "nonsense"]) await expectPlain(await unless(value), stored);
      for (const value of [tag, "*"]) {
        await expectError(await unless(value, { token: newToken("unknown") }), 401, "M_UNKNOWN_TOKEN");
        await expectError(await unless(value, { token: null }), 401, "M_MISSING_TOKEN");
      }
      assert.equal((await unless(tag, { method: "HEAD" })).status, 304);
    }
  });

  it("has another ETag when it has changed", async () => {
    const stored = rig.store(SMALL_BYTES, { etag: '"one"' });
    const before = (await rig.get(stored, { method: "HEAD" })).headers.get("etag");
    await rig.cached(stored);
    stored.become(rig.store().source, { etag: '"two"' });
    const response = await rig.get(stored, { headers: { "If-None-Match": before } });
    assert.notEqual(response.headers.get("etag"), before);
    await expectPlain(response, stored);
  });

  it("of HEAD has the headers of GET and no body, cached or not", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES, 0]) {
      const stored = rig.store(size, { type: "image/png" });
      const headers = async (method) => {
        const response = await rig.get(stored, { method });
        assert.equal(await drain(response), method === "HEAD" ? 0 : size);
        await rig.quiet();
        return [response.status, [...response.headers].filter(([name]) => !["connection", "date", "keep-alive"].includes(name))];
      };
      const cold = await headers("HEAD");
      assert.equal(stored.bytesSent, 0, "the homeserver need not send it");
      assert.deepEqual([await headers("GET"), await headers("HEAD"), await headers("GET")], [cold, cold, cold]);
    }
  });
});
