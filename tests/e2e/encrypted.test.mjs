// Encrypted delivery: a link alone gives ciphertext, link and key give the media, and clients that did not opt in never get ciphertext.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ANSWER_HEADER, METADATA_HEADER, isAnswer, optIn, readAnswer } from "../support/answer.mjs";
import { Bytes, Source, expectSlice } from "../support/bytes.mjs";
import { decrypt, unsealMetadata } from "../support/cipher.mjs";
import { parseDisposition } from "../support/disposition.mjs";
import { png } from "../support/png.mjs";
import { SHAPES, downloadPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const SMALL_BYTES = 100_000;
const LARGE_BYTES = 3_000_000;
const BELOW_LINKS_BYTES = 65_535;
const FILE_NAME = 'Grüße; vom "Strandurlaub".png';

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

const body = async (response) => Buffer.from(await response.arrayBuffer());

/** Returns all headers of a response as one text. */
const head = (response) => [response.status, ...[...response.headers].map(([name, value]) => `${name}: ${value}`)].join("\n");

for (const shape of SHAPES) {
  describe(`encrypted delivery, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { shape });
    });
    after(() => site?.stop());

    for (const [delivery, size] of [
      ["redirect", SMALL_BYTES],
      ["json", SMALL_BYTES],
      ["redirect", LARGE_BYTES],
      ["json", LARGE_BYTES],
    ]) {
      it(`M1: the link alone reveals only the length, ${delivery}, ${size} bytes`, async () => {
        const source = new Source(`${delivery} ${size}`, size);
        const path = downloadPath(await site.upload(source.slice(), { type: "image/png", filename: FILE_NAME }));
        for (const _ of ["cold", "again"]) {
          const answer = await site.answer(path, { delivery });
          assert.deepEqual([answer.metadata.size, answer.metadata.content_type], [size, "image/png"]);
          assert.deepEqual(parseDisposition(answer.metadata.content_disposition), { type: "inline", filename: FILE_NAME });

          const response = await fetch(answer.url);
          const said = head(response);
          assert.deepEqual([response.headers.has("content-disposition"), response.headers.has("last-modified")], [false, false]);
          const ciphertext = await body(response);
          assert.deepEqual([response.status, ciphertext.length], [200, size]);
          assert.equal(response.headers.get("content-length"), String(size));
          assert.ok(decrypt(answer.key, ciphertext).equals(source.slice()));
          assert.deepEqual(unsealMetadata(answer.key, response.headers.get(METADATA_HEADER)), answer.metadata);
          assertTellsNothing({ said: `${answer.url}\n${said}`, ciphertext, answer, source, path });
        }
      });
    }

    it("M1: two links have nothing in common, and a key opens only its own link", async () => {
      const path = downloadPath(await site.upload(randomBytes(SMALL_BYTES)));
      const [one, two] = [await site.answer(path), await site.answer(path)];
      assert.ok(!one.key.equals(two.key) && one.token !== two.token);
      const [first, second] = [await fetch(one.url), await fetch(two.url)];
      assert.notEqual(first.headers.get("etag"), second.headers.get("etag"));
      assert.throws(() => unsealMetadata(two.key, first.headers.get(METADATA_HEADER)), /not its key/);
      assert.ok(!(await body(first)).equals(await body(second)));
    });

    it("M1: thumbnails are encrypted like originals", async () => {
      const path = thumbnailPath(await site.upload(png(640, 480), { type: "image/png" }), "width=320&height=240&method=scale");
      const plain = await body(await site.fetch(path));
      const answer = await site.answer(path);
      assert.equal(answer.metadata.size, plain.length);
      const ciphertext = await body(await fetch(answer.url));
      assert.ok(!ciphertext.equals(plain) && decrypt(answer.key, ciphertext).equals(plain));
    });

    it("M2: a client that does not opt in, or in an unknown way, gets the plaintext", async () => {
      const source = new Source("M2", SMALL_BYTES);
      const path = downloadPath(await site.upload(source.slice(), { type: "image/png" }));
      await body(await fetch((await site.answer(path)).url));
      const twice = `${optIn("json")}&${optIn("json").slice(1)}`;
      const queries = [
        "",
        "?org.matrix.msc4097.delivery=session",
        "?org.matrix.msc4097.delivery=JSON",
        optIn("json", { algs: "rot13" }),
        twice,
      ];
      queries.push("?org.matrix.msc4097.alg=chacha20", "?org.matrix.msc4097.verbatim=true");
      for (const query of queries) {
        const response = await site.fetch(path + query);
        assert.deepEqual([response.status, isAnswer(response), response.headers.has(METADATA_HEADER)], [200, false, false], query);
        await expectSlice(response.body, source);
      }
      const unknownFirst = await site.answer(`${path}?org.matrix.msc4097.alg=rot13,chacha20`);
      assert.equal(unknownFirst.alg, "chacha20");
      const onlyHead = await site.fetch(path + optIn("json"), { method: "HEAD" });
      assert.deepEqual([onlyHead.status, isAnswer(onlyHead), onlyHead.headers.get("content-length")], [200, false, String(SMALL_BYTES)]);
    });

    it("M2: an object too small for a link comes plainly", async () => {
      const bytes = randomBytes(BELOW_LINKS_BYTES);
      const path = downloadPath(await site.upload(bytes));
      for (const delivery of ["redirect", "json"]) {
        const response = await site.fetch(path + optIn(delivery));
        assert.deepEqual([response.status, isAnswer(response), (await body(response)).equals(bytes)], [200, false, true]);
      }
    });

    it("M2b: a file that looks exactly like an answer comes back as a file", async () => {
      const real = await (await site.fetch(downloadPath(await site.upload(randomBytes(SMALL_BYTES))) + optIn("json"))).json();
      for (const length of [0, SMALL_BYTES]) {
        const fields = { ...real, key: randomBytes(32).toString("base64url") };
        const lookalike = Buffer.from(JSON.stringify(fields).padEnd(length));
        const path = downloadPath(await site.upload(lookalike, { type: "application/json" }));
        const plain = await site.fetch(path);
        assert.deepEqual([plain.status, plain.headers.has(ANSWER_HEADER), (await body(plain)).equals(lookalike)], [200, false, true]);
        const asked = await site.fetch(path + optIn("json"));
        if (length === 0) {
          // Synapse adds a charset. Apart from that and the header, it looks like an answer.
          assert.match(asked.headers.get("content-type"), /^application\/json/);
          assert.deepEqual([asked.status, asked.headers.has(ANSWER_HEADER)], [200, false]);
          assert.ok((await body(asked)).equals(lookalike));
        } else {
          const answer = await readAnswer(asked, { edge: site.worker.edge });
          assert.ok(decrypt(answer.key, await body(await fetch(answer.url))).equals(lookalike));
        }
      }
    });

    it("M4: any range of a link is that slice of the whole, cached or not", async () => {
      for (const size of [SMALL_BYTES, LARGE_BYTES]) {
        const source = new Source(`M4 ${size}`, size);
        const path = downloadPath(await site.upload(source.slice()));
        const ranges = [
          [0, 0],
          [1, 62],
          [63, 64],
          [64, 127],
          [65_535, 65_537],
          [size >> 1, (size >> 1) + 40_000],
          [size - 1, size - 1],
          [0, size - 1],
        ];
        for (const [first, last] of ranges) await expectRange(site, path, source, first, last);
        await body(await fetch((await site.answer(path)).url));
        await site.held(path);
        const answer = await site.answer(path);
        for (const [first, last] of ranges) await expectRange(site, path, source, first, last, answer);
        const tail = await fetch(answer.url, { headers: { Range: "bytes=-777" } });
        await expectSlice(tail.body, source, { offset: size - 777, key: answer.key });
        const open = await fetch(answer.url, { headers: { Range: "bytes=50000-" } });
        await expectSlice(open.body, source, { offset: 50_000, key: answer.key });
      }
    });

    it("M4: pieces read one by one make the whole", async () => {
      const bytes = randomBytes(SMALL_BYTES);
      const answer = await site.answer(downloadPath(await site.upload(bytes)));
      const pieces = [];
      for (let at = 0; at < SMALL_BYTES; at += 7_919) {
        const response = await fetch(answer.url, { headers: { Range: `bytes=${at}-${at + 7_918}` } });
        pieces.push(decrypt(answer.key, await body(response), at));
      }
      assert.ok(Buffer.concat(pieces).equals(bytes));
    });
  });
}

describe("M3: an expired link", () => {
  it("looks like an unknown link", async () => {
    const site = await startSite(home, { vars: { GRANT_TTL_SECS: "10" } });
    const { token, expiresMs } = await site.answer(downloadPath(await site.upload(randomBytes(SMALL_BYTES))));
    while (Date.now() <= expiresMs) await sleep(100);
    const seen = async (path, method) => {
      const response = await fetch(`${site.worker.edge}/${path}`, { method });
      const headers = [...response.headers].filter(([name]) => name !== "date");
      return { status: response.status, headers, body: await response.text() };
    };
    const others = ["A".repeat(43), `${token.slice(0, -1)}`, `${token}A`, `${token}=`, "x", "%00", `${token}/`, `${token}/x`];
    for (const method of ["GET", "HEAD"]) {
      const expired = await seen(token, method);
      assert.equal(expired.status, 404);
      assert.equal(expired.body, method === "GET" ? '{"errcode":"M_NOT_FOUND","error":"Not found"}' : "");
      for (const other of others) assert.deepEqual(await seen(other, method), expired, `${method} ${other.length}`);
    }
    await site.stop();
  });
});

/** Fetches one range, through a new link unless one is given. */
async function expectRange(site, path, source, first, last, link) {
  const { url, key } = link ?? (await site.answer(path));
  const response = await fetch(url, { headers: { Range: `bytes=${first}-${last}` } });
  assert.deepEqual([response.status, response.headers.get("content-range")], [206, `bytes ${first}-${last}/${source.size}`]);
  assert.equal(response.headers.get("content-length"), String(last - first + 1));
  await expectSlice(response.body, source, { offset: first, length: last - first + 1, key });
}

function assertTellsNothing({ said, ciphertext, answer, source, path }) {
  const mediaId = path.split("/").at(-1);
  for (const secret of [answer.key.toString("base64url"), answer.key.toString("hex"), "image/png", "Strandurlaub", mediaId]) {
    assert.ok(!said.toLowerCase().includes(secret.toLowerCase()), `URL and headers contain ${secret}`);
  }
  // A 16-byte piece of the plaintext appears only if it was sent unencrypted.
  for (const offset of [0, source.size >> 1, source.size - 16]) {
    assert.equal(ciphertext.indexOf(new Bytes(source.slice(offset, 16)).bytes), -1, `plaintext from byte ${offset}`);
  }
  assert.equal(ciphertext.indexOf(answer.key), -1);
  assert.equal(ciphertext.indexOf("image/png"), -1);
}
