// The client of the README (docs/examples/client.mjs) with a real Synapse. tests/edge/example.test.mjs tests how it treats wrong responses.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { download } from "../../docs/examples/client.mjs";
import { Source } from "../support/bytes.mjs";
import { parseDisposition } from "../support/disposition.mjs";
import { SHAPES, badToken, startHome, startSite } from "../support/site.mjs";

const FILE_NAME = "Grüße.png";

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

for (const shape of SHAPES) {
  describe(`the client of the README, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { shape });
    });
    after(() => site?.stop());

    it("downloads uploads by links and plainly, the first time and from the cache", async () => {
      // Objects below REDIRECT_MIN_BYTES get no link; objects above 1 MiB are streamed.
      for (const size of [1_000, 100_000, 3_000_000]) {
        const source = new Source(`example ${shape} ${size}`, size);
        const mxc = await site.upload(source.slice(), { type: "image/png", filename: FILE_NAME });
        for (const _ of ["first", "again"]) {
          const { bytes, type, disposition } = await download(site.worker.origin, home.alice.token, mxc);
          assert.ok(Buffer.from(bytes).equals(source.slice()), `${size} bytes`);
          assert.equal(type, "image/png");
          assert.deepEqual(parseDisposition(disposition), { type: "inline", filename: FILE_NAME });
        }
      }
    });

    it("works with the homeserver directly, which advertises no edge", async () => {
      const source = new Source(`example direct ${shape}`, 100_000);
      const mxc = await site.upload(source.slice());
      const { bytes } = await download(home.synapse.url, home.alice.token, mxc);
      assert.ok(Buffer.from(bytes).equals(source.slice()));
    });

    it("reports the homeserver's refusals", async () => {
      const mxc = await site.upload(new Source("example refused", 100_000).slice());
      await assert.rejects(download(site.worker.origin, badToken("example"), mxc), /the homeserver returned 401/);
      await assert.rejects(download(site.worker.origin, home.alice.token, "mxc://localhost/AbCdEfNotThere"), /the homeserver returned 404/);
    });
  });
}
