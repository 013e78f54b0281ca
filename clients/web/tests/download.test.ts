// How a download goes: which requests are sent to whom, and what comes out.

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { chacha20 } from "./noble.ts";
import {
  EDGE,
  HOMESERVER,
  LINK_HEADER,
  METADATA_HEADER,
  MXC,
  type Members,
  PREFIX,
  World,
  matrixError,
  onlyJson,
  parametersOf,
  redirect,
  stream,
} from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

const without = (name: string) => (about: Members) => ({ ...about, [name]: undefined });

describe("a download", () => {
  it("follows the redirect of a session and derives the key", async () => {
    const response = await world.client().fetch(MXC);
    assert.deepEqual(Object.fromEntries(response.headers), {
      "accept-ranges": "bytes",
      "content-disposition": 'inline; filename="x.png"',
      "content-length": "100003",
      "content-type": "image/png",
    });
    await world.expectWhole(response);
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
    const [media] = world.to("media");
    assert.equal(media?.url.pathname, "/_matrix/client/v1/media/download/example.org/AbCdEf");
    assert.deepEqual(parametersOf(media?.url), { delivery: "session", alg: "a256ctr", session: world.sessionId });
  });

  it("reads an answer where the origin has no session", async () => {
    for (const about of [
      onlyJson,
      without("session"),
      (it: object) => ({ ...it, deliveries: undefined, algs: undefined, session: undefined }),
    ]) {
      world = new World();
      world.about = about;
      await world.expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
      assert.deepEqual(parametersOf(world.to("media")[0]?.url), { delivery: "json", alg: "a256ctr" });
      assert.equal(world.to("link")[0]?.init.redirect, "manual");
    }
  });

  it("reads an answer where the session is malformed", async () => {
    for (const change of [
      { id: "" },
      { id: "+AAA" },
      { id: "A".repeat(2_052) },
      { id: 5 },
      { secret: "AAAA" },
      { secret: undefined },
      { expires_ts: "1790000000000" },
      { expires_in_ms: undefined },
      { expires_in_ms: -1 },
    ]) {
      world = new World();
      world.about = (about) => ({ ...about, session: { ...about.session, ...change } });
      await world.expectWhole(await world.client().fetch(MXC));
      assert.equal(parametersOf(world.to("media")[0]?.url).delivery, "json", JSON.stringify(change));
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
      await world.expectWhole(await client.fetch(MXC));
      await world.expectPart(await client.fetch(MXC, { range: "bytes=1001-70000" }), 1001, 70_001);
      assert.deepEqual(parametersOf(world.to("media")[0]?.url), expected);
      assert.equal(world.counts.media, 2);
    }
  });

  it("asks for plain media where nothing is advertised that it could trust or use", async () => {
    const configs: Record<string, (about: Members) => unknown> = {
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
      "algorithms that are no list": (it) => ({ ...it, algs: "a256ctr" }),
    };
    for (const [what, about] of Object.entries(configs)) {
      world = new World();
      world.about = about;
      const client = world.client();
      await world.expectWhole(await client.fetch(MXC));
      await world.expectWhole(await client.fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 2 }, what);
      assert.equal(world.to("media")[0]?.url.search, "", what);
    }
  });

  it("asks for plain media where the config cannot be read", async () => {
    const tooLong = () => Response.json({ [PREFIX]: { edge: EDGE }, later: "x".repeat(65_536) });
    for (const config of [matrixError(403, "M_FORBIDDEN"), matrixError(500, "M_UNKNOWN"), new Response("<html>"), tooLong()]) {
      world = new World();
      world.onConfig = () => config;
      await world.expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 1 });
    }
    world = new World();
    world.onConfig = () => {
      throw new TypeError("Failed to fetch");
    };
    await world.expectWhole(await world.client().fetch(MXC));
  });

  it("reads no config from another web origin", async () => {
    world.onConfig = () => redirect("https://elsewhere.example/config");
    world.onElsewhere = () => Response.json({ [PREFIX]: { edge: "https://evil.example", deliveries: ["json"] } });
    await world.expectWhole(await world.client().fetch(MXC));
    assert.deepEqual(world.counts, { config: 1, elsewhere: 1, media: 1 });
  });

  it("does not opt in for sizes that get no link", async () => {
    world.about = (about) => ({ ...about, max_size: 200_000 });
    const client = world.client();
    for (const [size, links] of [
      [65_535, 0],
      [200_001, 0],
      [65_536, 1],
      [200_000, 2],
    ] as const) {
      await (await client.fetch(MXC, { size })).body?.cancel();
      assert.equal(world.counts.link ?? 0, links, `${size} bytes`);
    }
  });

  it("asks for plain media if the caller wants that", async () => {
    await world.expectWhole(await world.client().fetch(MXC, { plain: true }));
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
    assert.match(
      (await path({ thumbnail: { width: 1, height: 2, method: "crop", animated: false } })) ?? "",
      /\?width=1&height=2&method=crop&animated=false$/,
    );
    assert.match((await path({ fileName: "a/b ?\u00e9\ud800.png" })) ?? "", /\/A-b_1\/a%2Fb%20%3F%C3%A9%EF%BF%BD\.png$/);
    for (const fileName of ["", ".", ".."]) assert.match((await path({ fileName })) ?? "", /\/A-b_1$/);
    await client.fetch(MXC, { thumbnail: { width: 1, height: 2 } });
    assert.deepEqual(parametersOf(world.to("media").at(-1)?.url), {
      width: "1",
      height: "2",
      delivery: "session",
      alg: "a256ctr",
      session: world.sessionId,
    });
  });

  it("takes a link without encryption for media that is ciphertext already", async () => {
    world.onMedia = () => world.answer(world.mint("a256ctr"), { alg: "none", key: undefined });
    world.onLink = () => new Response(stream(world.object), { headers: { [LINK_HEADER]: "verbatim" } });
    await world.expectWhole(await world.client().fetch(MXC, { verbatim: true }));
    assert.deepEqual(parametersOf(world.to("media")[0]?.url), { delivery: "json", alg: "a256ctr", verbatim: "true" });
    // Nobody else takes one.
    world.about = onlyJson;
    world.onMedia = ({ url }) => (url.search ? world.answer(world.mint("a256ctr"), { alg: "none", key: undefined }) : undefined);
    await world.expectWhole(await world.client().fetch(MXC));
    assert.equal(world.counts.link, 1);
  });

  it("encrypts what is ciphertext already where there is only the session", async () => {
    world.about = (about) => ({ ...about, deliveries: ["session"] });
    await world.expectWhole(await world.client().fetch(MXC, { verbatim: true }));
    assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
  });

  it("refuses what cannot be requested, before any request", async () => {
    const client = world.client();
    const invalid = { name: "MediaError", code: "invalid_argument" };
    for (const uri of ["https://a.example/b", "mxc://a", "mxc://../b", "mxc://a/b/c", "mxc://a/b?c", ""])
      await assert.rejects(client.fetch(uri), invalid, uri);
    for (const range of ["", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "0-5", "items=0-5", "bytes=-0", "bytes=0-1\n"]) {
      await assert.rejects(client.fetch(MXC, { range }), invalid, range);
    }
    for (const width of [-1, 0.5, NaN, 2 ** 32]) await assert.rejects(client.fetch(MXC, { thumbnail: { width, height: 1 } }), invalid);
    for (const homeserver of [
      "matrix.example.org",
      "http://matrix.example.org",
      "https://me:pw@a.example",
      "https://a.example?x",
      "https://a.example/#",
      "ftp://a.example",
    ]) {
      assert.throws(() => world.client({ homeserver }), invalid, homeserver);
    }
    assert.deepEqual(world.counts, {});
  });

  it("reads a homeserver below a path", async () => {
    await world.client({ homeserver: `${HOMESERVER}/base/` }).fetch(MXC, { plain: true });
    assert.equal(world.sent[0]?.url.pathname, "/base/_matrix/client/v1/media/download/example.org/AbCdEf");
  });
});

describe("what an uploader chose", () => {
  it("becomes a header, or is replaced by something harmless", async () => {
    world.metadata = { size: 100_003, content_type: "image/png\r\nX: y", content_disposition: "inline; filename=\u2603.png" };
    const response = await world.client().fetch(MXC);
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal(response.headers.get("content-disposition"), "attachment");
    await world.expectWhole(response);
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
