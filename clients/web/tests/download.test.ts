// How a download goes: which requests are sent to whom, and what comes out.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, it, mock } from "node:test";

import { chacha20 } from "./noble.ts";
import { EDGE, HOMESERVER, LINK_HEADER, METADATA_HEADER, MXC, PREFIX, World, bytesOf, matrixError, redirect, stream } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

const parameters = (url: URL | undefined) => Object.fromEntries([...(url?.searchParams ?? [])].map(([name, value]) => [name.replace(`${PREFIX}.`, ""), value]));
const without = (name: string) => (about: Record<string, any>) => ({ ...about, [name]: undefined });
const onlyJson = (about: Record<string, any>) => ({ ...about, deliveries: ["redirect", "json"], session: undefined });
const headersOf = (response: Response) => Object.fromEntries(response.headers);

async function expectWhole(response: Response) {
  assert.equal(response.status, 200);
  assert.ok((await bytesOf(response)).equals(world.object), "other bytes came");
}

async function expectPart(response: Response, start: number, end: number) {
  assert.equal(response.status, 206);
  assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/${world.object.length}`);
  assert.equal(response.headers.get("content-length"), String(end - start));
  assert.ok((await bytesOf(response)).equals(world.object.subarray(start, end)), "other bytes came");
}

describe("a download", () => {
  it("follows the redirect of a session and derives the key", async () => {
    const response = await world.client().fetch(MXC);
    assert.deepEqual(headersOf(response), {
      "accept-ranges": "bytes",
      "content-disposition": 'inline; filename="x.png"',
      "content-length": "100003",
      "content-type": "image/png",
    });
    await expectWhole(response);
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
    const [media] = world.to("media");
    assert.equal(media?.url.pathname, "/_matrix/client/v1/media/download/example.org/AbCdEf");
    assert.deepEqual(parameters(media?.url), { delivery: "session", alg: "a256ctr", session: world.sessionId });
  });

  it("reads an answer where the origin has no session", async () => {
    for (const about of [onlyJson, without("session"), (it: object) => ({ ...it, deliveries: undefined, algs: undefined, session: undefined })]) {
      world = new World();
      world.about = about;
      await expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
      assert.deepEqual(parameters(world.to("media")[0]?.url), { delivery: "json", alg: "a256ctr" });
      assert.equal(world.to("link")[0]?.init.redirect, "manual");
    }
  });

  it("uses the cipher that the application adds, after the built-in one", async () => {
    for (const [about, expected] of [
      [(it: object) => ({ ...it, algs: ["chacha20"] }), { delivery: "session", alg: "chacha20", session: world.sessionId }],
      [(it: object) => ({ ...it, algs: ["chacha20"], deliveries: ["json"] }), { delivery: "json", alg: "chacha20" }],
      [onlyJson, { delivery: "json", alg: "a256ctr,chacha20" }],
      [(it: object) => it, { delivery: "session", alg: "a256ctr", session: world.sessionId }],
    ] as const) {
      const { sessionId } = world;
      world = Object.assign(new World(), { sessionId, about });
      const client = world.client({ cipher: chacha20 });
      await expectWhole(await client.fetch(MXC));
      await expectPart(await client.fetch(MXC, { range: "bytes=1001-70000" }), 1001, 70_001);
      assert.deepEqual(parameters(world.to("media")[0]?.url), expected);
      assert.equal(world.counts["media"], 2);
    }
  });

  it("asks for plain media where nothing is advertised that it could trust or use", async () => {
    const configs: Record<string, (about: Record<string, any>) => unknown> = {
      "no member": () => undefined,
      "not an object": () => [],
      "no edge": without("edge"),
      "plain http": (it) => ({ ...it, edge: "http://media.example.net" }),
      "a path": (it) => ({ ...it, edge: `${EDGE}/x` }),
      "a slash": (it) => ({ ...it, edge: `${EDGE}/` }),
      "a query": (it) => ({ ...it, edge: `${EDGE}?x` }),
      "a fragment": (it) => ({ ...it, edge: `${EDGE}#x` }),
      "a user": (it) => ({ ...it, edge: EDGE.replace("//", "//me@") }),
      "another spelling": (it) => ({ ...it, edge: EDGE.toUpperCase() }),
      "the homeserver itself": (it) => ({ ...it, edge: HOMESERVER }),
      "another delivery": (it) => ({ ...it, deliveries: ["redirect"] }),
      "another algorithm": (it) => ({ ...it, algs: ["chacha20"] }),
      "deliveries that are no list": (it) => ({ ...it, deliveries: "json" }),
    };
    for (const [what, about] of Object.entries(configs)) {
      world = new World();
      world.about = about;
      const client = world.client();
      await expectWhole(await client.fetch(MXC));
      await expectWhole(await client.fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 2 }, what);
      assert.equal(world.to("media")[0]?.url.search, "", what);
    }
  });

  it("asks for plain media where the config cannot be read", async () => {
    const tooLong = () => Response.json({ [PREFIX]: { edge: EDGE }, later: "x".repeat(65_536) });
    for (const config of [matrixError(403, "M_FORBIDDEN"), matrixError(500, "M_UNKNOWN"), new Response("<html>"), tooLong()]) {
      world = new World();
      world.onConfig = () => config;
      await expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 1 });
    }
    world = new World();
    world.onConfig = () => {
      throw new TypeError("Failed to fetch");
    };
    await expectWhole(await world.client().fetch(MXC));
  });

  it("reads no config from another web origin", async () => {
    world.onConfig = () => redirect("https://elsewhere.example/config");
    world.onElsewhere = () => Response.json({ [PREFIX]: { edge: "https://evil.example", deliveries: ["json"] } });
    await expectWhole(await world.client().fetch(MXC));
    assert.deepEqual(world.counts, { config: 1, elsewhere: 1, media: 1 });
  });

  it("does not opt in for sizes that get no link", async () => {
    world.about = (about) => ({ ...about, max_size: 200_000 });
    const client = world.client();
    for (const [size, links] of [[65_535, 0], [200_001, 0], [65_536, 1], [200_000, 2]] as const) {
      await (await client.fetch(MXC, { size })).body?.cancel();
      assert.equal(world.counts["link"] ?? 0, links, `${size} bytes`);
    }
  });

  it("asks for plain media if the caller wants that", async () => {
    await expectWhole(await world.client().fetch(MXC, { plain: true }));
    assert.deepEqual(world.counts, { media: 1 });
    assert.equal(world.to("media")[0]?.url.search, "");
  });

  it("asks for thumbnails and file names as Matrix says", async () => {
    const client = world.client();
    const path = async (options: object) => {
      await client.fetch("mxc://[::1]:8448/A-b_1", { plain: true, ...options });
      return world.to("media").at(-1)?.url.href.replace(`${HOMESERVER}/_matrix/client/v1/media`, "");
    };
    assert.equal(await path({}), "/download/%5B%3A%3A1%5D%3A8448/A-b_1");
    assert.equal(await path({ thumbnail: { width: 96, height: 64 } }), "/thumbnail/%5B%3A%3A1%5D%3A8448/A-b_1?width=96&height=64");
    assert.match((await path({ thumbnail: { width: 1, height: 2, method: "crop", animated: false } })) ?? "", /\?width=1&height=2&method=crop&animated=false$/);
    assert.match((await path({ fileName: "a/b ?\u00e9\ud800.png" })) ?? "", /\/A-b_1\/a%2Fb%20%3F%C3%A9%EF%BF%BD\.png$/);
    for (const fileName of ["", ".", ".."]) assert.match((await path({ fileName })) ?? "", /\/A-b_1$/);
    await client.fetch(MXC, { thumbnail: { width: 1, height: 2 } });
    assert.deepEqual(parameters(world.to("media").at(-1)?.url), { width: "1", height: "2", delivery: "session", alg: "a256ctr", session: world.sessionId });
  });

  it("takes a link without encryption for media that are ciphertext already", async () => {
    world.onMedia = () => world.answer(world.mint("a256ctr"), { alg: "none", key: undefined });
    world.onLink = () => new Response(stream(world.object), { headers: { [LINK_HEADER]: "verbatim" } });
    await expectWhole(await world.client().fetch(MXC, { verbatim: true }));
    assert.deepEqual(parameters(world.to("media")[0]?.url), { delivery: "json", alg: "a256ctr", verbatim: "true" });
    // Nobody else takes one.
    world.about = onlyJson;
    world.onMedia = ({ url }) => (url.search ? world.answer(world.mint("a256ctr"), { alg: "none", key: undefined }) : undefined);
    await expectWhole(await world.client().fetch(MXC));
    assert.equal(world.counts["link"], 1);
  });

  it("encrypts what is ciphertext already where there is only the session", async () => {
    world.about = (about) => ({ ...about, deliveries: ["session"] });
    await expectWhole(await world.client().fetch(MXC, { verbatim: true }));
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
  });

  it("refuses what cannot be requested, before any request", async () => {
    const client = world.client();
    const invalid = { name: "MediaError", code: "invalid_argument" };
    for (const uri of ["https://a.example/b", "mxc://a", "mxc://../b", "mxc://a/b/c", "mxc://a/b?c", ""]) await assert.rejects(client.fetch(uri), invalid, uri);
    for (const range of ["", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "0-5", "items=0-5", "bytes=-0", "bytes=0-1\n"]) {
      await assert.rejects(client.fetch(MXC, { range }), invalid, range);
    }
    for (const width of [-1, 0.5, NaN, 2 ** 32]) await assert.rejects(client.fetch(MXC, { thumbnail: { width, height: 1 } }), invalid);
    for (const homeserver of ["matrix.example.org", "http://matrix.example.org", "https://me:pw@a.example", "https://a.example?x", "https://a.example/#", "ftp://a.example"]) {
      assert.throws(() => world.client({ homeserver }), invalid, homeserver);
    }
    assert.deepEqual(world.counts, {});
  });

  it("reads a homeserver below a path", async () => {
    await world.client({ homeserver: `${HOMESERVER}/base/` }).fetch(MXC, { plain: true });
    assert.equal(world.sent[0]?.url.pathname, "/base/_matrix/client/v1/media/download/example.org/AbCdEf");
  });
});

describe("the media config", () => {
  it("is read once an hour, for all downloads together", async () => {
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      const client = world.client();
      await Promise.all(Array.from({ length: 5 }, () => client.fetch(MXC)));
      assert.equal(world.counts["config"], 1);
      mock.timers.tick(3_599_999);
      await client.fetch(MXC);
      assert.equal(world.counts["config"], 1);
      mock.timers.tick(1);
      await client.fetch(MXC);
      assert.equal(world.counts["config"], 2);
    } finally {
      mock.timers.reset();
    }
  });

  it("is read again when its session ends, and a minute after it could not be read", async () => {
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      world.about = (about) => ({ ...about, session: { ...about["session"], expires_in_ms: 60_000 } });
      const client = world.client();
      const configs = async () => {
        await client.fetch(MXC);
        return world.counts["config"];
      };
      assert.equal(await configs(), 1);
      mock.timers.tick(60_000);
      world.onConfig = () => matrixError(502, "M_UNKNOWN");
      assert.equal(await configs(), 2);
      assert.equal(await configs(), 2);
      mock.timers.tick(60_000);
      assert.equal(await configs(), 3);
    } finally {
      mock.timers.reset();
    }
  });

  it("belongs to an access token", async () => {
    const client = world.client();
    await client.fetch(MXC);
    world.token = "another";
    await client.fetch(MXC);
    assert.equal(world.counts["config"], 2);
  });

  it("begins a session again when it was stale, and takes the media that came", async () => {
    const client = world.client();
    await client.fetch(MXC);
    world.sessionId = randomBytes(45).toString("base64url");
    // Two at a time: one new session for both.
    for (const response of await Promise.all([client.fetch(MXC), client.fetch(MXC)])) await expectWhole(response);
    assert.deepEqual(world.counts, { config: 1, media: 3, link: 1 });
    await expectWhole(await client.fetch(MXC));
    assert.deepEqual(world.counts, { config: 2, media: 4, link: 2 });
    assert.equal(world.to("media").at(-1)?.url.searchParams.get(`${PREFIX}.session`), world.sessionId);
    // Again much later, after sessions that worked.
    world.sessionId = randomBytes(45).toString("base64url");
    await expectWhole(await client.fetch(MXC));
    await expectWhole(await client.fetch(MXC));
    assert.equal(world.to("media").at(-1)?.url.searchParams.get(`${PREFIX}.session`), world.sessionId);
  });

  it("is not read again and again for sessions that are always stale: then answers are used", async () => {
    world.onMedia = ({ url, headers }) => (url.search.includes("session") ? world.plain(headers, { "org-matrix-msc4097-session": "stale" }) : undefined);
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      const client = world.client();
      for (let i = 0; i < 5; i += 1) await expectWhole(await client.fetch(MXC));
      assert.deepEqual(world.counts, { config: 2, media: 5, link: 3 });
      mock.timers.tick(3_600_000);
      world.onMedia = () => undefined;
      await expectWhole(await client.fetch(MXC));
      assert.equal(parameters(world.to("media").at(-1)?.url)["delivery"], "session");
    } finally {
      mock.timers.reset();
    }
  });
});

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
        await expectPart(await client.fetch(MXC, { range }), start, end);
      }
      assert.deepEqual(world.counts, { config: 1, media: 1, link: 7 });
      assert.equal(world.to("media")[0]?.headers.get("range"), "bytes=0-0");
      assert.equal(new Set(world.to("link").map(({ url }) => url.href)).size, 1);
      // Another object has another link, and a whole download has one to itself.
      await expectPart(await client.fetch(MXC, { range: "bytes=0-9", thumbnail: { width: 1, height: 1 } }), 0, 10);
      await expectWhole(await client.fetch(MXC));
      assert.equal(world.counts["media"], 3);
    }
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
          await expectPart(await client.fetch(MXC, { range: "bytes=0-9" }), 0, 10);
          world.onLink = (_, count) => (count > 1 && count <= 1 + goneLinks ? matrixError(status, "M_NOT_FOUND") : undefined);
          await expectPart(await client.fetch(MXC, { range: "bytes=70000-" }), 70_000, 100_003);
          assert.deepEqual(world.counts, expected, `${status}, ${goneLinks} times`);
          // The count starts again after a range that worked.
          await expectPart(await client.fetch(MXC, { range: "bytes=5-6" }), 5, 7);
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
      assert.equal(world.counts["media"], 1);
      mock.timers.tick(2_000);
      await client.fetch(MXC, { range: "bytes=0-9" });
      assert.equal(world.counts["media"], 2);
    } finally {
      mock.timers.reset();
    }
  });

  it("follows an answer's link although it has ended by the client's own clock", async () => {
    world.about = onlyJson;
    world.onMedia = () => world.answer(world.mint("a256ctr"), { expires_ts: 1, expires_in_ms: undefined });
    await expectPart(await world.client().fetch(MXC, { range: "bytes=0-9" }), 0, 10);
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
  });

  it("keeps the links of sixteen objects", async () => {
    const client = world.client();
    const ask = (i: number) => client.fetch(`${MXC}${i}`, { range: "bytes=0-9" });
    for (let i = 0; i < 17; i += 1) await ask(i);
    await ask(1);
    assert.equal(world.counts["media"], 17);
    await ask(0);
    assert.equal(world.counts["media"], 18);
    // That one took the place of the one that was not used for longest.
    await ask(1);
    assert.equal(world.counts["media"], 18);
    await ask(2);
    assert.equal(world.counts["media"], 19);
  });

  it("is a 206 although the whole object came", async () => {
    for (const options of [{}, { plain: true }]) {
      const client = world.client();
      world.onLink = (sent) => world.link({ ...sent, headers: new Headers() });
      await expectPart(await client.fetch(MXC, { range: "bytes=70000-70009", ...options }), 70_000, 70_010);
      await expectPart(await client.fetch(MXC, { range: "bytes=0-", ...options }), 0, 100_003);
      await expectPart(await client.fetch(MXC, { range: "bytes=-1", ...options }), 100_002, 100_003);
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
    await expectPart(response, 2_500, 3_500);
    assert.ok(left, "the rest was not left");
    assert.ok(pulled <= 6, `${pulled} pieces were read`);
  });

  it("may end earlier in plain media", async () => {
    const part = (range: string) => () => new Response(new Uint8Array(world.object.subarray(10, 20)), { status: 206, headers: { "Content-Range": range, "Content-Length": "10" } });
    world.onMedia = part("bytes 10-19/100003");
    await expectPart(await world.client().fetch(MXC, { range: "bytes=10-", plain: true }), 10, 20);
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
        await expectWhole(response);
      }
    }
  });
});

describe("the homeserver's response", () => {
  it("is the media, whatever they look like, unless a header says otherwise", async () => {
    world.about = onlyJson;
    world.object = Buffer.from(await world.answer(world.mint("a256ctr")).arrayBuffer());
    world.onMedia = () => new Response(new Uint8Array(world.object), { headers: { "Content-Type": "application/json" } });
    const response = await world.client().fetch(MXC);
    assert.deepEqual(headersOf(response), { "content-type": "application/json" });
    await expectWhole(response);
    assert.deepEqual(world.counts, { config: 1, media: 1 });
  });

  it("fails with an answer header that does not fit", async () => {
    const unasked = { code: "unasked_answer" };
    for (const about of [onlyJson, (it: object) => it, () => undefined]) {
      for (const value of ["redirect", "json, json", "session", ""]) {
        world.about = about;
        world.onMedia = () => world.answer(world.mint("a256ctr"), {}, { "Org-Matrix-Msc4097-Answer": value });
        await assert.rejects(world.client().fetch(MXC), unasked, value);
      }
    }
    world.onMedia = () => world.answer(world.mint("a256ctr"));
    await assert.rejects(world.client().fetch(MXC, { plain: true }), unasked);
    world.about = onlyJson;
    world.onMedia = () => new Response(world.answer(world.mint("a256ctr")).body, { status: 201, headers: { "Org-Matrix-Msc4097-Answer": "json" } });
    await assert.rejects(world.client().fetch(MXC), unasked);
    assert.equal(world.counts["link"], undefined);
  });

  it("is relayed if it is an error", async () => {
    for (const [status, errcode, retryAfterSecs] of [
      [401, "M_UNKNOWN_TOKEN", undefined],
      [403, "M_FORBIDDEN", undefined],
      [404, "M_NOT_FOUND", undefined],
      [429, "M_LIMIT_EXCEEDED", 7],
      [504, "M_NOT_YET_UPLOADED", undefined],
    ] as const) {
      world.onMedia = () => matrixError(status, errcode, retryAfterSecs ? { "Retry-After": String(retryAfterSecs) } : {});
      const expected = { name: "MediaError", code: "homeserver", status, errcode, retryAfterSecs, message: `the homeserver answered ${status} ${errcode}` };
      for (const options of [{}, { plain: true }, { range: "bytes=0-1" }]) await assert.rejects(world.client().fetch(MXC, options), expected);
    }
    assert.equal(world.counts["media"], 15, "each error is final");
    for (const body of ["<html>", "", '{"errcode":"syt_secret"}', '{"errcode":5}']) {
      world.onMedia = () => new Response(body, { status: 500 });
      await assert.rejects(world.client().fetch(MXC), { code: "homeserver", errcode: undefined, message: "the homeserver answered 500" });
    }
    world.onMedia = () => new Response(null, { status: 204 });
    await assert.rejects(world.client().fetch(MXC), { code: "homeserver", status: 204 });
  });

  it("may be a plain redirect to other servers", async () => {
    const elsewhere = "https://store.example/bucket/object?signature=x";
    for (const about of [onlyJson, (it: object) => it, () => undefined]) {
      world.about = about;
      world.onMedia = () => redirect(elsewhere, 308);
      world.onElsewhere = ({ headers }) => world.plain(headers, { "Org-Matrix-Msc4097-Answer": "json" });
      await expectWhole(await world.client().fetch(MXC));
      await expectPart(await world.client().fetch(MXC, { range: "bytes=100-199" }), 100, 200);
      world.onElsewhere = () => world.answer(world.mint("a256ctr"));
      assert.match((await bytesOf(await world.client().fetch(MXC))).toString(), /^\{"url":"https:/);
      assert.equal(world.to("link").length, 0, "an answer from elsewhere was believed");
      world.onElsewhere = () => matrixError(403, "M_FORBIDDEN");
      await assert.rejects(world.client().fetch(MXC), { code: "redirect_target", status: 403, errcode: undefined });
      world.onMedia = () => redirect("http://store.example/object");
      world.onElsewhere = ({ headers }) => world.plain(headers);
      await assert.rejects(world.client().fetch(MXC), { code: "insecure_redirect" });
    }
  });

  it("may be a plain redirect to the edge", async () => {
    world.onMedia = () => redirect(`${EDGE}/${world.mint("a256ctr")}`);
    world.onLink = ({ headers }) => world.plain(headers, { [LINK_HEADER]: "plain" });
    await expectWhole(await world.client().fetch(MXC, { plain: true }));
    world.about = onlyJson;
    await expectWhole(await world.client().fetch(MXC));
  });

  it("never releases ciphertext that was not asked for", async () => {
    world.onMedia = () => redirect(`${EDGE}/${world.mint("a256ctr")}`);
    await assert.rejects(world.client().fetch(MXC, { plain: true }), { code: "other_link" });
    world.about = onlyJson;
    await assert.rejects(world.client().fetch(MXC), { code: "other_link" });
  });

  it("has no length if it has a content coding, which `fetch` removes", async () => {
    world.onMedia = () => new Response(stream(world.object), { headers: { "Content-Encoding": "gzip", "Content-Length": "50" } });
    const response = await world.client().fetch(MXC, { plain: true });
    assert.equal(response.headers.get("content-length"), null);
    await expectWhole(response);
    await assert.rejects(world.client().fetch(MXC, { plain: true, range: "bytes=0-9" }), { code: "range_ignored" });
  });
});

describe("what an uploader chose", () => {
  it("becomes a header, or is replaced by something harmless", async () => {
    world.metadata = { size: 100_003, content_type: "image/png\r\nX: y", content_disposition: "inline; filename=\u2603.png" };
    const response = await world.client().fetch(MXC);
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal(response.headers.get("content-disposition"), "attachment");
    await expectWhole(response);
  });

  it("is the answer's in every respect, or nothing is released", async () => {
    world.about = onlyJson;
    for (const change of [{ size: 100_004 }, { content_type: "text/html" }, { content_disposition: "inline" }]) {
      world.onMedia = () => world.answer(world.mint("a256ctr"), { metadata: { ...world.metadata, ...change } });
      await assert.rejects(world.client().fetch(MXC), { code: "other_metadata" });
    }
    assert.equal(world.to("link").length, 3);
    assert.ok(world.to("link").every(({ headers }) => !headers.has(METADATA_HEADER)));
  });
});
