// Bodies at any pace: slow and uneven senders, readers that pause or leave. Buffers stay bounded, and work stops when nobody needs it.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { LARGE_BYTES, expectMedia, expectPlain, isAnswer, media, readUntilBroken, startRig, until } from "./rig.mjs";

const MIB = 1024 * 1024;
// Limit for bytes in sockets and proxies between a sender and a paused reader. We have seen 25 to 60 MB.
const ON_THE_WAY_BYTES = 120 * MIB;
const HUGE_BYTES = 160 * MIB;
const SOON_MS = 5_000;

describe("a body", () => {
  let rig;
  // Without a cache, each request at the homeserver is for a client.
  before(async () => (rig = await startRig({ vars: { CACHE_MAX_BYTES: "0", REDIRECT_MIN_BYTES: "0" } })));
  after(() => rig.stop());

  const asks = {
    plain: async (stored, init = {}) => ({ response: await rig.get(stored, init) }),
    encrypted: async (stored, init = {}) => {
      const { key, ...answer } = await rig.answer(stored);
      return { response: await rig.link(answer, init), key };
    },
    "under a256ctr": async (stored, init = {}) => {
      const { key, ...answer } = await rig.answer(stored, { algs: "a256ctr" });
      return { response: await rig.link(answer, init), key };
    },
  };

  // Sends an object in pieces of these sizes, each in a separate packet; the last size repeats to the end.
  const inPieces = (stored, sizes) => async (exchange) => {
    exchange.head(200, { "Content-Length": stored.size, ETag: "1" });
    if (exchange.isHead) return exchange.end();
    exchange.response.flushHeaders();
    exchange.response.socket?.setNoDelay(true);
    for (let offset = 0, i = 0; offset < stored.size; i += 1) {
      const piece = stored.source.slice(offset, sizes[Math.min(i, sizes.length - 1)]);
      await exchange.send(piece);
      offset += piece.length;
      await sleep(0);
    }
    exchange.end();
  };

  for (const [delivery, ask] of Object.entries(asks)) {
    it(`may arrive one byte at a time, or in odd pieces: ${delivery}`, async () => {
      const sizes = [
        [400, [1]],
        [200_003, [1, 1, 1, 63, 65, 4_097, 1, 16_385]],
        [LARGE_BYTES, [...Array(100).fill(1), 63, 777, 65_535, 1, 262_145]],
      ];
      for (const [size, pieces] of sizes) {
        const stored = rig.store(size);
        stored.answers(inPieces(stored, pieces));
        for (const [headers, expected] of [
          [{}, {}],
          [{ Range: "bytes=130-329" }, { status: 206, offset: 130, length: 200 }],
        ]) {
          const { response, key } = await ask(stored, { headers });
          await expectMedia(response, stored, { ...expected, key });
        }
      }
    });

    it(`is forwarded as it arrives: ${delivery}`, async () => {
      let goOn;
      const stored = rig.store(HUGE_BYTES);
      stored.answers(async (exchange) => {
        exchange.head(200, { "Content-Length": HUGE_BYTES, ETag: "1" });
        if (exchange.isHead) return exchange.end();
        await exchange.send(stored.source.slice(0, 300_000));
        await new Promise((done) => (goOn = done));
        for (const chunk of stored.source.chunks(300_000)) await exchange.send(chunk);
      });
      const controller = new AbortController();
      const { response } = await ask(stored, { signal: controller.signal });
      const reader = response.body.getReader();
      for (let count = 0; count < 30_000; ) count += (await reader.read()).value.length;
      // If a client leaves while no bytes arrive, the platform notices at the next bytes.
      controller.abort();
      goOn();
      await until("the homeserver's connection to be closed", () => stored.requests.every(({ ended }) => ended), SOON_MS);
      assert.ok(stored.bytesSent < HUGE_BYTES, "the Worker did not read it to its end");
    });

    it(`waits for a client that pauses, then continues: ${delivery}`, async () => {
      const stored = rig.store(HUGE_BYTES);
      const { response, key } = await ask(stored);
      let sent;
      await until("the homeserver to wait", async () => {
        sent = stored.bytesSent;
        await sleep(700);
        return sent > 0 && stored.bytesSent === sent;
      });
      assert.ok(sent < ON_THE_WAY_BYTES, `${sent} bytes were read for a client that does not read`);
      await (key ? expectMedia(response, stored, { key }) : expectPlain(response, stored));
    });

    it(`ends at the homeserver soon after the client leaves: ${delivery}`, async () => {
      for (const state of ["at once", "in the middle", "while paused"]) {
        const stored = rig.store(HUGE_BYTES);
        const controller = new AbortController();
        const { response } = await ask(stored, { signal: controller.signal });
        const reader = response.body.getReader();
        if (state !== "at once") for (let count = 0; count < 5 * MIB; ) count += (await reader.read()).value.length;
        if (state === "while paused") await sleep(1_000);
        controller.abort();
        await until(`the homeserver's connection to be closed: ${state}`, () => stored.requests.every(({ ended }) => ended), SOON_MS);
        assert.ok(stored.bytesSent < HUGE_BYTES, "the Worker did not read it to its end");
      }
    });
  }

  it("may be abandoned before the homeserver responds", async () => {
    for (const linked of [false, true]) {
      const stored = rig.store(HUGE_BYTES);
      const answer = linked && (await rig.answer(stored));
      let goOn;
      stored.answers(async (exchange) => {
        await new Promise((done) => (goOn = done));
        await media(stored.source)(exchange);
      });
      const controller = new AbortController();
      const asking = linked ? rig.link(answer, { signal: controller.signal }) : rig.get(stored, { signal: controller.signal });
      const gone = assert.rejects(asking, { name: "AbortError" });
      await until("the homeserver to be asked", () => goOn);
      controller.abort();
      await gone;
      goOn();
      await until("the homeserver's connection to be closed", () => stored.requests.every(({ ended }) => ended), SOON_MS);
      assert.ok(stored.bytesSent < HUGE_BYTES, "the Worker did not read it to its end");
    }
  });

  it("is sent to many clients at once, each its own", async () => {
    const stored = Array.from({ length: 6 }, () => rig.store(LARGE_BYTES));
    await Promise.all(
      stored.flatMap((each) => [
        ...Object.values(asks).map(async (ask) => {
          const { response, key } = await ask(each);
          assert.equal(isAnswer(response), false);
          await expectMedia(response, each, { key });
        }),
        asks
          .encrypted(each, { headers: { Range: "bytes=-70000" } })
          .then(({ response, key }) => expectMedia(response, each, { status: 206, offset: LARGE_BYTES - 70_000, key })),
      ]),
    );
  });

  it("does not disturb others when it breaks off", async () => {
    const [fine, breaking] = [rig.store(LARGE_BYTES, { dripBytes: 200_000, dripMs: 20 }), rig.store(LARGE_BYTES, { stopAfter: 1_500_000 })];
    const outcomes = await Promise.all(
      Object.values(asks).flatMap((ask) => [
        ask(fine).then(({ response, key }) => expectMedia(response, fine, { key })),
        ask(breaking).then(({ response }) => readUntilBroken(response)),
      ]),
    );
    assert.deepEqual([outcomes[1].broken, outcomes[3].broken], [true, true]);
  });
});
