// Waits as long as the Worker promises to wait, which takes minutes. All tests run at once, and at full length only with CLOAKROOM_SLOW_TESTS=1.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { respond, silence } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, optIn, startRig } from "./rig.mjs";

const SLOW = process.env.CLOAKROOM_SLOW_TESTS === "1";
const LONG_POLL_MS = SLOW ? 60_000 : 5_000;
// HEADERS_TIMEOUT_MS of src/platform/workers/fetch.rs.
const TIMEOUT_MS = 100_000;
const TEST_LIMIT_MS = TIMEOUT_MS + 30_000;
const skip = !SLOW && "takes 100 s: set CLOAKROOM_SLOW_TESTS=1";

describe("waiting", { concurrency: true }, () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  it(`for a long poll of ${LONG_POLL_MS / 1000} s, while other requests are served`, { timeout: TEST_LIMIT_MS }, async () => {
    rig.homeserver.on("GET", "/_matrix/client/v3/sync", async (exchange) => {
      await sleep(LONG_POLL_MS);
      await respond(200, {}, { next_batch: "s1" })(exchange);
    });
    const others = rig.store();
    const sync = rig.get("/_matrix/client/v3/sync?timeout=60000");
    await drain(await rig.get(others));
    const response = await sync;
    assert.deepEqual([response.status, await response.json()], [200, { next_batch: "s1" }]);
  });

  const inTime = async (ask) => {
    const started = Date.now();
    const response = await ask();
    const tookMs = Date.now() - started;
    assert.ok(tookMs > TIMEOUT_MS - 1_000 && tookMs < TIMEOUT_MS + 10_000, `${tookMs} ms`);
    return response;
  };

  for (const [what, query, headers] of [
    ["a plain download", "", {}],
    ["a range", "", { Range: "bytes=0-9" }],
    ["an answer", optIn("json"), {}],
  ]) {
    for (const held of [false, true]) {
      it(`for a homeserver that never authorises ${what}: 504${held ? ", although it is cached" : ""}`, {
        skip,
        timeout: TEST_LIMIT_MS,
      }, async () => {
        const stored = rig.store();
        if (held) {
          await drain(await rig.get(stored));
          // Small objects are cached as soon as they are sent.
          await sleep(1_000);
        }
        stored.answers(silence());
        const response = await inTime(() => rig.get(stored, { query, headers }));
        const { error } = await expectError(response, 504, "M_UNKNOWN");
        assert.match(error, /did not respond in time/);
        assert.equal("if-none-match" in stored.requests.at(-1).headers, held, "it was cached then");
        // The homeserver works again, and so does everything else.
        stored.become(stored.source);
        await expectPlain(await rig.get(stored), stored);
      });
    }
  }

  for (const size of [SMALL_BYTES, LARGE_BYTES]) {
    it(`for a store that never sends the object of a link: 504, ${size} bytes`, { skip, timeout: TEST_LIMIT_MS }, async () => {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      stored.answers(silence(), "GET");
      const response = await inTime(() => rig.link(answer));
      assert.equal(response.headers.has("org-matrix-msc4097-metadata"), false);
      const { error } = await expectError(response, 504, "M_UNKNOWN");
      assert.match(error, /did not respond in time/);
      stored.become(stored.source);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await rig.worker.untilLog(/"event":"homeserver_unreachable"/);
    });
  }
});
