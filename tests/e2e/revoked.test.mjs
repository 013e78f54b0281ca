// When the homeserver revokes access, the very next request is refused, even if the object is cached.
//
// A conditional HEAD authorises a cached object. Synapse returns 304 only after its checks (token, quarantine, deletion, for remote media
// its policies too): synapse/media/media_repository.py, `get_local_media` and `get_remote_media`; synapse/media/thumbnailer.py. These tests
// check that: they would fail with a Synapse that returned 304 earlier.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { isAnswer, optIn } from "../support/answer.mjs";
import { startFederation } from "../support/federation.mjs";
import { png } from "../support/png.mjs";
import { SHAPES, downloadPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const THUMBNAIL = "width=320&height=240&method=scale";
const ALL_WAYS = ["", optIn("redirect"), optIn("json")];

/** Sends a request to Synapse's admin API. */
async function admin({ synapse, admin: { token } }, method, path, body) {
  const response = await fetch(`${synapse.url}/_synapse/admin/v1/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.equal(response.status, 200, `${method} ${path}: ${await response.text()}`);
}

/** Asserts that every request for these paths gets this error: plain or opted in, whole or in part, GET or HEAD. */
async function expectRefused(site, paths, status, errcode, options = {}) {
  for (const path of paths) {
    for (const way of ALL_WAYS) {
      const query = path.includes("?") ? way.replace("?", "&") : way;
      for (const headers of [{}, { Range: "bytes=0-99" }]) {
        const response = await site.fetch(path + query, { headers, ...options });
        assert.deepEqual([response.status, (await response.json()).errcode, isAnswer(response)], [status, errcode, false], path + query);
      }
    }
    const response = await site.fetch(path, { method: "HEAD", ...options });
    assert.equal(response.status, status);
  }
}

/** Uploads a picture, and caches it and a thumbnail of it. */
async function heldPicture(site) {
  const mxc = await site.upload(png(400, 300), { type: "image/png" });
  const paths = [downloadPath(mxc), thumbnailPath(mxc, THUMBNAIL)];
  for (const path of paths) await site.held(path);
  return { mxc, paths };
}

describe("revoked access", () => {
  let home;
  before(async () => {
    home = await startHome();
  });
  after(() => home?.stop());

  for (const shape of SHAPES) {
    describe(shape, () => {
      let site;
      before(async () => {
        site = await startSite(home, { shape });
      });
      after(() => site?.stop());

      it("quarantined media return 404, although they are cached", async () => {
        const { mxc, paths } = await heldPicture(site);
        await home.synapse.quarantine(home.admin.token, mxc.split("/").at(-1));
        await expectRefused(site, paths, 404, "M_NOT_FOUND");
        await expectRefused(site, paths, 404, "M_NOT_FOUND", { token: home.admin.token });
        const direct = await fetch(home.synapse.url + paths[0], {
          method: "HEAD",
          headers: { Authorization: `Bearer ${home.alice.token}`, "If-None-Match": "1" },
        });
        assert.equal(direct.status, 404, "Synapse answers a conditional request for quarantined media before its checks");
      });

      it("deleted media return 404, although they are cached", async () => {
        const { mxc, paths } = await heldPicture(site);
        await admin(home, "DELETE", `media/${mxc.slice("mxc://".length)}`);
        await expectRefused(site, paths, 404, "M_NOT_FOUND");
      });

      it("a logged-out token is refused, although its media are cached", async () => {
        const { paths } = await heldPicture(site);
        const { token } = await home.synapse.createUser(`leaving-${shape.split(" ")[0]}`);
        for (const path of paths) assert.equal((await site.fetch(path, { token })).status, 200);
        await home.synapse.logout(token);
        await expectRefused(site, paths, 401, "M_UNKNOWN_TOKEN", { token });
        assert.equal((await site.fetch(paths[0])).status, 200, "other objects are not affected");
      });

      it("an existing link works until its expiry at most, and there is no new one", async () => {
        const { mxc, paths } = await heldPicture(site);
        const answer = await site.answer(paths[0]);
        await home.synapse.quarantine(home.admin.token, mxc.split("/").at(-1));
        await expectRefused(site, paths, 404, "M_NOT_FOUND");
        assert.ok(answer.expiresMs <= Date.now() + 300_000, "GRANT_TTL_SECS is 300");
      });
    });
  }
});

describe("an object that the service account is refused", () => {
  it("is served as not opted in, after one link that returned 502", async () => {
    const home = await startHome();
    const site = await startSite(home);
    const bytes = randomBytes(100_000);
    const path = downloadPath(await site.upload(bytes));
    await home.synapse.logout(home.service.token);
    const { url } = await site.answer(path);
    const link = await fetch(url);
    assert.deepEqual([link.status, (await link.json()).errcode], [502, "M_UNKNOWN"]);
    const response = await site.fetch(path + optIn("json"));
    assert.deepEqual([response.status, isAnswer(response), Buffer.from(await response.arrayBuffer()).equals(bytes)], [200, false, true]);
    await site.worker.untilLog(/service_account_refused/);
    await site.stop();
    await home.stop();
  });
});

describe("remote media with revoked access", () => {
  let federation, home, site, bob;
  before(async () => {
    federation = await startFederation();
    const { synapse } = federation.a;
    const [alice, service] = [await synapse.createUser("alice"), await synapse.createUser("cloakroom")];
    home = { synapse, alice, service, admin: await synapse.createUser("admin", { admin: true }) };
    bob = await federation.b.synapse.createUser("bob");
    site = await startSite(home);
  });
  after(async () => {
    await site?.stop();
    await federation?.stop();
  });

  const heldRemote = async () => {
    const { mxc } = await federation.b.synapse.upload(bob.token, png(400, 300), { type: "image/png" });
    const paths = [downloadPath(mxc), thumbnailPath(mxc, THUMBNAIL)];
    for (const path of paths) await site.held(path);
    return { mxc, paths };
  };

  it("are delivered and cached like local ones at first", async () => {
    const { paths } = await heldRemote();
    for (const path of paths) {
      const { url, metadata } = await site.answer(path);
      assert.equal((await (await fetch(url)).arrayBuffer()).byteLength, metadata.size);
    }
  });

  it("return 404 once they are quarantined", async () => {
    const { mxc, paths } = await heldRemote();
    await admin(home, "POST", `media/quarantine/${mxc.slice("mxc://".length)}`, {});
    await expectRefused(site, paths, 404, "M_NOT_FOUND");
  });

  it("get the response of their own server, once ours has purged them", async () => {
    const { mxc, paths } = await heldRemote();
    const other = { synapse: federation.b.synapse, admin: await federation.b.synapse.createUser("admin", { admin: true }) };
    await admin(other, "DELETE", `media/${mxc.slice("mxc://".length)}`);
    await admin(home, "POST", `purge_media_cache?before_ts=${Date.now() + 60_000}`, {});
    await expectRefused(site, paths, 404, "M_NOT_FOUND");
  });
});
