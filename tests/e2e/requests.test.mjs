// The exact requests to the homeserver: Cloakroom saves its traffic, and every delivery depends on its decision.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { optIn } from "../support/answer.mjs";
import { SHAPES, downloadPath, startHome, startSite } from "../support/site.mjs";

const SMALL_BYTES = 100_000;
// Above 1 MiB, a separate request fills the cache, so that a slow client cannot harm the copy.
const LARGE_BYTES = 3_000_000;
const ASKED = { "HEAD download conditional": 1 };

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

for (const shape of SHAPES) {
  describe(`requests at the homeserver, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { shape });
    });
    after(() => site?.stop());

    const plain = async (path) => (await site.fetch(path)).arrayBuffer();
    const encrypted = async (path) => (await fetch((await site.answer(path)).url)).arrayBuffer();
    /** Uploads, then resets the meter. */
    const fresh = async (size) => {
      const path = downloadPath(await site.upload(randomBytes(size)));
      site.meter.reset();
      return path;
    };
    /** Waits until the homeserver has received at least these requests, and has responded to all. */
    const asked = async (expected) => {
      const total = Object.values(expected).reduce((sum, count) => sum + count, 0);
      await site.worker.running.until(`${total} requests at the homeserver`, () => site.meter.count() >= total);
      await site.settled();
      assert.deepEqual(site.meter.summary(), expected);
    };

    for (const [size, gets, extra] of [
      [SMALL_BYTES, 1, ""],
      [LARGE_BYTES, 2, " and one fill"],
    ]) {
      it(`cold plain, ${size} bytes: one GET${extra}; warm: one conditional HEAD`, async () => {
        const path = await fresh(size);
        await plain(path);
        await asked({ "GET download": gets });
        assert.equal(site.meter.bytesSent(), gets * size);
        await site.held(path);
        await plain(path);
        await asked(ASKED);
        assert.equal(site.meter.bytesSent(), 0);
      });

      it(`cold encrypted, ${size} bytes: one HEAD and one GET${extra}; warm: one conditional HEAD`, async () => {
        const path = await fresh(size);
        await encrypted(path);
        await asked({ "HEAD download": 1, "GET download": gets });
        assert.equal(site.meter.bytesSent(), gets * size);
        const users = site.meter.requests.map(({ method, authorization }) => [method, authorization]);
        const byAlice = ["HEAD", `Bearer ${home.alice.token}`];
        const byService = ["GET", `Bearer ${home.service.token}`];
        assert.deepEqual(users, [byAlice, ...Array(gets).fill(byService)], "the client's token authorises, the service account's fetches");
        await site.held(path);
        await encrypted(path);
        await asked(ASKED);
        assert.deepEqual([site.meter.bytesSent(), site.meter.requests[0].authorization], [0, `Bearer ${home.alice.token}`]);
      });
    }

    it("one user's download serves another user from the cache, after the homeserver allows it", async () => {
      const bob = await home.synapse.createUser(`bob-${shape.split(" ")[0]}`);
      const path = await fresh(LARGE_BYTES);
      await encrypted(path);
      await site.held(path);
      await (await site.fetch(path, { token: bob.token })).arrayBuffer();
      await asked(ASKED);
      assert.equal(site.meter.requests[0].authorization, `Bearer ${bob.token}`);
    });

    it("a link to a cached object causes no requests to the homeserver, whole or in ranges", async () => {
      const path = await fresh(LARGE_BYTES);
      await encrypted(path);
      await site.held(path);
      const { url } = await site.answer(path);
      site.meter.reset();
      for (const range of [undefined, "bytes=0-99", "bytes=2000000-2999999", "bytes=-1"]) {
        await (await fetch(url, { headers: range ? { Range: range } : {} })).arrayBuffer();
      }
      await fetch(url, { method: "HEAD" });
      assert.equal(site.meter.count(), 0);
    });

    it("requests carry only the client's token and address, and nothing from us", async () => {
      const path = await fresh(SMALL_BYTES);
      const headers = {
        Cookie: "session=1",
        "X-Real-IP": "192.0.2.1",
        Forwarded: "for=192.0.2.1",
        "X-Forwarded-For": "192.0.2.1",
        "X-Odd": "1",
      };
      await (await site.fetch(`${path}/name.png${optIn("json")}&timeout_ms=5&unknown=1`, { headers })).arrayBuffer();
      const [{ path: asked, headers: seen }] = site.meter.requests;
      assert.equal(asked, path, "without the file name");
      for (const name of ["cookie", "x-real-ip", "forwarded", "x-odd", "range"]) assert.equal(seen[name], undefined, name);
      assert.doesNotMatch(String(seen["x-forwarded-for"]), /192\.0\.2\.1/);
      assert.equal(seen["accept-encoding"], "identity");
    });
  });
}
