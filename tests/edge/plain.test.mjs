// Plain delivery to clients that know nothing of Cloakroom: headers, ranges and conditions, the same cached or not.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, media, respond } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectPlain, newToken, startRig } from "./rig.mjs";

describe("plain media", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  // Without `media-src`, browsers do not play a video that is opened by its URL.
  const SANDBOX =
    "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; style-src 'unsafe-inline'; media-src 'self'; object-src 'self';";

  it("have the specified headers, cached or not", async () => {
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
          "referrer-policy": "no-referrer",
          "x-robots-tag": "noindex, nofollow, noarchive, noimageindex",
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

  it("support any single range, cached or not", async () => {
    const end = SMALL_BYTES - 1;
    const ranges = {
      "bytes=0-": [0, end],
      "bytes=0-99": [0, 99],
      "bytes=100-": [100, end],
      "bytes=-100": [end - 99, end],
      "bytes=0-1": [0, 1],
      [`bytes=${end}-`]: [end, end],
    };
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
      for (const range of ["bytes=0-1,5-6", "items=0-1", "bytes=5-2"])
        await expectPlain(await rig.get(stored, { headers: { Range: range } }), stored);
      const beyond = await rig.get(stored, { headers: { Range: `bytes=${SMALL_BYTES}-` } });
      assert.equal(beyond.headers.get("content-range"), `bytes */${SMALL_BYTES}`);
      await expectError(beyond, 416, "M_UNKNOWN");
    }
  });

  it("come whole for any range of an empty object", async () => {
    const [warm, cold] = [rig.store(0), rig.store(0)];
    await rig.cached(warm);
    for (const stored of [warm, cold]) {
      for (const range of ["bytes=0-", "bytes=-5", "bytes=5-9"])
        await expectPlain(await rig.get(stored, { headers: { Range: range } }), stored);
    }
  });

  it("come whole for several ranges and for HEAD, even if the homeserver answers those with parts", async () => {
    const parts = respond(206, { "Content-Type": "multipart/byteranges; boundary=x" }, "--x--");
    const obeys = (source) => (exchange) => (exchange.request.headers.range ? parts : media(source))(exchange);
    for (const method of ["GET", "HEAD"]) {
      for (const range of method === "HEAD" ? ["bytes=0-1", "bytes=0-1,5-6"] : ["bytes=0-1,5-6", "bytes=5-2"]) {
        const stored = rig.store();
        stored.answers(obeys(stored.source));
        const response = await rig.get(stored, { method, headers: { Range: range } });
        if (method === "GET") await expectPlain(response, stored);
        else assert.deepEqual([response.status, response.headers.get("content-length")], [200, String(stored.size)], range);
      }
    }
    const beyond = rig.store().answers(matrixError(416, "M_UNKNOWN", "beyond", { headers: { "Content-Range": "bytes */9" } }));
    const response = await rig.get(beyond, { headers: { Range: "bytes=9-" } });
    assert.deepEqual([response.status, response.headers.get("content-range")], [416, "bytes */9"]);
  });

  it("support a range only if If-Range is their ETag", async () => {
    const [warm, cold] = [rig.store(), rig.store()];
    await rig.cached(warm);
    const etag = (await rig.get(warm, { method: "HEAD" })).headers.get("etag");
    const ranged = (stored, ifRange) => rig.get(stored, { headers: { Range: "bytes=10-19", "If-Range": ifRange } });
    await expectPlain(await ranged(warm, etag), warm, { status: 206, offset: 10, length: 10 });
    for (const wrong of ['"x"', `W/${etag}`, "Sun, 01 Nov 2026 10:00:00 GMT"]) await expectPlain(await ranged(warm, wrong), warm);
    await expectPlain(await ranged(cold, '"x"'), cold);
  });

  it("are not sent again to a client that has them, once the homeserver has allowed it", async () => {
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

  it("have another ETag after a change", async () => {
    const stored = rig.store(SMALL_BYTES, { etag: '"one"' });
    const before = (await rig.get(stored, { method: "HEAD" })).headers.get("etag");
    await rig.cached(stored);
    stored.become(rig.store().source, { etag: '"two"' });
    const response = await rig.get(stored, { headers: { "If-None-Match": before } });
    assert.notEqual(response.headers.get("etag"), before);
    await expectPlain(response, stored);
  });

  it("have the headers of GET and no body on HEAD, cached or not", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES, 0]) {
      const stored = rig.store(size, { type: "image/png" });
      const headers = async (method) => {
        const response = await rig.get(stored, { method });
        assert.equal(await drain(response), method === "HEAD" ? 0 : size);
        await rig.quiet();
        return [response.status, [...response.headers].filter(([name]) => !["connection", "date", "keep-alive"].includes(name))];
      };
      const cold = await headers("HEAD");
      assert.equal(stored.bytesSent, 0, "the homeserver did not send it");
      assert.deepEqual([await headers("GET"), await headers("HEAD"), await headers("GET")], [cold, cold, cold]);
    }
  });
});
