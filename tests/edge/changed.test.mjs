// Objects that differ from their grant, and objects of unknown length, are never encrypted.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Source } from "../support/bytes.mjs";
import { media, raw, respond } from "../support/homeserver.mjs";
import {
  LARGE_BYTES,
  SMALL_BYTES,
  drain,
  expectError,
  expectMedia,
  expectPlain,
  isAnswer,
  optIn,
  readUntilBroken,
  startRig,
} from "./rig.mjs";

const ETAG = { etag: '"one"' };

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("an object that changed under a link", () => {
  const other = (size) => new Source(`other of ${size}`, size);

  async function expectChanged(response) {
    assert.equal(response.headers.has("org-matrix-msc4097-metadata"), false);
    for (const name of ["etag", "accept-ranges", "content-range"]) assert.equal(response.headers.has(name), false, name);
    const body = await expectError(response, 409, "M_UNKNOWN");
    assert.deepEqual(Object.keys(body).sort(), ["errcode", "error"]);
  }

  const changes = {
    "is longer": [{}, ({ size }) => other(size + 1), {}],
    "is shorter": [{}, ({ size }) => other(size - 1), {}],
    "is empty": [{}, () => other(0), {}],
    "has another strong ETag": [ETAG, ({ size }) => other(size), { etag: '"two"' }],
    "is longer, though its ETag is the same": [ETAG, ({ size }) => other(size + 1), ETAG],
    "is compressed now": [{}, (source) => source, { gzip: true }],
    "has no length now": [{}, (source) => source, { chunked: true }],
  };
  for (const [what, [options, changed, nowOptions]] of Object.entries(changes)) {
    it(`gives 409 and no bytes: it ${what}`, async () => {
      const check = async (size, range) => {
        const stored = rig.store(size, { ...options, range });
        const answer = await rig.answer(stored);
        stored.become(changed(stored.source), { ...nowOptions, range });
        await expectChanged(await rig.link(answer));
        await expectChanged(await rig.link(answer, { headers: { Range: "bytes=0-9" } }));
        await expectChanged(await rig.link(answer, { headers: { Range: `bytes=${size - 1}-` } }));
        await rig.quiet();
        // It was never cached, so it still returns 409.
        await expectChanged(await rig.link(answer));
      };
      // A part also tells the length of the whole.
      const ranges = nowOptions.chunked ? [false] : [false, true];
      await Promise.all([SMALL_BYTES, LARGE_BYTES].flatMap((size) => ranges.map((range) => check(size, range))));
    });
  }

  it("gives 409 if the store says that the range is beyond the end", async () => {
    const stored = rig.store(SMALL_BYTES);
    const answer = await rig.answer(stored);
    stored.answers(respond(416, { "Content-Range": "bytes */9" }, "out of range"), "GET");
    await expectChanged(await rig.link(answer, { headers: { Range: "bytes=1000-1999" } }));
  });

  it("is then served as not opted in for a while, and the log says what changed", async () => {
    for (const [etag, reason] of [
      ['"two"', "tag_different"],
      [null, "tag_missing"],
    ]) {
      const stored = rig.store(SMALL_BYTES, ETAG);
      const before = await rig.answer(stored);
      stored.become(other(SMALL_BYTES), { etag });
      await expectChanged(await rig.link(before));
      const response = await rig.get(stored, { query: optIn("json") });
      assert.equal(response.headers.get("org-matrix-msc4097-plain"), "not-available");
      await expectPlain(response, stored);
      await rig.worker.untilLog(new RegExp(`"event":"object_changed","reason":"${reason}"`));
      // Other objects are not affected.
      const next = rig.store(SMALL_BYTES, ETAG);
      assert.ok((await rig.answer(next)).key);
    }
  });

  it("stays the same for links to the cached copy, and is new for all others", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size, ETAG);
      const old = { size, source: stored.source };
      const before = await rig.answer(stored);
      await rig.cached(stored);
      stored.become(other(size), { etag: '"two"' });
      await expectMedia(await rig.link(before), old, { key: before.key });
      const now = await rig.answer(stored);
      for (const headers of [{}, { Range: "bytes=0-" }]) {
        await expectMedia(await rig.link(now, { headers }), stored, { key: now.key, status: headers.Range ? 206 : 200 });
        await rig.quiet();
      }
      await expectPlain(await rig.get(stored), stored);
      // The old link now finds the new copy, in the cache or at the homeserver.
      await rig.quiet();
      await expectChanged(await rig.link(before));
    }
  });

  it("is detected by an ETag that differs in any way, or is missing", async () => {
    const etags = [
      ['"one"', 'W/"one"'],
      ["1", "2"],
      ["1", '"two"'],
      ['W/"one"', 'W/"two"'],
      ['"one"', null],
      [null, '"two"'],
      ["1", null],
    ];
    // One object is not cached: only the homeserver has it.
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      for (const [before, now] of etags) {
        const stored = rig.store(size, { etag: before });
        const answer = await rig.answer(stored);
        stored.become(other(size), { etag: now });
        await expectChanged(await rig.link(answer));
        await expectChanged(await rig.link(answer, { headers: { Range: "bytes=5-9" } }));
      }
    }
  });

  it("gets no link, and is not served by one, if its ETag cannot be repeated", async () => {
    const unreadable = [Buffer.from([0x22, 0xe9, 0x22]), Buffer.from([0x22, 0x61, 0x01, 0x22])];
    for (const etag of unreadable) {
      const answers = (stored) => (exchange) => {
        const head = `HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${stored.size}\r\nConnection: close\r\nETag: `;
        const body = exchange.isHead ? Buffer.alloc(0) : stored.source.slice();
        return raw(Buffer.concat([Buffer.from(head), etag, Buffer.from("\r\n\r\n"), body]))(exchange);
      };
      const stored = rig.store(SMALL_BYTES);
      stored.answers(answers(stored));
      const response = await rig.get(stored, { query: optIn("json") });
      assert.equal(isAnswer(response), false);
      await drain(response);
      const linked = rig.store(SMALL_BYTES, { etag: null });
      const answer = await rig.answer(linked);
      linked.answers(answers(linked), "GET");
      const gone = await rig.link(answer);
      assert.ok([409, 502].includes(gone.status), `${gone.status}: as if no tag had been told`);
      await drain(gone);
    }
  });

  it("is not detected if every object has the same ETag, as in Synapse", async () => {
    for (const etag of ["1", null]) {
      const stored = rig.store(SMALL_BYTES, { etag });
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    }
  });
});

describe("an object of unknown length", () => {
  for (const [what, options] of Object.entries({ "compressed though asked not to": { gzip: true }, "sent in chunks": { chunked: true } })) {
    it(`is served whole, as not opted in, and never cached: ${what}`, async () => {
      const check = async (size, init) => {
        const stored = rig.store(size, { type: "image/png", ...options });
        const response = await rig.get(stored, init);
        assert.deepEqual([response.status, isAnswer(response)], [200, false]);
        assert.equal(response.headers.get("content-type"), "image/png");
        for (const name of ["content-encoding", "content-range", "accept-ranges", "etag"])
          assert.equal(response.headers.has(name), false, name);
        assert.match(response.headers.get("content-security-policy"), /^sandbox;/);
        const { bytes, broken } = await readUntilBroken(response);
        assert.ok(!broken && bytes.equals(stored.source.slice()), "it is the object, decoded");
        await rig.quiet();
        assert.equal(stored.count("GET"), 1, `${stored.asked}`);
        await drain(await rig.get(stored));
        assert.equal(stored.count("GET"), 2, "it comes from the homeserver again");
      };
      const inits = (size) => [
        {},
        { query: optIn("json") },
        { query: optIn("redirect") },
        { headers: { Range: "bytes=5-9" } },
        { headers: { Range: `bytes=${size}-` } },
      ];
      await Promise.all([SMALL_BYTES, LARGE_BYTES].flatMap((size) => inits(size).map((init) => check(size, init))));
    });
  }

  it("gets no link if only HEAD tells its length", async () => {
    const stored = rig.store();
    stored.answers(media(stored.source, { chunked: true }), "HEAD");
    const response = await rig.get(stored, { query: optIn("json") });
    await expectPlain(response, stored);
  });
});
