// Objects above CACHE_MAX_BYTES work as usual, but are not cached.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { LARGE_BYTES, expectMedia, expectPlain, startRig } from "./rig.mjs";

const MIB = 1024 * 1024;

describe("an object too large for the cache", () => {
  let rig;
  before(async () => (rig = await startRig({ vars: { CACHE_MAX_BYTES: String(LARGE_BYTES - 1) } })));
  after(() => rig.stop());

  it("is fetched each time, and never twice for one request", async () => {
    const [stored, below] = [rig.store(LARGE_BYTES), rig.store(LARGE_BYTES - 1)];
    for (let round = 0; round < 2; round += 1) {
      await expectPlain(await rig.get(stored), stored);
      await rig.quiet();
    }
    assert.deepEqual(stored.asked, ["GET", "GET"]);
    stored.forget();
    const answer = await rig.answer(stored);
    for (let round = 0; round < 2; round += 1) {
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await expectMedia(await rig.link(answer, { headers: { Range: "bytes=-99" } }), stored, {
        status: 206,
        offset: LARGE_BYTES - 99,
        key: answer.key,
      });
      await rig.quiet();
    }
    assert.deepEqual(stored.asked, ["HEAD", "GET", "GET ranged", "GET", "GET ranged"]);
    await rig.cached(below);
  });

  it("has its object info cached, so the next request is conditional", async () => {
    const stored = rig.store(LARGE_BYTES);
    await rig.answer(stored);
    await rig.quiet();
    await rig.answer(stored);
    await rig.quiet();
    await expectPlain(await rig.get(stored), stored);
    assert.deepEqual(stored.asked, ["HEAD", "HEAD conditional", "HEAD conditional", "GET"]);
  });

  it("comes whole if the range is too far in and the store ignores ranges", async () => {
    const stored = rig.store(66 * MIB);
    const answer = await rig.answer(stored);
    const response = await rig.link(answer, { headers: { Range: "bytes=-1000" } });
    assert.equal(response.headers.has("content-range"), false);
    await expectMedia(response, stored, { key: answer.key });
  });
});
