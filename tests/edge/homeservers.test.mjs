// Homeservers that behave differently from Synapse: they shorten parts, have no authenticated endpoints, tell nothing on HEAD, or compress
// bodies. Some of them are wrong.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

import { Source } from "../support/bytes.mjs";
import { matrixError, media, respond } from "../support/homeserver.mjs";
import {
  LARGE_BYTES,
  SERVER_NAME,
  SMALL_BYTES,
  drain,
  expectError,
  expectMedia,
  expectPlain,
  isAnswer,
  newToken,
  optIn,
  startRig,
} from "./rig.mjs";

const VIDEO_BYTES = 20_000_000;
const PART_BYTES = 10 * 1024 * 1024;

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("a homeserver that shortens open ranges, as matrix-media-repo does", () => {
  const store = () => rig.store(VIDEO_BYTES, { range: true, longestPart: PART_BYTES, type: "video/mp4" });

  it("has its shorter part relayed, and the cache is filled with the whole", async () => {
    const stored = store();
    const first = await rig.get(stored, { headers: { Range: "bytes=0-" } });
    assert.equal(first.headers.get("content-range"), `bytes 0-${PART_BYTES - 1}/${VIDEO_BYTES}`);
    await expectPlain(first, stored, { status: 206, length: PART_BYTES });
    const rest = await rig.get(stored, { headers: { Range: `bytes=${PART_BYTES}-` } });
    assert.equal(rest.headers.get("content-range"), `bytes ${PART_BYTES}-${VIDEO_BYTES - 1}/${VIDEO_BYTES}`);
    await expectPlain(rest, stored, { status: 206, offset: PART_BYTES });
    await rig.cached(stored);
    await expectPlain(await rig.get(stored, { headers: { Range: "bytes=0-" } }), stored, { status: 206 });
    assert.deepEqual(stored.asked, ["HEAD conditional"]);
  });

  it("does not stop a link from returning the exact range", async () => {
    const stored = store();
    const answer = await rig.answer(stored);
    for (const [range, offset] of [
      ["bytes=0-", 0],
      ["bytes=5-", 5],
      [`bytes=-${VIDEO_BYTES - 9}`, 9],
    ]) {
      const response = await rig.link(answer, { headers: { Range: range } });
      assert.equal(response.headers.get("content-range"), `bytes ${offset}-${VIDEO_BYTES - 1}/${VIDEO_BYTES}`);
      await expectMedia(response, stored, { status: 206, offset, key: answer.key });
    }
    await rig.cached(stored);
    await expectMedia(await rig.link(answer), stored, { key: answer.key });
  });
});

describe("a homeserver that does not tell the length of parts", () => {
  it("is asked for the whole: a part that ends early would look complete", async () => {
    for (const [last, sent] of [
      [999_999, 500_000],
      [9, 5],
      [9, 20],
    ]) {
      const stored = rig.store(LARGE_BYTES);
      const whole = media(stored.source);
      const part = async (exchange) => {
        exchange.head(206, { "Content-Range": `bytes 0-${last}/${LARGE_BYTES}`, ETag: "1" });
        await exchange.send(stored.source.slice(0, sent));
        exchange.end();
      };
      stored.answers((exchange) => (exchange.request.headers.range ? part : whole)(exchange));
      const headers = { Range: `bytes=0-${last}` };
      await expectPlain(await rig.get(stored, { headers }), stored, { status: 206, length: last + 1 });
      const linked = rig.store(LARGE_BYTES);
      const answer = await rig.answer(linked);
      linked.answers((exchange) => (exchange.request.headers.range ? part : media(linked.source))(exchange), "GET");
      await expectMedia(await rig.link(answer, { headers }), linked, { status: 206, length: last + 1, key: answer.key });
      await rig.quiet();
    }
  });
});

describe("a homeserver whose HEAD tells nothing", () => {
  it("is trusted for what a GET told", async () => {
    for (const told of ["0", "17"]) {
      const stored = rig.store(200_000, { range: true });
      stored.answers(respond(200, { "Content-Length": told, "Content-Type": "image/png" }), "HEAD");
      await expectPlain(await rig.get(stored), stored);
      await rig.quiet();
      await expectPlain(await rig.get(stored, { headers: { Range: "bytes=0-" } }), stored, { status: 206 });
      const answer = await rig.answer(stored);
      assert.equal(answer.metadata.size, 200_000);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
  });
});

describe("a homeserver with legacy endpoints only", () => {
  // A separate Worker, because a Worker remembers what it learned about a homeserver.
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const store = (size) => {
    const stored = rig.store(size);
    const unrecognized = matrixError(404, "M_UNRECOGNIZED", "Unrecognized request");
    rig.homeserver.on("*", stored.path, unrecognized);
    rig.homeserver.on("GET", "/_matrix/client/v3/account/whoami", (exchange) =>
      (exchange.token === "good" ? respond(200, {}, { user_id: "@a:example.org" }) : matrixError(401, "M_UNKNOWN_TOKEN", "no"))(exchange),
    );
    const legacy = `/_matrix/media/v3/download/${SERVER_NAME}/${stored.id}`;
    rig.homeserver.on("*", legacy, media(stored.source, { auth: false }));
    return { stored, legacy };
  };

  it("serves its media to clients with a token, plainly and by a link", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const { stored, legacy } = store(size);
      await expectPlain(await rig.get(legacy), stored);
      await expectPlain(await rig.get(legacy, { headers: { Range: "bytes=7-" } }), stored, { status: 206, offset: 7 });
      const answer = await rig.answer(legacy);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await rig.quiet();
    }
  });

  it("gives a bad token nothing more, and sends its own error for unknown media", async () => {
    const { stored, legacy } = store();
    await expectError(await rig.get(legacy, { token: newToken("unknown") }), 401, "M_UNKNOWN_TOKEN");
    await expectError(await rig.get(stored.path), 404, "M_UNRECOGNIZED");
  });

  it("is asked on authenticated endpoints as soon as it has them", async () => {
    const { stored, legacy } = store();
    await expectPlain(await rig.get(legacy), stored);
    // After an upgrade, new media are not on the legacy endpoint.
    const upgraded = rig.store();
    const newLegacy = `/_matrix/media/v3/download/${SERVER_NAME}/${upgraded.id}`;
    rig.homeserver.on("*", newLegacy, matrixError(404, "M_NOT_FOUND", "frozen"));
    await expectPlain(await rig.get(newLegacy), upgraded);
    const answer = await rig.answer(newLegacy);
    await expectMedia(await rig.link(answer), upgraded, { key: answer.key });
  });
});

describe("a homeserver that compresses bodies although it was asked not to", () => {
  const plaintext = Buffer.from("plaintext ".repeat(20_000));
  const coded = (coding, bytes) => respond(200, { "Content-Type": "image/png", "Content-Encoding": coding }, bytes);

  it("is decoded by the platform if possible: no length, no link, the right bytes", async () => {
    for (const [coding, bytes] of [
      ["gzip", gzipSync(plaintext)],
      ["br", brotliCompressSync(plaintext)],
    ]) {
      const stored = rig.store().answers(coded(coding, bytes));
      for (const query of ["", optIn("json")]) {
        const response = await rig.get(stored, { query });
        assert.deepEqual([response.status, isAnswer(response), response.headers.get("content-length")], [200, false, null], coding);
        assert.ok(Buffer.from(await response.arrayBuffer()).equals(plaintext), coding);
      }
    }
  });

  it("gives 502 if not, and 409 under a link", async () => {
    for (const [coding, bytes] of [
      ["deflate", deflateSync(plaintext)],
      ["GZIP", gzipSync(plaintext)],
      ["zstd", plaintext],
      ["gzip, br", plaintext],
      ["x-any", plaintext],
    ]) {
      const stored = rig.store().answers(coded(coding, bytes));
      await expectError(await rig.get(stored), 502, "M_UNKNOWN");
      await expectError(await rig.get(stored, { query: optIn("json") }), 502, "M_UNKNOWN");
      const linked = rig.store();
      const answer = await rig.answer(linked);
      linked.answers(coded(coding, bytes), "GET");
      await expectError(await rig.link(answer), 409, "M_UNKNOWN");
    }
  });
});

describe("a homeserver that sends neither an error nor the media", () => {
  it("gives 502 to every request, and only redirects with 307 and 308 are relayed", async () => {
    for (const status of [201, 203, 300, 301, 302, 303, 304, 305, 306]) {
      const stored = rig.store().answers(respond(status, { Location: "https://elsewhere.example/x" }, status === 304 ? "" : "plaintext"));
      for (const init of [{}, { query: optIn("json") }, { headers: { Range: "bytes=0-1" } }])
        await expectError(await rig.get(stored, init), 502, "M_UNKNOWN");
      assert.equal((await rig.get(stored, { method: "HEAD" })).status, 502);
    }
    for (const status of [307, 308]) {
      const elsewhere = rig.store().answers(respond(status, { Location: "https://elsewhere.example/x" }));
      const response = await rig.get(elsewhere);
      assert.deepEqual([response.status, response.headers.get("location")], [status, "https://elsewhere.example/x"]);
      await drain(response);
      await expectError(await rig.get(rig.store().answers(respond(status, {}, "plaintext"))), 502, "M_UNKNOWN");
    }
  });
});

describe("an object that is too large for the cache and changes under a link", () => {
  it("is never encrypted with the same keystream, whatever its new ETag", async () => {
    const uncached = await startRig({ vars: { CACHE_MAX_BYTES: "1000" } });
    try {
      for (const etag of [null, 'W/"a"', "1"]) {
        const stored = uncached.store(SMALL_BYTES, { etag: '"v1"' });
        const answer = await uncached.answer(stored);
        await expectMedia(await uncached.link(answer), stored, { key: answer.key });
        stored.become(new Source("another one", SMALL_BYTES), { etag });
        await expectError(await uncached.link(answer), 409, "M_UNKNOWN");
      }
    } finally {
      await uncached.stop();
    }
  });
});
