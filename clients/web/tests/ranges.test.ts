// Ranges: exact, and many by one link.

import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";

import { LINK_HEADER, MXC, PREFIX, World, matrixError, onlyJson } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

describe("a range", () => {
  it("is decrypted from any offset, and one link serves many", async () => {
    for (const about of [onlyJson, (it: object) => it]) {
      world = new World();
      world.about = about;
      world.pieceBytes = 1_000;
      const client = world.client();
      for (const [range, start, end] of [
        ["bytes=0-0", 0, 1],
        ["bytes=1-15", 1, 16],
        ["bytes=17-", 17, 100_003],
        ["bytes=-3", 100_000, 100_003],
        ["bytes=99999-200000", 99_999, 100_003],
        ["BYTES=16-31", 16, 32],
        ["bytes=0-", 0, 100_003],
      ] as const) {
        await world.expectPart(await client.fetch(MXC, { range }), start, end);
      }
      assert.deepEqual(world.counts, { config: 1, media: 1, link: 7 });
      assert.equal(world.to("media")[0]?.headers.get("range"), "bytes=0-0");
      assert.equal(new Set(world.to("link").map(({ url }) => url.href)).size, 1);
      // Another object has another link, and a whole download has one to itself.
      await world.expectPart(await client.fetch(MXC, { range: "bytes=0-9", thumbnail: { width: 1, height: 1 } }), 0, 10);
      await world.expectWhole(await client.fetch(MXC));
      assert.equal(world.counts.media, 3);
    }
  });

  it("shares a link with those that are asked for at the same time", async () => {
    for (const about of [onlyJson, (it: object) => it]) {
      world = new World();
      world.about = about;
      const client = world.client();
      const ask = async (start: number) =>
        world.expectPart(await client.fetch(MXC, { range: `bytes=${start}-${start + 9}` }), start, start + 10);
      await Promise.all([0, 20, 40].map(ask));
      assert.deepEqual(world.counts, { config: 1, media: 1, link: 3 });
    }
  });

  it("shares a renewed link too, and waits for nobody while a link works", async () => {
    const client = world.client();
    const ask = async (start: number) =>
      world.expectPart(await client.fetch(MXC, { range: `bytes=${start}-${start + 9}` }), start, start + 10);
    await ask(0);
    world.onLink = (_, count) => (count <= 4 ? matrixError(404, "M_NOT_FOUND") : undefined);
    await Promise.all([0, 20, 40].map(ask));
    assert.deepEqual(world.counts, { config: 1, media: 2, link: 7 });
    // The first of two gets its response after the second one has asked.
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
    world.onLink = async (_, count) => {
      if (count === 9) resolve();
      await bothAsked;
      return undefined;
    };
    await Promise.all([0, 20].map(ask));
    assert.deepEqual(world.counts, { config: 1, media: 2, link: 9 });
  });

  it("shares no link without encryption with those that did not ask for one", async () => {
    const client = world.client();
    world.onMedia = ({ url }) =>
      url.searchParams.has(`${PREFIX}.verbatim`) ? world.answer(world.mint("a256ctr"), { alg: "none", key: undefined }) : undefined;
    world.onLink = (_, count) =>
      count > 2
        ? undefined
        : new Response(new Uint8Array(world.object.subarray(0, 10)), {
            status: 206,
            headers: { "Content-Range": "bytes 0-9/100003", [LINK_HEADER]: "verbatim" },
          });
    for (const verbatim of [true, true, false]) await world.expectPart(await client.fetch(MXC, { range: "bytes=0-9", verbatim }), 0, 10);
    assert.deepEqual(world.counts, { config: 1, media: 2, link: 3 });
  });

  it("does not wait for one that got no link", async () => {
    const client = world.client();
    const ask = async (start: number) => world.expectPart(await client.fetch(MXC, { range: `bytes=${start}-` }), start, 100_003);
    world.onMedia = ({ headers }) => world.plain(headers);
    await Promise.all([0, 20, 40].map(ask));
    assert.deepEqual(world.counts, { config: 1, media: 3 });
    world.onMedia = (_, count) => (count === 4 ? matrixError(429, "M_LIMIT_EXCEEDED") : undefined);
    const results = await Promise.allSettled([0, 20, 40].map(ask));
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "fulfilled", "fulfilled"],
    );
  });

  it("renews a link that has ended, once, then asks for plain media", async () => {
    for (const status of [404, 409]) {
      for (const about of [onlyJson, (it: object) => it]) {
        for (const [goneLinks, expected] of [
          [1, { config: 1, media: 2, link: 3 }],
          [2, { config: 1, media: 3, link: 3 }],
        ] as const) {
          world = new World();
          world.about = about;
          const client = world.client();
          await world.expectPart(await client.fetch(MXC, { range: "bytes=0-9" }), 0, 10);
          world.onLink = (_, count) => (count > 1 && count <= 1 + goneLinks ? matrixError(status, "M_NOT_FOUND") : undefined);
          await world.expectPart(await client.fetch(MXC, { range: "bytes=70000-" }), 70_000, 100_003);
          assert.deepEqual(world.counts, expected, `${status}, ${goneLinks} times`);
          // The count starts again after a range that worked.
          await world.expectPart(await client.fetch(MXC, { range: "bytes=5-6" }), 5, 7);
        }
      }
    }
  });

  it("renews a link shortly before it ends", async () => {
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      world.about = onlyJson;
      const client = world.client();
      await client.fetch(MXC, { range: "bytes=0-9" });
      mock.timers.tick(294_000);
      await client.fetch(MXC, { range: "bytes=0-9" });
      assert.equal(world.counts.media, 1);
      mock.timers.tick(2_000);
      await client.fetch(MXC, { range: "bytes=0-9" });
      assert.equal(world.counts.media, 2);
    } finally {
      mock.timers.reset();
    }
  });

  it("follows an answer's link although it has ended by the client's own clock", async () => {
    world.about = onlyJson;
    world.onMedia = () => world.answer(world.mint("a256ctr"), { expires_ts: 1, expires_in_ms: undefined });
    await world.expectPart(await world.client().fetch(MXC, { range: "bytes=0-9" }), 0, 10);
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
  });

  it("keeps the links of sixteen objects", async () => {
    const client = world.client();
    const ask = (i: number) => client.fetch(`${MXC}${i}`, { range: "bytes=0-9" });
    for (let i = 0; i < 17; i += 1) await ask(i);
    await ask(1);
    assert.equal(world.counts.media, 17);
    await ask(0);
    assert.equal(world.counts.media, 18);
    // That one took the place of the one that was not used for longest.
    await ask(1);
    assert.equal(world.counts.media, 18);
    await ask(2);
    assert.equal(world.counts.media, 19);
  });

  it("is a 206 although the whole object came", async () => {
    for (const options of [{}, { plain: true }]) {
      const client = world.client();
      world.onLink = (sent) => world.link({ ...sent, headers: new Headers() });
      await world.expectPart(await client.fetch(MXC, { range: "bytes=70000-70009", ...options }), 70_000, 70_010);
      await world.expectPart(await client.fetch(MXC, { range: "bytes=0-", ...options }), 0, 100_003);
      await world.expectPart(await client.fetch(MXC, { range: "bytes=-1", ...options }), 100_002, 100_003);
    }
  });

  it("reads no more of the whole object than it needs", async () => {
    let pulled = 0;
    let left = false;
    const body = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(world.object.subarray(pulled * 1000, (pulled += 1) * 1000))),
        cancel: () => void (left = true),
      });
    world.onMedia = () => new Response(body(), { headers: { "Content-Length": "100003" } });
    const response = await world.client().fetch(MXC, { range: "bytes=2500-3499", plain: true });
    await world.expectPart(response, 2_500, 3_500);
    assert.ok(left, "the rest was not left");
    assert.ok(pulled <= 6, `${pulled} pieces were read`);
  });

  it("may end earlier in plain media", async () => {
    const part = (range: string) => () =>
      new Response(new Uint8Array(world.object.subarray(10, 20)), {
        status: 206,
        headers: { "Content-Range": range, "Content-Length": "10" },
      });
    world.onMedia = part("bytes 10-19/100003");
    await world.expectPart(await world.client().fetch(MXC, { range: "bytes=10-", plain: true }), 10, 20);
    await assert.rejects(world.client().fetch(MXC, { range: "bytes=10-18", plain: true }), { code: "other_range" });
    await assert.rejects(world.client().fetch(MXC, { range: "bytes=9-", plain: true }), { code: "other_range" });
    await assert.rejects(world.client().fetch(MXC, { plain: true }), { code: "other_range" });
    world.onMedia = part("bytes 10-19/*");
    await assert.rejects(world.client().fetch(MXC, { range: "bytes=10-19", plain: true }), { code: "other_range" });
  });

  it("beyond the end is final", async () => {
    const beyond = { code: "unsatisfiable", sizeBytes: 100_003 };
    const client = world.client();
    await assert.rejects(client.fetch(MXC, { range: "bytes=100003-" }), beyond);
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
    await client.fetch(MXC, { range: "bytes=0-1" });
    await assert.rejects(client.fetch(MXC, { range: "bytes=100003-" }), beyond);
    assert.deepEqual(world.counts, { config: 1, media: 2, link: 3 });
    world.about = onlyJson;
    await assert.rejects(world.client().fetch(MXC, { range: "bytes=100003-" }), beyond);
    await assert.rejects(client.fetch(MXC, { range: "bytes=100003-", plain: true }), beyond);
    world.onMedia = () => new Response(null, { status: 416 });
    await assert.rejects(client.fetch(MXC, { range: "bytes=100003-", plain: true }), { code: "unsatisfiable", sizeBytes: undefined });
    await assert.rejects(client.fetch(MXC, { plain: true }), { code: "homeserver", status: 416 });
  });

  it("of an object without bytes is the whole of it", async () => {
    const refuseRanges = ({ headers }: { headers: Headers }) =>
      headers.has("range") ? new Response(null, { status: 416, headers: { "Content-Range": "bytes */0" } }) : undefined;
    for (const about of [onlyJson, (it: object) => it, () => undefined]) {
      for (const refuse of [() => undefined, refuseRanges]) {
        world = new World();
        world.object = Buffer.alloc(0);
        world.metadata = { size: 0, content_type: "image/png" };
        world.about = about;
        world.onLink = refuse;
        world.onMedia = (sent) => (sent.url.search ? undefined : refuse(sent));
        const response = await world.client().fetch(MXC, { range: "bytes=0-" });
        assert.equal(response.headers.get("content-length"), "0");
        await world.expectWhole(response);
      }
    }
  });

  it("of an object without bytes takes two answers at most", async () => {
    for (const about of [onlyJson, (it: object) => it]) {
      world = new World();
      world.object = Buffer.alloc(0);
      world.metadata = { size: 0, content_type: "image/png" };
      world.about = about;
      world.onLink = (_, count) =>
        count === 1 ? matrixError(404, "M_NOT_FOUND") : new Response(null, { status: 416, headers: { "Content-Range": "bytes */0" } });
      world.onMedia = ({ url, headers }) => (url.search ? undefined : world.plain(headers));
      await world.expectWhole(await world.client().fetch(MXC, { range: "bytes=0-" }));
      assert.deepEqual(world.counts, { config: 1, media: 3, link: 2 });
    }
  });
});
