// Plain delivery to clients that know nothing of Cloakroom: the same media, types and names as from the homeserver, plus what Synapse lacks
// (ranges, entity tags, lengths for HEAD), whether the object is cached or not.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { isAnswer } from "../support/answer.mjs";
import { Source, expectSlice } from "../support/bytes.mjs";
import { parseDisposition } from "../support/disposition.mjs";
import { png, pngSize } from "../support/png.mjs";
import { badToken, downloadPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const SMALL_BYTES = 100_000;
// Above 1 MiB, a separate request fills the cache.
const LARGE_BYTES = 3_000_000;

let home, site;
before(async () => {
  home = await startHome();
  site = await startSite(home);
});
after(async () => {
  await site?.stop();
  await home?.stop();
});

const body = async (response) => Buffer.from(await response.arrayBuffer());

describe("a download", () => {
  it("C1: has the upload's bytes and type, the first time and from the cache", async () => {
    const types = [
      "image/png",
      "text/plain; charset=utf-8",
      'text/plain;charset="iso-8859-1"',
      "application/octet-stream",
      "x-odd/type+xml",
    ];
    for (const type of types) {
      const bytes = randomBytes(SMALL_BYTES);
      const path = downloadPath(await site.upload(bytes, { type }));
      const expected = await fetch(home.synapse.url + path, { headers: { Authorization: `Bearer ${home.alice.token}` } });
      const first = await site.fetch(path);
      await site.held(path);
      for (const response of [first, await site.fetch(path)]) {
        assert.equal(response.status, 200);
        assert.equal(response.headers.get("content-type"), expected.headers.get("content-type"));
        assert.ok((await body(response)).equals(bytes), type);
      }
    }
  });

  it("C1: without a type is application/octet-stream", async () => {
    const { mxc } = await home.synapse.upload(home.alice.token, randomBytes(100));
    const response = await site.fetch(downloadPath(mxc));
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal((await body(response)).length, 100);
  });

  it("is whole for an empty file too", async () => {
    const { mxc } = await home.synapse.upload(home.alice.token, "", { type: "text/plain" });
    for (const _ of ["first", "again"]) {
      const response = await site.fetch(downloadPath(mxc));
      assert.deepEqual([response.status, (await body(response)).length], [200, 0]);
    }
  });

  it("C4: has the upload's file name, whatever its characters", async () => {
    const names = [
      "plain.png",
      "with spaces.png",
      "Ünïcode 🦊 файл.png",
      "semi;colon;.png",
      'quote"d.png',
      "back\\slash.png",
      "per%20cent.png",
    ];
    for (const filename of names) {
      const path = downloadPath(await site.upload(randomBytes(1000), { type: "image/png", filename }));
      for (const _ of ["first", "again"]) {
        const disposition = parseDisposition((await site.fetch(path)).headers.get("content-disposition"));
        assert.deepEqual(disposition, { type: "inline", filename });
      }
      const named = await site.fetch(`${path}/${encodeURIComponent("new näme.png")}`);
      assert.equal(parseDisposition(named.headers.get("content-disposition")).filename, "new näme.png");
    }
  });

  it("C10: is an attachment if a browser would run it", async () => {
    const types = [
      ["image/svg+xml", "attachment"],
      ["text/html", "attachment"],
      ["application/pdf", "attachment"],
      ["image/png", "inline"],
    ];
    for (const [type, expected] of types) {
      const path = downloadPath(await site.upload("<svg/>", { type, filename: "x" }));
      for (const _ of ["first", "again"]) {
        const response = await site.fetch(path);
        assert.equal(parseDisposition(response.headers.get("content-disposition")).type, expected, type);
      }
    }
  });

  it("C11: cannot act as a page, and web clients can read it", async () => {
    const mxc = await site.upload(png(50, 50), { type: "image/png" });
    for (const path of [downloadPath(mxc), downloadPath(mxc), thumbnailPath(mxc, "width=32&height=32")]) {
      const response = await site.fetch(path);
      const header = (name) => response.headers.get(name);
      assert.match(header("content-security-policy"), /^sandbox;.*default-src 'none'.*script-src 'none'/);
      assert.deepEqual([header("cross-origin-resource-policy"), header("access-control-allow-origin")], ["cross-origin", "*"]);
      assert.deepEqual(
        [header("x-content-type-options"), header("cache-control")],
        ["nosniff", "private, max-age=86400, immutable, no-transform"],
      );
    }
  });

  it("D1: with its ETag gets a 304, after the homeserver has allowed it", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const path = downloadPath(await site.upload(randomBytes(size)));
      const etag = (await site.fetch(path)).headers.get("etag");
      assert.match(etag, /^"[^"]+"$/);
      await site.held(path);
      for (const condition of [etag, `"other", ${etag}`, `W/${etag}`, "*"]) {
        const response = await site.fetch(path, { headers: { "If-None-Match": condition } });
        assert.deepEqual([response.status, response.headers.get("etag"), (await body(response)).length], [304, etag, 0]);
      }
      assert.equal(site.meter.count({ method: "HEAD", conditional: true, status: 304 }), 4);
      assert.equal((await site.fetch(path, { headers: { "If-None-Match": '"other"' } })).status, 200);
      const stranger = await site.fetch(path, { token: badToken("etag"), headers: { "If-None-Match": etag } });
      assert.equal(stranger.status, 401);
      assert.equal((await site.fetch(path, { token: null, headers: { "If-None-Match": etag } })).status, 401);
    }
  });

  it("has the headers of GET and no body on HEAD", async () => {
    const path = downloadPath(await site.upload(randomBytes(SMALL_BYTES), { type: "image/png", filename: "a b.png" }));
    const names = ["content-length", "content-type", "content-disposition", "etag", "accept-ranges", "cache-control"];
    const headers = (response) => names.map((name) => response.headers.get(name));
    const cold = await site.fetch(path, { method: "HEAD" });
    const get = await site.fetch(path);
    await site.held(path);
    const warm = await site.fetch(path, { method: "HEAD" });
    assert.deepEqual([headers(cold), headers(warm)], [headers(get), headers(get)]);
    assert.deepEqual([warm.headers.get("content-length"), (await body(warm)).length], [String(SMALL_BYTES), 0]);
  });
});

describe("K1: a range", () => {
  const last = (size) => size - 1;
  const cases = (size) => [
    ["bytes=0-", 0, last(size)],
    ["bytes=0-99", 0, 99],
    ["bytes=100-", 100, last(size)],
    ["bytes=-100", size - 100, last(size)],
    ["bytes=0-1", 0, 1],
    [`bytes=65530-${size + 5}`, 65_530, last(size)],
    [`bytes=-${size + 5}`, 0, last(size)],
  ];

  for (const size of [SMALL_BYTES, LARGE_BYTES]) {
    it(`of ${size} bytes is the right slice, not cached and cached`, async () => {
      const source = new Source(`range ${size}`, size);
      const expectRanges = async (path) => {
        for (const [range, first, end] of cases(size)) {
          const response = await site.fetch(path, { headers: { Range: range } });
          assert.equal(response.status, 206, range);
          assert.equal(response.headers.get("content-range"), `bytes ${first}-${end}/${size}`);
          assert.equal(response.headers.get("content-length"), String(end - first + 1));
          await expectSlice(response.body, source, { offset: first, length: end - first + 1 });
        }
      };
      // Each range gets a new object, so that none is cached.
      for (const [range, first, end] of cases(size)) {
        const fresh = downloadPath(await site.upload(source.slice()));
        const response = await site.fetch(fresh, { headers: { Range: range } });
        assert.deepEqual([response.status, response.headers.get("content-range")], [206, `bytes ${first}-${end}/${size}`]);
        await expectSlice(response.body, source, { offset: first, length: end - first + 1 });
      }
      const path = downloadPath(await site.upload(source.slice()));
      await site.held(path);
      await expectRanges(path);
    });
  }

  it("beyond the end gives 416, and an invalid one is ignored", async () => {
    const source = new Source("416", SMALL_BYTES);
    const path = downloadPath(await site.upload(source.slice()));
    await site.held(path);
    const beyond = await site.fetch(path, { headers: { Range: `bytes=${SMALL_BYTES}-` } });
    assert.deepEqual([beyond.status, beyond.headers.get("content-range")], [416, `bytes */${SMALL_BYTES}`]);
    for (const range of ["bytes=9-3", "lines=1-2", "bytes=x-", "bytes=0-1,4-5"]) {
      const response = await site.fetch(path, { headers: { Range: range } });
      assert.equal(response.status, 200, range);
      await expectSlice(response.body, source);
    }
  });

  it("obeys If-Range", async () => {
    const path = downloadPath(await site.upload(randomBytes(SMALL_BYTES)));
    const etag = (await site.fetch(path)).headers.get("etag");
    const status = async (condition) => (await site.fetch(path, { headers: { Range: "bytes=0-1", "If-Range": condition } })).status;
    assert.deepEqual([await status(etag), await status('"other"'), await status("Wed, 21 Oct 2015 07:28:00 GMT")], [206, 200, 200]);
  });
});

describe("F1: a thumbnail", () => {
  it("is a separate object for each size, method and animation", async () => {
    const mxc = await site.upload(png(640, 480), { type: "image/png" });
    const variants = ["width=320&height=240&method=scale", "width=64&height=64&method=scale", "width=64&height=64&method=crop"];
    variants.push("width=64&height=64&method=crop&animated=true", "width=320&height=240");
    const seen = new Map();
    for (const query of variants) {
      const path = thumbnailPath(mxc, query);
      const direct = await fetch(home.synapse.url + path, { headers: { Authorization: `Bearer ${home.alice.token}` } });
      const expected = await body(direct);
      for (const _ of ["first", "again"]) {
        const response = await site.fetch(path);
        assert.deepEqual([response.status, response.headers.get("content-type")], [200, direct.headers.get("content-type")], query);
        assert.ok((await body(response)).equals(expected), query);
        await site.held(path);
        seen.set(query, response.headers.get("etag"));
      }
    }
    assert.equal(new Set(seen.values()).size, variants.length, "entity tags differ");
    const size = async (query) => pngSize(await body(await site.fetch(thumbnailPath(mxc, query))));
    assert.deepEqual(await size(variants[0]), { width: 320, height: 240 });
    assert.deepEqual(await size(variants[1]), { width: 64, height: 48 });
    assert.deepEqual(await size(variants[2]), { width: 64, height: 64 });
  });

  it("without a size is refused before the homeserver is asked", async () => {
    const mxc = await site.upload(png(64, 64), { type: "image/png" });
    site.meter.reset();
    const wrong = [
      ["", "M_MISSING_PARAM"],
      ["width=32", "M_MISSING_PARAM"],
      ["width=x&height=1", "M_INVALID_PARAM"],
    ];
    wrong.push(["width=1&height=1&width=2", "M_INVALID_PARAM"]);
    for (const [query, errcode] of wrong) {
      const response = await site.fetch(thumbnailPath(mxc, query));
      assert.deepEqual([response.status, (await response.json()).errcode, isAnswer(response)], [400, errcode, false], query);
    }
    assert.equal(site.meter.count(), 0);
  });
});
