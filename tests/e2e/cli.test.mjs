// The command line client against the real Worker and the real homeserver.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { optIn } from "../support/answer.mjs";
import { decryptAttachment, encryptAttachment, hashFits } from "../support/attachment.mjs";
import { EXIT, get } from "../support/cli.mjs";
import { startFront } from "../support/front.mjs";
import { png, pngSize } from "../support/png.mjs";
import { freePort, tempDir } from "../support/process.mjs";
import { SHAPES, badToken, downloadPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const SMALL_BYTES = 100_000;
const LARGE_BYTES = 3_000_000;
const BELOW_LINKS_BYTES = 10_000;
const DELIVERIES = ["redirect", "json", "session"];
// The smallest allowed GRANT_TTL_SECS.
const SHORTEST_TTL_SECS = "10";

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

/** Runs the client as Alice. */
const as = (site, mxc, args = [], options = {}) => get(mxc, { homeserver: site.worker.origin, token: home.alice.token, args, ...options });

/** Asserts that the run saved exactly these bytes and reported this delivery. */
function assertSaved(result, bytes, way) {
  assert.equal(result.code, EXIT.saved, result.stderr);
  assert.ok(result.bytes?.equals(bytes), `other bytes: ${result.stderr}`);
  assert.match(result.stderr, way);
}

const ENCRYPTED = /encrypted link \(chacha20\)/;
const AES = /encrypted link \(a256ctr\)/;
const VERBATIM = /as stored/;
const PLAIN = /plain/;

for (const shape of SHAPES) {
  describe(`cloakroom get, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { shape });
    });
    after(() => site?.stop());

    for (const delivery of DELIVERIES) {
      it(`${delivery}: saves what was uploaded, cold and warm`, async () => {
        for (const size of [SMALL_BYTES, LARGE_BYTES]) {
          const bytes = randomBytes(size);
          const mxc = await site.upload(bytes, { type: "image/png" });
          site.meter.reset();
          assertSaved(await as(site, mxc, ["--delivery", delivery]), bytes, ENCRYPTED);
          await site.settled();
          assert.equal(site.meter.count({ method: "GET", class: "download", authorization: `Bearer ${home.alice.token}` }), 0);
          await site.held(downloadPath(mxc));
          assertSaved(await as(site, mxc, ["--delivery", delivery]), bytes, ENCRYPTED);
        }
      });

      it(`${delivery}: --alg a256ctr`, async () => {
        const bytes = randomBytes(LARGE_BYTES);
        const mxc = await site.upload(bytes, { type: "image/png" });
        assertSaved(await as(site, mxc, ["--delivery", delivery, "--alg", "a256ctr"]), bytes, AES);
        const part = await as(site, mxc, ["--delivery", delivery, "--alg", "a256ctr", "--range", "70001-1000016"]);
        assertSaved(part, bytes.subarray(70_001, 1_000_017), AES);
      });

      it(`${delivery}: an uploaded file that looks exactly like an answer is saved as a file`, async () => {
        const real = downloadPath(await site.upload(randomBytes(SMALL_BYTES)), optIn("json"));
        const answer = await (await site.fetch(real)).json();
        for (const [length, way] of [
          [0, PLAIN],
          [SMALL_BYTES, ENCRYPTED],
        ]) {
          const lookalike = Buffer.from(JSON.stringify(answer).padEnd(length));
          const mxc = await site.upload(lookalike, { type: "application/json" });
          assertSaved(await as(site, mxc, ["--delivery", delivery]), lookalike, way);
        }
      });
    }

    it("thumbnails are saved like originals", async () => {
      const mxc = await site.upload(png(640, 480), { type: "image/png" });
      const result = await as(site, mxc, ["--thumbnail", "320x240", "--method", "scale"]);
      const expected = await site.fetch(thumbnailPath(mxc, "width=320&height=240&method=scale"));
      assertSaved(result, Buffer.from(await expected.arrayBuffer()), ENCRYPTED);
      assert.deepEqual(pngSize(result.bytes), { width: 320, height: 240 });
    });

    it("a range goes to standard output, byte for byte", async () => {
      const bytes = randomBytes(LARGE_BYTES);
      const mxc = await site.upload(bytes);
      for (const [range, slice] of [
        ["1000000-1099999", [1_000_000, 1_100_000]],
        ["2999990-", [2_999_990]],
        ["-7", [-7]],
        ["0-0", [0, 1]],
      ]) {
        const { code, stdout, stderr } = await as(site, mxc, ["--output", "-", `--range=${range}`]);
        assert.equal(code, EXIT.saved, stderr);
        assert.ok(stdout.equals(bytes.subarray(...slice)), range);
        assert.match(stderr, ENCRYPTED);
      }
      const beyond = await as(site, mxc, ["--output", "part", "--range", `${LARGE_BYTES}-`]);
      assert.deepEqual([beyond.code, beyond.files], [EXIT.usage, []], beyond.stderr);
    });

    it("media that are too small for a link come plainly, as do all with --plain", async () => {
      const small = randomBytes(BELOW_LINKS_BYTES);
      assertSaved(await as(site, await site.upload(small)), small, PLAIN);
      const bytes = randomBytes(SMALL_BYTES);
      assertSaved(await as(site, await site.upload(bytes), ["--plain"]), bytes, PLAIN);
    });
  });
}

describe("cloakroom get, E2EE attachments", () => {
  const plaintext = png(200, 200);
  const { ciphertext, file } = encryptAttachment(plaintext);

  for (const [setting, way] of [
    ["reencrypt", ENCRYPTED],
    ["verbatim", VERBATIM],
  ]) {
    it(`are encrypted again, or with --verbatim served as stored, as ENCRYPTED_MEDIA=${setting} says`, async () => {
      const site = await startSite(home, { vars: { ENCRYPTED_MEDIA: setting } });
      const mxc = await site.upload(ciphertext);
      for (const delivery of DELIVERIES) {
        assertSaved(await as(site, mxc, ["--delivery", delivery]), ciphertext, ENCRYPTED);
        const result = await as(site, mxc, ["--delivery", delivery, "--verbatim"]);
        // No answer could tell the client that the object is served as stored.
        assertSaved(result, ciphertext, delivery === "session" ? ENCRYPTED : way);
        assert.ok(hashFits(file, result.bytes));
        assert.ok(decryptAttachment(file, result.bytes).equals(plaintext));
      }
      // A picture is encrypted even if the client calls it ciphertext.
      const picture = await site.upload(plaintext, { type: "image/png" });
      assertSaved(await as(site, picture, ["--verbatim"]), plaintext, ENCRYPTED);
      await site.stop();
    });
  }
});

describe("cloakroom get, in unusual cases", () => {
  /** @type {import("../support/site.mjs").Site} */
  let site;
  before(async () => {
    site = await startSite(home);
  });
  after(() => site?.stop());

  it("a homeserver without Cloakroom serves it like any client", async () => {
    const bytes = randomBytes(SMALL_BYTES);
    const mxc = await site.upload(bytes);
    for (const delivery of DELIVERIES) {
      assertSaved(await as(site, mxc, ["--delivery", delivery], { homeserver: home.synapse.url }), bytes, PLAIN);
    }
  });

  it("uses the sender's file name, and touches no other file", async () => {
    const bytes = randomBytes(SMALL_BYTES);
    const mxc = await site.upload(bytes, { filename: "../../Überraschung 🦊.bin" });
    const folder = tempDir("cli");
    const first = await as(site, mxc, ["--output", "."], { folder });
    assert.equal(first.code, EXIT.saved, first.stderr);
    assert.equal(first.files.length, 1);
    assert.match(first.files[0], /^[^/]*Überraschung 🦊\.bin$/);
    assert.ok(first.bytes.equals(bytes));
    const second = await as(site, mxc, ["--output", "."], { folder });
    assert.deepEqual([second.code, second.files], [EXIT.localFile, first.files], second.stderr);
  });

  it("each kind of failure has its exit code, gives the reason and leaves no file", async () => {
    const mxc = await site.upload(randomBytes(SMALL_BYTES));
    const nobody = `http://localhost:${await freePort()}`;
    const failures = [
      [EXIT.refused, /M_UNKNOWN_TOKEN/, await as(site, mxc, [], { token: badToken("cli") })],
      [EXIT.notFound, /M_NOT_FOUND/, await as(site, `mxc://${home.synapse.serverName}/doesNotExist`)],
      [EXIT.network, /cannot reach/, await as(site, mxc, [], { homeserver: nobody })],
      [EXIT.usage, /mxc/, await as(site, "https://localhost/abc")],
    ];
    for (const [code, reason, result] of failures) {
      assert.deepEqual([result.code, result.files], [code, []], result.stderr);
      assert.match(result.stderr, reason);
    }
    const folder = tempDir("cli");
    writeFileSync(join(folder, "saved"), "mine");
    const existing = await as(site, mxc, [], { folder });
    assert.deepEqual([existing.code, existing.bytes.toString()], [EXIT.localFile, "mine"], existing.stderr);
  });

  it("a link that expires on the way makes it ask again, once", async () => {
    // Hold the first link here until it expires, so that the edge returns 404.
    const front = await startFront(async ({ count }) => {
      if (count === 1) await sleep(Number(SHORTEST_TTL_SECS) * 1000 + 500);
    });
    const behind = await startSite(home, { vars: { EDGE_URL: front.edge, GRANT_TTL_SECS: SHORTEST_TTL_SECS } });
    front.leadTo(behind.worker.port);
    const bytes = randomBytes(SMALL_BYTES);
    const mxc = await behind.upload(bytes);
    const result = await as(behind, mxc, ["--verbose"], { homeserver: front.origin });
    assertSaved(result, bytes, ENCRYPTED);
    assert.match(result.stderr, /404/);
    assert.equal(front.links, 2);
    await behind.stop();
    await front.stop();
  });

  it("falls back to plain media after two dead links", async () => {
    for (const status of [404, 409]) {
      const front = await startFront(async () => ({ status, body: { errcode: "M_UNKNOWN", error: "no" } }));
      const behind = await startSite(home, { vars: { EDGE_URL: front.edge } });
      front.leadTo(behind.worker.port);
      const bytes = randomBytes(SMALL_BYTES);
      const mxc = await behind.upload(bytes);
      assertSaved(await as(behind, mxc, [], { homeserver: front.origin }), bytes, PLAIN);
      assert.equal(front.links, 2);
      await behind.stop();
      await front.stop();
    }
  });
});
