// What follows a refusal or an error: each row of section 9.5 of the specification, and each check of section 9.4 that a session makes.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, it } from "node:test";

import { MediaError } from "../src/index.ts";
import { EDGE, LINK_HEADER, METADATA_HEADER, MXC, type Members, World, matrixError, redirect } from "./world.ts";

const OTHER_EDGE = "https://other.example.net";

let world: World;
beforeEach(() => (world = new World()));

const deliveries: Record<string, (about: Members) => unknown> = {
  session: (about) => ({ ...about, deliveries: ["session"] }),
  json: (about) => ({ ...about, deliveries: ["json"] }),
};

function worldWith(delivery: string): World {
  world = new World();
  world.about = deliveries[delivery] ?? assert.fail();
  return world;
}

const token = () => randomBytes(32).toString("base64url");
const failed = () => {
  throw new TypeError("Failed to fetch");
};

describe("a link that is gone", () => {
  for (const delivery of Object.keys(deliveries)) {
    for (const status of [404, 409]) {
      it(`${status}, ${delivery}: a new link once, then plain media`, async () => {
        worldWith(delivery).onLink = (_, count) => (count === 1 ? matrixError(status, "M_NOT_FOUND") : undefined);
        await world.expectWhole(await world.client().fetch(MXC));
        assert.deepEqual(world.counts, { config: 1, media: 2, link: 2 });
        assert.equal(new Set(world.to("link").map(({ url }) => url.href)).size, 2, "never the same link again");

        worldWith(delivery).onLink = () => matrixError(status, "M_NOT_FOUND");
        await world.expectWhole(await world.client().fetch(MXC));
        assert.deepEqual(world.counts, { config: 1, media: 3, link: 2 });
        assert.equal(world.to("media").at(-1)?.url.search, "");
      });
    }
  }
});

describe("an edge that cannot help", () => {
  for (const delivery of Object.keys(deliveries)) {
    it(`502, 504, ${delivery}: plain media once`, async () => {
      for (const status of [502, 504]) {
        worldWith(delivery).onLink = () => matrixError(status, "M_UNKNOWN");
        await world.expectWhole(await world.client().fetch(MXC));
        assert.deepEqual(world.counts, { config: 1, media: 2, link: 1 });
        world.onMedia = ({ url }) => (url.search ? undefined : matrixError(503, "M_UNKNOWN"));
        await assert.rejects(world.client().fetch(MXC), { code: "homeserver", status: 503 });
      }
    });

    it(`not reachable, ${delivery}: plain media once`, async () => {
      worldWith(delivery).onLink = failed;
      await world.expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 2, link: 1 });
      // Also for a further range.
      world.onLink = () => undefined;
      const client = world.client();
      await client.fetch(MXC, { range: "bytes=0-9" });
      world.onLink = failed;
      assert.equal((await client.fetch(MXC, { range: "bytes=0-9" })).status, 206);
    });

    it(`any other status, ${delivery}: fails`, async () => {
      for (const status of [301, 307, 400, 403, 405, 416, 429, 500, 503]) {
        worldWith(delivery).onLink = () => new Response(null, { status, headers: { "Retry-After": "9", Location: `${EDGE}/${token()}x` } });
        // A session's redirect that goes on leads to something else than a link; see below.
        if (delivery === "session" && status < 400) continue;
        await assert.rejects(world.client().fetch(MXC), {
          code: "edge",
          status,
          retryAfterSecs: 9,
          message: `the edge answered ${status}`,
        });
        assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 }, String(status));
      }
    });
  }

  it("a redirect that the browser hides: fails", async () => {
    worldWith("json").onLink = () => Object.defineProperty(new Response(null), "status", { value: 0 });
    await assert.rejects(world.client().fetch(MXC), { code: "edge", message: "the edge answered with a redirect" });
  });

  it("a homeserver that is not reachable: fails", async () => {
    for (const delivery of Object.keys(deliveries)) {
      worldWith(delivery).onMedia = failed;
      await assert.rejects(
        world.client().fetch(MXC),
        (error) => error instanceof MediaError && error.code === "network" && error.cause instanceof TypeError,
      );
      assert.equal(world.counts.media, delivery === "session" ? 2 : 1);
    }
  });
});

describe("a link to another edge than the advertised one", () => {
  it("session: the config is read again, once, and its edge is used", async () => {
    worldWith("session");
    const client = world.client();
    await world.expectWhole(await client.fetch(MXC));
    world.edge = OTHER_EDGE;
    await world.expectWhole(await client.fetch(MXC));
    // The first link to the other edge is not believed yet.
    assert.deepEqual(world.counts, { config: 2, media: 3, link: 3 });
  });

  it("session: after that plain media", async () => {
    worldWith("session").onMedia = ({ url }) => (url.search ? redirect(`${OTHER_EDGE}/${token()}`) : undefined);
    world.onElsewhere = () => new Response("x", { headers: { [LINK_HEADER]: "encrypted" } });
    const client = world.client();
    await world.expectWhole(await client.fetch(MXC));
    assert.deepEqual(world.counts, { config: 2, media: 3, elsewhere: 2 });
    // What was read last is not read again at once.
    await world.expectWhole(await client.fetch(MXC));
    assert.equal(world.counts.config, 3);
  });

  it("session: a response that is not marked as encrypted is plain media, whatever its URL looks like", async () => {
    worldWith("session").onMedia = () => redirect(`${OTHER_EDGE}/${token()}`);
    world.onElsewhere = ({ headers }) => world.plain(headers);
    await world.expectWhole(await world.client().fetch(MXC));
    world.onElsewhere = () => matrixError(404, "M_NOT_FOUND");
    await assert.rejects(world.client().fetch(MXC), { code: "redirect_target", status: 404 });
    for (const mark of ["verbatim", "encrypted, encrypted"]) {
      world.onElsewhere = ({ headers }) => world.plain(headers, { [LINK_HEADER]: mark });
      await assert.rejects(world.client().fetch(MXC), { code: "other_link" });
    }
    assert.deepEqual(world.counts, { config: 4, media: 4, elsewhere: 4 });
  });

  it("session: the body of such a link is left", async () => {
    let left = 0;
    worldWith("session").onMedia = ({ url }) => (url.search ? redirect(`${OTHER_EDGE}/${token()}`) : undefined);
    world.onElsewhere = () =>
      new Response(new ReadableStream({ cancel: () => void (left += 1) }), { headers: { [LINK_HEADER]: "encrypted" } });
    await world.expectWhole(await world.client().fetch(MXC));
    assert.equal(left, 2);
  });

  it("the config is read again for all downloads together", async () => {
    for (const delivery of Object.keys(deliveries)) {
      worldWith(delivery);
      const client = world.client();
      await world.expectWhole(await client.fetch(MXC));
      world.edge = OTHER_EDGE;
      // The third download learns of the other edge when the first one has read the config already.
      const { promise: read, resolve } = Promise.withResolvers<void>();
      world.onConfig = () => void setImmediate(resolve);
      world.onMedia = async (_, count) => (count === 4 ? void (await read) : undefined);
      for (const response of await Promise.all([client.fetch(MXC), client.fetch(MXC), client.fetch(MXC)]))
        await world.expectWhole(response);
      assert.equal(world.counts.config, 2);
    }
  });

  it("session: what only looks like the edge is not the edge", async () => {
    for (const url of [
      `${EDGE}/${token()}?x`,
      `${EDGE}/x/${token()}`,
      `${EDGE}/${token()}x`,
      `${EDGE}.example/${token()}`,
      `${EDGE}:8443/${token()}`,
    ]) {
      worldWith("session").onMedia = ({ url: asked }) => (asked.search ? redirect(url) : undefined);
      const encrypted = () => new Response("ciphertext", { headers: { [LINK_HEADER]: "encrypted", [METADATA_HEADER]: "A".repeat(1366) } });
      world.onElsewhere = encrypted;
      world.onLink = encrypted;
      await world.expectWhole(await world.client().fetch(MXC));
      assert.deepEqual([world.counts.config, world.counts.media], [2, 3], url);
    }
  });

  it("json: the config is read again, once, and its edge is used", async () => {
    worldWith("json");
    const client = world.client();
    await world.expectWhole(await client.fetch(MXC));
    world.edge = OTHER_EDGE;
    await world.expectWhole(await client.fetch(MXC));
    assert.deepEqual(world.counts, { config: 2, media: 3, link: 2 });
  });

  it("json: after that plain media, and no link is followed", async () => {
    worldWith("json").onMedia = ({ url }) =>
      url.search ? world.answer(world.mint("a256ctr"), { url: `${OTHER_EDGE}/${token()}` }) : undefined;
    await world.expectWhole(await world.client().fetch(MXC));
    assert.deepEqual(world.counts, { config: 2, media: 3 });
  });

  it("json: at most two answers, whatever happened to the first", async () => {
    worldWith("json").onMedia = ({ url }, count) =>
      url.search && count === 2 ? world.answer(world.mint("a256ctr"), { url: `${OTHER_EDGE}/${token()}` }) : undefined;
    world.onLink = () => matrixError(404, "M_NOT_FOUND");
    await world.expectWhole(await world.client().fetch(MXC));
    assert.deepEqual([world.counts.media, world.counts.link], [3, 1]);
  });
});

describe("an answer that is refused otherwise", () => {
  const answers: Record<string, () => Response> = {
    malformed: () => world.answer(world.mint("a256ctr"), { metadata: undefined }),
    "too long": () => world.answer(world.mint("a256ctr"), { later: "x".repeat(17_000) }),
    "not JSON": () => new Response("<html>", { headers: { "Org-Matrix-Msc4097-Answer": "json" } }),
    "another algorithm": () => world.answer(world.mint("chacha20")),
    "no encryption": () => world.answer(world.mint("a256ctr"), { alg: "none", key: undefined }),
    "no key": () => world.answer(world.mint("a256ctr"), { key: undefined }),
  };
  for (const [what, answer] of Object.entries(answers)) {
    it(`${what}: plain media once, and no link is followed`, async () => {
      worldWith("json").onMedia = ({ url }) => (url.search ? answer() : undefined);
      await world.expectWhole(await world.client().fetch(MXC));
      assert.deepEqual(world.counts, { config: 1, media: 2 });
    });
  }
});

describe("a link's response that is refused", () => {
  const wrong: Record<string, [code: string, change: (headers: Headers) => void, range?: string]> = {
    "no mark": ["other_link", (it) => it.delete(LINK_HEADER)],
    "marked as plain": ["other_link", (it) => it.set(LINK_HEADER, "plain")],
    "marked as verbatim": ["other_link", (it) => it.set(LINK_HEADER, "verbatim")],
    "marked twice": ["other_link", (it) => it.append(LINK_HEADER, "encrypted")],
    "no metadata": ["no_metadata", (it) => it.delete(METADATA_HEADER)],
    "malformed metadata": ["malformed_metadata", (it) => it.set(METADATA_HEADER, "AAAA")],
    "metadata twice": ["malformed_metadata", (it) => it.append(METADATA_HEADER, it.get(METADATA_HEADER) ?? "")],
    "metadata under another key": ["wrong_key", (it) => it.set(METADATA_HEADER, randomBytes(1024).toString("base64url"))],
    "a content coding": ["encoded", (it) => it.set("Content-Encoding", "br")],
    "another length": ["other_size", (it) => it.set("Content-Length", "100002")],
    "a part of another object": ["other_size", (it) => it.set("Content-Range", "bytes 5-9/100004"), "bytes=5-9"],
    "another part": ["other_range", (it) => it.set("Content-Range", "bytes 6-10/100003"), "bytes=5-9"],
    "a part that says nothing": ["other_range", (it) => it.delete("Content-Range"), "bytes=5-9"],
  };
  for (const [what, [code, change, range]] of Object.entries(wrong)) {
    it(`${what}: fails with ${code}, and the body is left`, async () => {
      for (const delivery of Object.keys(deliveries)) {
        worldWith(delivery).linkHeaders = change;
        let left = false;
        world.onLink = (sent) => {
          const { body, headers, status } = world.link(sent);
          const reader = body?.getReader();
          const watched = new ReadableStream({
            pull: async (controller) => controller.enqueue((await reader?.read())?.value),
            cancel: () => void (left = true),
          });
          return new Response(watched, { status, headers });
        };
        await assert.rejects(world.client().fetch(MXC, range === undefined ? {} : { range }), { name: "MediaError", code });
        assert.deepEqual(world.counts, { config: 1, media: 1, link: 1 });
        assert.ok(left, "the body was not left");
      }
    });
  }

  it("the metadata changed under a link that has served a range: fails, and the link is dropped", async () => {
    worldWith("session");
    const client = world.client();
    await client.fetch(MXC, { range: "bytes=0-9" });
    world.metadata = { ...world.metadata, content_type: "text/html" };
    await assert.rejects(client.fetch(MXC, { range: "bytes=0-9" }), { code: "other_metadata" });
    assert.equal((await client.fetch(MXC, { range: "bytes=0-9" })).headers.get("content-type"), "text/html");
    assert.equal(world.counts.media, 2);
  });

  it("the object is too long for the keystream: fails", async () => {
    worldWith("session").metadata = { size: 2 ** 36, content_type: "a/b" };
    world.linkHeaders = (headers) => headers.delete("Content-Length");
    await assert.rejects(world.client().fetch(MXC), { code: "too_long" });
  });
});
