// Two hosts, two roles: the homeserver's host serves no links, the edge's host serves only links, and as two Workers neither can do the
// other's work.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { isAnswer, optIn } from "../support/answer.mjs";
import { SHAPES, downloadPath, startHome, startSite } from "../support/site.mjs";

const MEDIA_BYTES = 100_000;
const UNKNOWN_TOKEN = "A".repeat(43);

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

for (const shape of SHAPES) {
  describe(`hosts and roles, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    let path, bytes;
    before(async () => {
      site = await startSite(home, { shape });
      bytes = randomBytes(MEDIA_BYTES);
      path = downloadPath(await site.upload(bytes, { type: "image/png" }));
    });
    after(() => site?.stop());

    it("the edge's host serves only links, with any access token", async () => {
      await site.held(path);
      const headers = { Authorization: `Bearer ${home.alice.token}` };
      const paths = [path, path + optIn("json"), "/", "/index.html"];
      paths.push("/_matrix/client/versions", "/_matrix/client/v3/sync", "/_matrix/media/v3/config");
      for (const asked of paths) {
        const response = await fetch(site.worker.edge + asked, { headers, redirect: "manual" });
        assert.deepEqual([response.status, (await response.json()).errcode], [404, "M_NOT_FOUND"], asked);
      }
      const upload = await fetch(`${site.worker.edge}/_matrix/media/v3/upload`, { method: "POST", headers, body: "x" });
      assert.equal(upload.status, 405);
      assert.equal(site.meter.count(), 0, "none of them reach the homeserver");
    });

    it("the homeserver's host serves no link", async () => {
      const { token, url, key } = await site.answer(path);
      const response = await site.fetch(`/${token}`);
      assert.equal(response.status, 404);
      const body = Buffer.from(await response.arrayBuffer());
      assert.equal(body.indexOf(bytes.subarray(0, 16)), -1);
      assert.ok(key && (await fetch(url)).ok);
    });

    it("neither host gives access to the cache's own paths", async () => {
      await site.held(path);
      for (const host of [site.worker.origin, site.worker.edge]) {
        for (const inside of ["/_cloakroom/object/1/x", "/_cloakroom/info/1/x", "/_cloakroom/", "/_cloakroom/health/x"]) {
          assert.equal((await fetch(host + inside, { headers: { Authorization: `Bearer ${home.alice.token}` } })).status, 404, inside);
        }
      }
      assert.equal(site.meter.count(), 0);
    });

    it("the edge ignores access tokens, valid or not", async () => {
      const { url } = await site.answer(path);
      site.meter.reset();
      for (const authorization of [`Bearer ${home.alice.token}`, "Bearer nonsense", "Basic eDp5"]) {
        assert.equal((await fetch(url, { headers: { Authorization: authorization } })).status, 200);
        assert.equal((await fetch(`${site.worker.edge}/${UNKNOWN_TOKEN}`, { headers: { Authorization: authorization } })).status, 404);
      }
      assert.equal(site.meter.count({ authorization: `Bearer ${home.alice.token}` }), 0);
    });

    it("reports its role", async () => {
      const role = async (host) => (await (await fetch(`${host}/_cloakroom/health`)).json()).role;
      const expected = shape === SHAPES[0] ? ["both", "both"] : ["origin", "edge"];
      assert.deepEqual([await role(site.worker.origin), await role(site.worker.edge)], expected);
    });
  });
}

describe("two Workers", () => {
  it("share grants and cache, and the origin never has an encrypted delivery's bytes", async () => {
    const site = await startSite(home, { shape: SHAPES[1] });
    const path = downloadPath(await site.upload(randomBytes(MEDIA_BYTES)));
    site.meter.reset();
    const answer = await site.answer(path);
    await site.settled();
    assert.deepEqual(site.meter.summary(), { "HEAD download": 1 }, "minting reads no media");
    assert.equal(site.meter.bytesSent(), 0);
    assert.equal((await (await fetch(answer.url)).arrayBuffer()).byteLength, MEDIA_BYTES);
    assert.equal(site.meter.count({ method: "GET", authorization: `Bearer ${home.service.token}` }), 1);
    await site.held(path);
    await site.stop();
  });

  it("links work wherever they were minted: after a restart from the same storage", async () => {
    const first = await startSite(home);
    const path = downloadPath(await first.upload(randomBytes(MEDIA_BYTES)));
    const { token } = await first.answer(path);
    await first.stop();
    const second = await startSite(home, { persistTo: first.worker.persistTo });
    const response = await fetch(`${second.worker.edge}/${token}`);
    assert.deepEqual([response.status, (await response.arrayBuffer()).byteLength, isAnswer(response)], [200, MEDIA_BYTES, false]);
    await second.stop();
  });
});
