// An ordinary Matrix client, unmodified matrix-nio, works through Cloakroom without noticing it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { nioDownload } from "../support/nio.mjs";
import { png, pngSize } from "../support/png.mjs";
import { SHAPES, badToken, downloadPath, startHome, startSite } from "../support/site.mjs";

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

for (const shape of SHAPES) {
  describe(`matrix-nio, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { shape });
    });
    after(() => site?.stop());

    const download = (mxc, options = {}) => nioDownload(mxc, { homeserver: site.worker.origin, token: home.alice.token, ...options });

    it("downloads uploads, cold and warm", async () => {
      for (const size of [1_000, 100_000, 3_000_000]) {
        const bytes = randomBytes(size);
        const mxc = await site.upload(bytes, { type: "image/png", filename: "a picture.png" });
        const cold = await download(mxc);
        await site.held(downloadPath(mxc));
        for (const result of [cold, await download(mxc)]) {
          assert.deepEqual([result.error, result.content_type, result.filename], [undefined, "image/png", "a picture.png"]);
          assert.ok(result.bytes.equals(bytes));
        }
      }
    });

    it("downloads a thumbnail", async () => {
      const mxc = await site.upload(png(640, 480), { type: "image/png" });
      const { bytes, content_type: type } = await download(mxc, { thumbnail: "320x240" });
      assert.deepEqual([type, pngSize(bytes)], ["image/png", { width: 320, height: 240 }]);
    });

    it("understands refusals", async () => {
      const mxc = await site.upload(randomBytes(100_000));
      const stranger = await download(mxc, { token: badToken("nio") });
      assert.deepEqual([stranger.bytes, stranger.status_code], [undefined, "M_UNKNOWN_TOKEN"]);
      const missing = await download(`mxc://${home.synapse.serverName}/doesNotExist`);
      assert.deepEqual([missing.bytes, missing.status_code], [undefined, "M_NOT_FOUND"]);
    });
  });
}

describe("matrix-nio, with plain redirects", () => {
  it("follows a time-limited link without noticing", async () => {
    const site = await startSite(home, { vars: { PLAIN_REDIRECT: "on" } });
    const bytes = randomBytes(100_000);
    const mxc = await site.upload(bytes, { type: "image/png", filename: "a picture.png" });
    const response = await site.fetch(downloadPath(mxc));
    assert.equal(response.status, 307);
    const result = await nioDownload(mxc, { homeserver: site.worker.origin, token: home.alice.token });
    assert.deepEqual([result.error, result.content_type, result.filename], [undefined, "image/png", "a picture.png"]);
    assert.ok(result.bytes.equals(bytes));
    await site.stop();
  });
});
