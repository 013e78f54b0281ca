// What a homeserver may answer, with and without Cloakroom.

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { EDGE, LINK_HEADER, MXC, World, bytesOf, matrixError, onlyJson, redirect, stream } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

describe("the homeserver's response", () => {
  it("is the media, whatever it looks like, unless a header says otherwise", async () => {
    world.about = onlyJson;
    world.object = Buffer.from(await world.answer(world.mint("a256ctr")).arrayBuffer());
    world.onMedia = () => new Response(new Uint8Array(world.object), { headers: { "Content-Type": "application/json" } });
    const response = await world.client().fetch(MXC);
    assert.deepEqual(Object.fromEntries(response.headers), { "content-type": "application/json" });
    await world.expectWhole(response);
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
    world.onMedia = () =>
      new Response(world.answer(world.mint("a256ctr")).body, { status: 201, headers: { "Org-Matrix-Msc4097-Answer": "json" } });
    await assert.rejects(world.client().fetch(MXC), unasked);
    assert.equal(world.counts.link, undefined);
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
      const expected = {
        name: "MediaError",
        code: "homeserver",
        status,
        errcode,
        retryAfterSecs,
        message: `the homeserver answered ${status} ${errcode}`,
      };
      for (const options of [{}, { plain: true }, { range: "bytes=0-1" }])
        await assert.rejects(world.client().fetch(MXC, options), expected);
    }
    assert.equal(world.counts.media, 15, "each error is final");
    for (const body of ["<html>", "", '{"errcode":"syt_secret"}', '{"errcode":5}']) {
      world.onMedia = () => new Response(body, { status: 500 });
      await assert.rejects(world.client().fetch(MXC), { code: "homeserver", errcode: undefined, message: "the homeserver answered 500" });
    }
    let left = false;
    const endless = () => new ReadableStream({ pull: (it) => it.enqueue(new Uint8Array(1_000)), cancel: () => void (left = true) });
    world.onMedia = () => new Response(endless(), { status: 502 });
    await assert.rejects(world.client().fetch(MXC), { code: "homeserver", status: 502 });
    assert.ok(left, "the body was not left");
    world.onMedia = () => new Response(null, { status: 204 });
    await assert.rejects(world.client().fetch(MXC), { code: "homeserver", status: 204 });
  });

  it("may be a plain redirect to other servers", async () => {
    const elsewhere = "https://store.example/bucket/object?signature=x";
    for (const about of [onlyJson, (it: object) => it, () => undefined]) {
      world.about = about;
      world.onMedia = () => redirect(elsewhere, 308);
      world.onElsewhere = ({ headers }) => world.plain(headers, { "Org-Matrix-Msc4097-Answer": "json" });
      await world.expectWhole(await world.client().fetch(MXC));
      await world.expectPart(await world.client().fetch(MXC, { range: "bytes=100-199" }), 100, 200);
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
    await world.expectWhole(await world.client().fetch(MXC, { plain: true }));
    world.about = onlyJson;
    await world.expectWhole(await world.client().fetch(MXC));
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
    await world.expectWhole(response);
    await assert.rejects(world.client().fetch(MXC, { plain: true, range: "bytes=0-9" }), { code: "range_ignored" });
    // A page may not see the coding of another web origin, but it gets all bytes.
    world.onMedia = () => new Response(stream(world.object), { headers: { "Content-Length": "50" } });
    await world.expectWhole(await world.client().fetch(MXC, { plain: true }));
  });
});
