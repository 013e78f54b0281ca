// Links under `a256ctr`: the Worker encrypts with WebCrypto, and the tests decrypt with OpenSSL (specification, section 6).

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { METADATA_HEADER } from "../support/answer.mjs";
import { unsealMetadata } from "../support/cipher.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectMedia, startRig } from "./rig.mjs";

const AES = { algs: "a256ctr" };

describe("a link under a256ctr", () => {
  let rig;
  before(async () => (rig = await startRig({ vars: { REDIRECT_MIN_BYTES: "0" } })));
  after(() => rig.stop());

  it("is given to clients that prefer it, with metadata under the same algorithm", async () => {
    const stored = rig.store(SMALL_BYTES, { type: "image/png", disposition: "inline; filename=x.png" });
    for (const algs of ["a256ctr", "a256ctr,chacha20", " rot13 , a256ctr "]) {
      const answer = await rig.answer(stored, { algs });
      assert.equal(answer.alg, "a256ctr");
      const response = await rig.link(answer);
      assert.deepEqual(unsealMetadata(answer.key, response.headers.get(METADATA_HEADER)), answer.metadata);
      await expectMedia(response, stored, { key: answer.key });
    }
    assert.equal((await rig.answer(stored, { algs: "chacha20,a256ctr" })).alg, "chacha20");
  });

  it("works for every length, cached or not", async () => {
    const lengths = [0, 1, 15, 16, 17, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577, 16_384 + 262_144, LARGE_BYTES];
    for (const size of lengths) {
      const stored = rig.store(size);
      const answer = await rig.answer(stored, AES);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
  });

  it("gives ranges that begin and end anywhere in a block", async () => {
    for (const ranges of [true, false]) {
      for (const size of [SMALL_BYTES, LARGE_BYTES]) {
        const stored = rig.store(size, { range: ranges });
        const answer = await rig.answer(stored, AES);
        const expectRanges = async () => {
          for (const first of [0, 1, 15, 16, 17, 16_383, 16_385, 70_001, size - 17, size - 1]) {
            for (const last of [first, first + 1, first + 15, first + 16, first + 20_000, size - 1].filter((end) => end < size)) {
              const response = await rig.link(answer, { headers: { Range: `bytes=${first}-${last}` } });
              assert.equal(response.headers.get("content-range"), `bytes ${first}-${last}/${size}`);
              await expectMedia(response, stored, { offset: first, length: last - first + 1, key: answer.key, status: 206 });
            }
          }
        };
        await expectRanges();
        await rig.cached(stored);
        await expectRanges();
      }
    }
  });

  it("is another keystream than chacha20's, and each link has a key to itself", async () => {
    const stored = rig.store(SMALL_BYTES);
    const answers = await Promise.all([AES, AES, {}].map((options) => rig.answer(stored, options)));
    const bodies = await Promise.all(
      answers.map(async (answer) => Buffer.from(await (await rig.link(answer)).arrayBuffer()).toString("hex")),
    );
    assert.equal(new Set(bodies).size, 3);
    assert.equal(new Set(answers.map(({ key }) => key.toString("hex"))).size, 3);
  });

  it("is read by many clients at once", async () => {
    const stored = rig.store(LARGE_BYTES);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => rig.answer(stored, i % 2 ? AES : {})));
    await Promise.all(answers.map(async (answer) => expectMedia(await rig.link(answer), stored, { key: answer.key })));
    await drain(await rig.link(answers[0]));
  });
});
