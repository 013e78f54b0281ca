// Memory is bounded: while a GiB passes through the edge, the Worker grows by a few MiB.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { expectMedia, startRig } from "./rig.mjs";

const MIB = 1024 * 1024;
const OBJECT_BYTES = 1024 * MIB;
// A generous limit: a Worker has 128 MiB in all, and the local runtime needs some of it.
const GROWTH_LIMIT_BYTES = 100 * MIB;
const SAMPLE_MS = 100;

describe("memory", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const rss = async () => (await rig.worker.workerd()).rssBytes;

  it("hardly grows while 1 GiB passes through the edge", { timeout: 300_000 }, async (t) => {
    // Warm up first, so that one-time growth is not counted.
    const first = rig.store(8 * MIB);
    const firstAnswer = await rig.answer(first);
    await expectMedia(await rig.link(firstAnswer), first, { key: firstAnswer.key });
    await rig.quiet();

    const stored = rig.store(OBJECT_BYTES);
    const answer = await rig.answer(stored);
    const before = await rss();
    let [peak, done] = [before, false];
    const watching = (async () => {
      while (!done) {
        peak = Math.max(peak, await rss());
        await sleep(SAMPLE_MS);
      }
    })();
    // Generated on the fly, compared on receipt, stored nowhere.
    await expectMedia(await rig.link(answer), stored, { key: answer.key }).finally(() => (done = true));
    await watching;
    const afterwards = await rss();
    const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
    t.diagnostic(`resident memory of workerd: ${mib(before)} before, ${mib(peak)} at most, ${mib(afterwards)} after ${mib(OBJECT_BYTES)}`);
    assert.ok(peak - before < GROWTH_LIMIT_BYTES, `grew by ${mib(peak - before)}`);
    assert.equal(stored.count("GET"), 1, "too large for the cache: fetched once");
  });
});
