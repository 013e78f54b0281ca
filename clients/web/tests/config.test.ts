// How often the media config is read, and what follows from a stale session.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, it, mock } from "node:test";

import { MXC, PREFIX, World, matrixError, parametersOf } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

/** The deliveries that were asked for. */
const deliveries = () => world.to("media").map(({ url }) => parametersOf(url).delivery);

describe("the media config", () => {
  it("is read once an hour, for all downloads together", async () => {
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      const client = world.client();
      await Promise.all(Array.from({ length: 5 }, () => client.fetch(MXC)));
      assert.equal(world.counts.config, 1);
      mock.timers.tick(3_599_999);
      await client.fetch(MXC);
      assert.equal(world.counts.config, 1);
      mock.timers.tick(1);
      await client.fetch(MXC);
      assert.equal(world.counts.config, 2);
    } finally {
      mock.timers.reset();
    }
  });

  it("is read again when its session ends, and a minute after it could not be read", async () => {
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      world.about = (about) => ({ ...about, session: { ...about.session, expires_in_ms: 60_000 } });
      const client = world.client();
      const configs = async () => {
        await client.fetch(MXC);
        return world.counts.config;
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
    assert.equal(world.counts.config, 2);
  });

  it("begins a session again when it was stale, and takes the media that came", async () => {
    const client = world.client();
    await client.fetch(MXC);
    world.sessionId = randomBytes(45).toString("base64url");
    // Two at a time: one new session for both.
    for (const response of await Promise.all([client.fetch(MXC), client.fetch(MXC)])) await world.expectWhole(response);
    assert.deepEqual(world.counts, { config: 1, media: 3, link: 1 });
    await world.expectWhole(await client.fetch(MXC));
    assert.deepEqual(world.counts, { config: 2, media: 4, link: 2 });
    assert.equal(world.to("media").at(-1)?.url.searchParams.get(`${PREFIX}.session`), world.sessionId);
    // Again much later, after sessions that worked.
    world.sessionId = randomBytes(45).toString("base64url");
    await world.expectWhole(await client.fetch(MXC));
    await world.expectWhole(await client.fetch(MXC));
    assert.equal(world.to("media").at(-1)?.url.searchParams.get(`${PREFIX}.session`), world.sessionId);
  });

  it("begins a session again although an earlier one was stale, if a request between them was not", async () => {
    const client = world.client();
    world.onMedia = ({ headers }, count) =>
      world.plain(headers, count === 2 ? { "org-matrix-msc4097-plain": "too-small" } : { "org-matrix-msc4097-session": "stale" });
    for (let i = 0; i < 4; i += 1) await client.fetch(MXC);
    assert.deepEqual(deliveries(), ["session", "session", "session", "session"]);
    assert.equal(world.counts.config, 3);
    // Now there were two in a row.
    world.onMedia = () => undefined;
    await world.expectWhole(await client.fetch(MXC));
    assert.equal(deliveries().at(-1), "json");
  });

  it("is not read again and again for sessions that are always stale: then answers are used", async () => {
    world.onMedia = ({ url, headers }) =>
      url.search.includes("session") ? world.plain(headers, { "org-matrix-msc4097-session": "stale" }) : undefined;
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      const client = world.client();
      for (let i = 0; i < 5; i += 1) await world.expectWhole(await client.fetch(MXC));
      assert.deepEqual(world.counts, { config: 2, media: 5, link: 3 });
      mock.timers.tick(3_600_000);
      // Two in a row count, not one before the hour and one after it.
      for (let i = 0; i < 3; i += 1) await world.expectWhole(await client.fetch(MXC));
      assert.deepEqual(deliveries().slice(-3), ["session", "session", "json"]);
      assert.equal(world.counts.config, 4);
      mock.timers.tick(3_600_000);
      world.onMedia = () => undefined;
      await world.expectWhole(await client.fetch(MXC));
      assert.equal(deliveries().at(-1), "session");
    } finally {
      mock.timers.reset();
    }
  });

  it("offers no other session for an hour, neither when the session ends nor with another access token", async () => {
    world.onMedia = ({ url, headers }) =>
      url.search.includes("session") ? world.plain(headers, { "org-matrix-msc4097-session": "stale" }) : undefined;
    world.about = (about) => ({ ...about, session: { ...about.session, expires_in_ms: 60_000 } });
    mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
    try {
      const client = world.client();
      // The two downloads share a session, so it counts as stale once.
      await Promise.all([client.fetch(MXC), client.fetch(MXC)]);
      await Promise.all([client.fetch(MXC), client.fetch(MXC)]);
      mock.timers.tick(3_599_999);
      world.token = "another";
      await client.fetch(MXC);
      assert.deepEqual(deliveries(), ["session", "session", "session", "session", "json"]);
      mock.timers.tick(1);
      await client.fetch(MXC);
      assert.equal(deliveries().at(-1), "session");
    } finally {
      mock.timers.reset();
    }
  });
});
