// Counts at the homeserver what the cache saves.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, media } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectMedia, expectPlain, optIn, startRig, until } from "./rig.mjs";

const MIB = 1024 * 1024;
// Beyond the offset that the Worker reaches by reading and discarding.
const DEEP_BYTES = 66 * MIB;

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("the homeserver is asked", () => {
  // Returns its requests since the last call, once all of them have ended.
  async function asked(stored) {
    await rig.quiet();
    const requests = stored.asked;
    stored.forget();
    return requests;
  }

  for (const [size, fill] of [
    [SMALL_BYTES, []],
    [MIB, []],
    [MIB + 1, ["GET"]],
    [LARGE_BYTES, ["GET"]],
  ]) {
    it(`once for plain delivery, then only to authorise: ${size} bytes`, async () => {
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

    it(`once for encrypted delivery, then only to authorise: ${size} bytes`, async () => {
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
        assert.deepEqual(await asked(stored), [], "links to cached objects");
      }
      await expectPlain(await rig.get(stored), stored);
      assert.deepEqual(await asked(stored), ["HEAD conditional"], "it is one cache");
    });
  }

  it("for a part and for the whole, which is then cached", async () => {
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

  it("to fill the cache once for all simultaneous clients", async () => {
    const stored = rig.store(LARGE_BYTES, { dripBytes: 500_000, dripMs: 30 });
    await Promise.all(Array.from({ length: 5 }, async () => expectPlain(await rig.get(stored), stored)));
    assert.deepEqual(await asked(stored), Array(6).fill("GET"), "each of five, and one for the cache");
  });

  it("again for objects that are not cached", async () => {
    const errors = {
      refused: matrixError(403, "M_FORBIDDEN", "no"),
      missing: matrixError(404, "M_NOT_FOUND", "no"),
      failing: matrixError(500, "M_UNKNOWN", "no"),
    };
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
    // If the store honours ranges and sends a part only, the part is not cached as the whole.
    const stored = rig.store(LARGE_BYTES);
    stored.answers(
      (exchange) =>
        (exchange.request.headers.range ? media(stored.source, { range: true }) : matrixError(500, "M_UNKNOWN", "no"))(exchange),
      "GET",
    );
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
    await until("the fill to begin", () => stored.count() === 2);
    await rig.quiet();
    await expectPlain(await rig.get(stored, deep), stored, part);
    assert.deepEqual(stored.asked, ["GET ranged", "GET", "HEAD conditional"]);
  });

  it("returns the whole object in plain delivery if the store ignores ranges", async () => {
    const stored = rig.store(DEEP_BYTES);
    const response = await rig.get(stored, deep);
    assert.equal(response.headers.has("content-range"), false);
    await expectPlain(response, stored);
    await rig.quiet();
    await expectPlain(await rig.get(stored, deep), stored, part);
  });

  it("waits for the cache in encrypted delivery if the store ignores ranges", async () => {
    const stored = rig.store(DEEP_BYTES);
    const answer = await rig.answer(stored);
    await expectMedia(await rig.link(answer, deep), stored, { ...part, key: answer.key });
    const near = { headers: { Range: "bytes=1000-1999" } };
    await expectMedia(await rig.link(answer, near), stored, { status: 206, offset: 1_000, length: 1_000, key: answer.key });
    await rig.quiet();
    assert.equal(stored.requests.filter(({ method, ended }) => method === "GET" && ended === "finished").length, 1, "read to its end once");
  });

  it("is cached once, even if other clients ask meanwhile or leave", async () => {
    // A request with a range is for a client; a request without one is a fill.
    const fills = (stored) => stored.requests.filter(({ method, headers }) => method === "GET" && !headers.range).length;
    const slow = { dripBytes: 4 * MIB, dripMs: 50 };
    const stored = rig.store(DEEP_BYTES, slow);
    const answer = await rig.answer(stored);
    const ask = async () => {
      const response = await rig.link(answer, deep);
      // A client that asks during the fill gets the whole object, which clients must accept.
      const whole = response.status === 200;
      await expectMedia(response, stored, { ...(whole ? {} : part), key: answer.key });
      return whole;
    };
    const answered = await Promise.all(Array.from({ length: 5 }, ask));
    await rig.quiet();
    assert.deepEqual([fills(stored), answered.filter((whole) => !whole).length], [1, 1]);
    stored.forget();
    assert.equal(await ask(), false);
    assert.deepEqual(stored.asked, [], "it is cached now");

    const left = rig.store(DEEP_BYTES, slow);
    const leaving = await rig.answer(left);
    const client = new AbortController();
    const asking = rig.link(leaving, { ...deep, signal: client.signal });
    await until("the fill to begin", () => fills(left) === 1);
    client.abort();
    await assert.rejects(asking, { name: "AbortError" });
    await until("the fill to end", () => left.requests.every(({ ended }) => ended !== undefined));
    await rig.quiet();
    left.forget();
    await expectMedia(await rig.link(leaving, deep), left, { ...part, key: leaving.key });
    assert.deepEqual(left.asked, [], "it is cached, although nobody waited for it");
  });

  it("is reached by reading and discarding if it is not too far", async () => {
    const stored = rig.store(DEEP_BYTES);
    const offset = 60 * MIB;
    const answer = await rig.answer(stored);
    const response = await rig.link(answer, { headers: { Range: `bytes=${offset}-${offset + 99}` } });
    await expectMedia(response, stored, { status: 206, offset, length: 100, key: answer.key });
    await rig.quiet();
  });
});
