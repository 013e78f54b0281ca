// Bodies that end early: they never look complete to a client, and nobody gets one from the cache later.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { media } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, readUntilBroken, startRig, until } from "./rig.mjs";

// BODY_TIMEOUT_MS is 30 s.
const GIVES_UP_MS = { early: 29_000, late: 45_000 };
const TOO_SLOW = process.env.CLOAKROOM_SLOW_TESTS === "1" ? false : "waits 30 s: set CLOAKROOM_SLOW_TESTS=1";

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("a body that breaks off", () => {
  const asks = {
    plain: (stored, headers = {}) => rig.get(stored, { headers }),
    encrypted: async (stored, headers = {}) => rig.link(await rig.answer(stored), { headers }),
    "under a256ctr": async (stored, headers = {}) => rig.link(await rig.answer(stored, { algs: "a256ctr" }), { headers }),
  };

  // The response must be an error or a body that breaks off, not one that ends in order.
  async function expectBroken(response, promised) {
    const { bytes, broken } = await readUntilBroken(response);
    if (response.status === 502) return assert.equal(JSON.parse(bytes).errcode, "M_UNKNOWN");
    assert.ok([200, 206].includes(response.status), `status ${response.status}`);
    assert.equal(response.headers.get("content-length"), promised === undefined ? null : String(promised));
    assert.ok(broken, `${bytes.length} bytes of ${promised} looked complete`);
  }

  // When the homeserver works again, everybody gets whole media.
  async function expectHealed(stored, options) {
    await rig.quiet();
    stored.become(stored.source, options);
    for (let round = 0; round < 2; round += 1) {
      await expectPlain(await rig.get(stored), stored);
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      const last = { offset: stored.size - 1, length: 1, status: 206 };
      await expectMedia(await rig.link(answer, { headers: { Range: "bytes=-1" } }), stored, { ...last, key: answer.key });
      await expectPlain(await rig.get(stored, { headers: { Range: "bytes=-1" } }), stored, last);
      await rig.quiet();
    }
  }

  for (const [delivery, ask] of Object.entries(asks)) {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      it(`never looks complete: ${delivery}, ${size} bytes`, async () => {
        const check = async (stopAfter, then) => {
          const stored = rig.store(size, { stopAfter, then });
          for (let round = 0; round < 2; round += 1) {
            await expectBroken(await ask(stored), size);
            await rig.quiet();
          }
          await expectHealed(stored);
        };
        await Promise.all([check(0, "reset"), check(1, "close"), check(Math.floor(size / 2), "reset"), check(size - 1, "close")]);
      });

      it(`never looks complete as a part: ${delivery}, ${size} bytes`, async () => {
        const check = async (range) => {
          const stored = rig.store(size, { range, stopAfter: 50_000 });
          await expectBroken(await ask(stored, { Range: "bytes=1-90000" }), 90_000);
          await rig.quiet();
          // A store that ignores ranges stops before the range; one that honours them sends half of it.
          stored.become(stored.source, { range, stopAfter: range ? 50 : 50_000 });
          await expectBroken(await ask(stored, { Range: "bytes=-100" }), 100);
          await expectHealed(stored, { range });
        };
        await Promise.all([false, true].map(check));
      });
    }
  }

  it("never looks complete without a promised length", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size, { chunked: true, stopAfter: size - 1 });
      await expectBroken(await rig.get(stored));
      await expectHealed(stored, { chunked: false });
    }
  });

  it("does no harm while filling the cache", async () => {
    const check = async (ask, then) => {
      const stored = rig.store(LARGE_BYTES);
      let gets = 0;
      stored.answers((exchange) => media(stored.source, ++gets === 2 ? { stopAfter: 2_000_000, then } : {})(exchange), "GET");
      await drain(await ask(stored));
      await rig.quiet();
      assert.equal(gets, 2, "a GET for the client, one for the cache");
      await expectHealed(stored);
    };
    await Promise.all(Object.values(asks).flatMap((ask) => ["reset", "close"].map((then) => check(ask, then))));
  });

  it("does not harm simultaneous requests while filling the cache", async () => {
    const check = async (number) => {
      const [stopAfter, then] = [[1, 50_000, 1_500_000, LARGE_BYTES - 1][number % 4], number % 2 ? "close" : "reset"];
      const stored = rig.store(LARGE_BYTES);
      let gets = 0;
      stored.answers((exchange) => media(stored.source, ++gets === 2 ? { stopAfter, then } : {})(exchange), "GET");
      // The object info is known then, so the next request is answered from the cache if it has the object.
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      for (let round = 0; round < 3; round += 1) {
        await expectPlain(await rig.get(stored), stored);
        await expectMedia(await rig.link(answer), stored, { key: answer.key });
      }
    };
    // The window is a few milliseconds, so try it often.
    for (let number = 0; number < 64; number += 8) await Promise.all(Array.from({ length: 8 }, (_, i) => check(number + i)));
    await rig.quiet();
  });

  it("is aborted if the client has begun to read it, and the log says so", async () => {
    const stored = rig.store(LARGE_BYTES, { stopAfter: 2_000_000 });
    const answer = await rig.answer(stored);
    const { bytes, broken } = await readUntilBroken(await rig.link(answer));
    assert.ok(broken && bytes.length < LARGE_BYTES);
    await rig.worker.untilLog(/"event":"body_broken"/);
  });
});

describe("a body that stalls", { skip: TOO_SLOW }, () => {
  const stalls = { stopAfter: 1_000, then: "stall" };

  it("is abandoned if it is read whole: 502, and the connection is closed", { timeout: 2 * GIVES_UP_MS.late }, async () => {
    const linked = rig.store();
    const answer = await rig.answer(linked);
    linked.become(linked.source, stalls);
    rig.homeserver.on("GET", "/_matrix/client/v1/media/config", media("{".padEnd(2_000), { type: "application/json", ...stalls }));
    const asks = {
      plain: () => rig.get(rig.store(SMALL_BYTES, stalls)),
      "a range": () => rig.get(rig.store(SMALL_BYTES, stalls), { headers: { Range: "bytes=0-9" } }),
      "a link": () => rig.link(answer),
      "a document": () => rig.get("/_matrix/client/v1/media/config"),
    };
    const started = Date.now();
    const check = async ([what, ask]) => {
      await expectError(await ask(), 502, "M_UNKNOWN");
      const tookMs = Date.now() - started;
      assert.ok(tookMs > GIVES_UP_MS.early && tookMs < GIVES_UP_MS.late, `${what}: ${tookMs} ms`);
    };
    await Promise.all(Object.entries(asks).map(check));
    const open = () => rig.homeserver.requests.filter(({ ended }) => ended === undefined);
    await until("all connections to be closed", () => open().length === 0);
    linked.become(linked.source);
    await expectMedia(await rig.link(answer), linked, { key: answer.key });
  });
});

describe("a fill that stalls", { skip: TOO_SLOW }, () => {
  const size = 200_000_000;
  const headers = { Range: "bytes=150000000-150000099" };

  it("ends: a waiting client gets a response in time, and the next one a range", { timeout: 4 * GIVES_UP_MS.late }, async () => {
    const stored = rig.store(size, { stopAfter: 1_000_000, then: "stall" });
    const answer = await rig.answer(stored);
    const started = Date.now();
    const response = await rig.link(answer, { headers });
    const waitedMs = Date.now() - started;
    // FILL_WAIT_MS is 30 s.
    assert.ok(waitedMs < GIVES_UP_MS.late, `${waitedMs} ms`);
    assert.equal(response.status, 200, "the whole object, which clients must accept");
    await response.body.cancel();
    // STALL_MS is 30 s: then the fill has ended, and its mark is gone.
    stored.become(stored.source);
    await until(
      "a range from the cache",
      async () => {
        const next = await rig.link(answer, { headers });
        if (next.status === 206) {
          await expectMedia(next, stored, { status: 206, offset: 150_000_000, length: 100, key: answer.key });
          return true;
        }
        await next.body.cancel();
        return false;
      },
      2 * GIVES_UP_MS.late,
    );
  });
});

describe("a body that is longer than promised", () => {
  it("is cut to the promised length, or breaks off", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size, { promise: size - 100 });
      const promised = { size: size - 100, source: stored.source };
      const plain = await readUntilBroken(await rig.get(stored));
      const answer = await rig.answer(stored);
      assert.equal(answer.metadata.size, promised.size);
      assert.ok(plain.broken || plain.bytes.equals(stored.source.slice(0, promised.size)));
      const response = await rig.link(answer);
      await expectMedia(response, { ...promised }, { length: promised.size, key: answer.key });
      // The connection of that body is not reused.
      const next = rig.store();
      await expectPlain(await rig.get(next), next);
    }
  });
});
