// A login response contains an address of the homeserver that many clients use from then on. A login through the Worker must name the Worker.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { ROOT, run } from "../support/process.mjs";
import { SHAPES, downloadPath, startHome, startSite } from "../support/site.mjs";

for (const shape of SHAPES) {
  describe(`logging in through the Worker, ${shape}`, () => {
    let home, site;
    before(async () => {
      // Each shape needs a new Synapse, which knows the address of its first site.
      home = await startHome();
      site = await startSite(home, { shape });
    });
    after(async () => {
      await site?.stop();
      await home?.stop();
    });

    it("names the Worker's address, and media requests to it go through the Worker", async () => {
      const { base, token } = await site.login(home.alice);
      assert.equal(base, `${site.worker.origin}/`);
      const path = downloadPath(await site.upload(randomBytes(1000)));
      site.meter.reset();
      const response = await fetch(new URL(path, base), { headers: { Authorization: `Bearer ${token}` } });
      assert.deepEqual([response.status, (await response.arrayBuffer()).byteLength], [200, 1000]);
      assert.equal(site.meter.count({ class: "download" }), 1);
    });

    it("passes the commands of docs/deploy.md, with the output shown there", async () => {
      const [, section] = readFileSync(join(ROOT, "docs/deploy.md"), "utf8").split("## The address that clients use\n");
      const [, block] = section.match(/```console\n(.*?)```/s);
      const hosts = { "https://example.com": site.worker.origin, "https://matrix.example.com": site.worker.origin };
      hosts["https://synapse.example.com"] = home.synapse.url;
      const here = block.replace(/https:\/\/[a-z.]*example\.com/g, (host) => hosts[host]);
      const commands = [...here.matchAll(/^\$ (.*)\n((?!\$ ).*\n)*/gm)];
      assert.equal(commands.length, 3);
      for (const [all, command] of commands) {
        const { code, stdout } = await run("sh", ["-c", command], { name: "documented" });
        assert.deepEqual([code, `$ ${command}\n${stdout.toString().trimEnd()}\n`], [0, all]);
      }
    });
  });
}
