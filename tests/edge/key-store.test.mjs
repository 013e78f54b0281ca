// If the key store fails, clients that opted in still get the media, a link returns 502, and the log says why.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";

import { secret, secretsOfKeyStore } from "../support/secrets.mjs";
import { LARGE_BYTES, SMALL_BYTES, expectError, expectMedia, expectPlain, optIn, readAnswer, startRig } from "./rig.mjs";

async function withRig(keyStoreFails, test) {
  const rig = await startRig({ keyStoreFails });
  try {
    await test(rig);
  } finally {
    await rig.stop();
  }
}

describe("a key store", () => {
  it("shows the search for secrets every token and key, whoever asked for the link", async () => {
    const rig = await startRig();
    const stored = rig.store();
    for (let count = 0; count < 3; count += 1) assert.equal((await rig.get(stored, { query: optIn("json") })).status, 200);
    await rig.stop();
    assert.deepEqual(secretsOfKeyStore(rig.worker.persistTo), { tokens: 3, keys: 3 });
  });

  it("that works behaves otherwise like the failing ones", () =>
    withRig([], async (rig) => {
      const stored = rig.store();
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      assert.equal(rig.worker.logs().trim(), "");
    }));

  it("that refuses a grant: the media are served as not opted in, with a line in the log", () =>
    withRig(["put"], async (rig) => {
      for (const size of [SMALL_BYTES, LARGE_BYTES]) {
        for (const delivery of ["json", "redirect"]) {
          const stored = rig.store(size);
          const response = await rig.get(stored, { query: optIn(delivery) });
          assert.equal(await readAnswer(response), null);
          await expectPlain(response, stored);
        }
      }
      await rig.worker.untilLog(/"event":"key_store_put_failed"/);
    }));

  it("that cannot be read: a link returns 502, never the 404 of an expired link, with a line in the log", () =>
    withRig(["get"], async (rig) => {
      const url = `${rig.worker.edge}/${secret(randomBytes(32).toString("base64url"), "redirect token")}`;
      for (const init of [{}, { headers: { Range: "bytes=0-9" } }]) {
        const response = await rig.link({ url }, init);
        assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
        const { error } = await expectError(response, 502, "M_UNKNOWN");
        assert.match(error, /key store cannot be reached/);
      }
      await rig.worker.untilLog(/"event":"key_store_get_failed"/);
      // Clients that do not opt in do not need it.
      const stored = rig.store();
      await expectPlain(await rig.get(stored), stored);
    }));
});
