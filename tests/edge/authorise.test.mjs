// The homeserver decides every request, for that user and that object. Its errors are relayed unchanged.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, media, respond } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, newToken, optIn, startRig } from "./rig.mjs";

let rig;
before(async () => (rig = await startRig({ vars: { REMOTE_POLICY: "off" } })));
after(() => rig.stop());

const EVERY_WAY = {
  plain: {},
  "a part": { headers: { Range: "bytes=0-9" } },
  "what the client has": { headers: { "If-None-Match": "*" } },
  redirect: { query: optIn("redirect") },
  json: { query: optIn("json") },
};

describe("the homeserver", () => {
  it("is asked with each user's own token, each time", async () => {
    const users = [rig.user, rig.homeserver.allow(newToken()), rig.homeserver.allow(newToken())];
    const stored = rig.store();
    await rig.cached(stored);
    for (const token of users) for (const init of Object.values(EVERY_WAY)) await drain(await rig.get(stored, { token, ...init }));
    const asked = stored.requests.map(({ method, headers }) => `${method} ${headers.authorization} ${headers["if-none-match"]}`);
    const expected = users.flatMap((token) => Object.keys(EVERY_WAY).map(() => `HEAD Bearer ${token} 1`));
    assert.deepEqual(asked, expected);
  });

  it("refuses a user whom it allowed before: the cache serves them nothing", async () => {
    const token = rig.homeserver.allow(newToken());
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size);
      await rig.cached(stored);
      await expectPlain(await rig.get(stored, { token }), stored);
      rig.homeserver.forbid(token);
      for (const init of Object.values(EVERY_WAY)) await expectError(await rig.get(stored, { token, ...init }), 401, "M_UNKNOWN_TOKEN");
      const head = await rig.get(stored, { token, method: "HEAD" });
      assert.deepEqual([head.status, await drain(head), head.headers.has("etag")], [401, 0, false]);
      // Other users are still allowed, and so is this user later.
      await expectPlain(await rig.get(stored), stored);
      rig.homeserver.allow(token);
      await expectPlain(await rig.get(stored, { token }), stored);
    }
  });

  it("removes an object: nobody gets it from the cache", async () => {
    const refusals = [
      [404, "M_NOT_FOUND"],
      [403, "M_FORBIDDEN"],
      [401, "M_UNKNOWN_TOKEN"],
      [429, "M_LIMIT_EXCEEDED"],
      [502, "M_UNKNOWN"],
      [400, "M_UNKNOWN"],
    ];
    const check = async ([status, errcode]) => {
      const stored = rig.store();
      await rig.cached(stored);
      stored.answers(matrixError(status, errcode, "gone", { headers: { "Retry-After": "11" }, soft_logout: true, retry_after_ms: 11_000 }));
      for (const init of Object.values(EVERY_WAY)) {
        stored.forget();
        const response = await rig.get(stored, init);
        assert.equal(response.headers.get("retry-after"), "11");
        assert.deepEqual(await expectError(response, status, errcode), {
          errcode,
          error: "gone",
          soft_logout: true,
          retry_after_ms: 11_000,
        });
        assert.deepEqual(stored.asked, ["HEAD conditional", "GET"], "the error is that of a GET: it has a body");
      }
      stored.become(stored.source);
      await expectPlain(await rig.get(stored), stored);
    };
    await Promise.all(refusals.map(check));
  });

  it("without HEAD gets a GET whose body is not read", async () => {
    for (const status of [405, 501, 404, 400]) {
      const stored = rig.store(30_000_000);
      stored.answers(matrixError(status, "M_UNRECOGNIZED", "no HEAD here"), "HEAD");
      const answer = await rig.answer(stored);
      await rig.quiet();
      assert.deepEqual(stored.asked, ["HEAD", "GET"]);
      assert.ok(stored.bytesSent < 20_000_000, `${stored.bytesSent} bytes sent`);
      assert.equal(answer.metadata.size, 30_000_000);
    }
    // The same for a cached object and for a part of it.
    const stored = rig.store();
    stored.answers(matrixError(405, "M_UNRECOGNIZED", "no HEAD here"), "HEAD");
    await rig.get(stored).then(drain);
    await rig.quiet();
    await expectPlain(await rig.get(stored), stored);
    await expectPlain(await rig.get(stored, EVERY_WAY["a part"]), stored, { status: 206, length: 10 });
  });

  it("without conditional requests gets a HEAD each time", async () => {
    for (const options of [{ etag: null }, { etag: '"strong"' }]) {
      const stored = rig.store(SMALL_BYTES, options);
      stored.answers((exchange) => {
        delete exchange.request.headers["if-none-match"];
        return media(stored.source, options)(exchange);
      });
      await drain(await rig.get(stored));
      await rig.quiet();
      for (let round = 0; round < 2; round += 1) await expectPlain(await rig.get(stored), stored);
      const answer = await rig.answer(stored);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
      assert.deepEqual(
        stored.requests.map(({ method }) => method),
        ["GET", "HEAD", "HEAD", "HEAD"],
      );
    }
  });

  it("that answers an unconditional request with 304 allows nothing", async () => {
    const stored = rig.store().answers(respond(304, { ETag: "1" }), "HEAD");
    const answer = await rig.answer(stored);
    await expectMedia(await rig.link(answer), stored, { key: answer.key });
    assert.deepEqual(stored.asked, ["HEAD", "GET", "GET"], "the second question, and the link");
  });

  it("waits only once for media that are not uploaded yet", async () => {
    const late = matrixError(504, "M_NOT_YET_UPLOADED", "Media has not been uploaded yet");
    const waits = (stored) => stored.requests.map(({ method, query }) => `${method} ${query.get("timeout_ms")}`);
    const encrypted = rig.store().answers(late);
    await expectError(await rig.get(encrypted, { query: `${optIn("json")}&timeout_ms=1000` }), 504, "M_NOT_YET_UPLOADED");
    assert.deepEqual(waits(encrypted), ["HEAD 1000", "GET 0"]);
    const asEver = rig.store().answers(late);
    await expectError(await rig.get(asEver, { query: optIn("redirect") }), 504, "M_NOT_YET_UPLOADED");
    assert.deepEqual(waits(asEver), ["HEAD null", "GET 0"]);
    const plain = rig.store().answers(late);
    await expectError(await rig.get(plain, { query: "?timeout_ms=1000" }), 504, "M_NOT_YET_UPLOADED");
    assert.deepEqual(waits(plain), ["GET 1000"]);
    // After the upload there is an answer.
    const uploaded = rig.store();
    uploaded.answers(late, "HEAD");
    const answer = await rig.answer(uploaded);
    await expectMedia(await rig.link(answer), uploaded, { key: answer.key });
  });

  it("allows one object, not another with the same media id elsewhere", async () => {
    const [stored, twin] = [rig.store(), rig.store()];
    await rig.cached(stored);
    const elsewhere = stored.path.replace("example.org", "example.org:8448");
    rig.homeserver.on("*", elsewhere, media(twin.source));
    await expectPlain(await rig.get(elsewhere), twin);
    await rig.quiet();
    await expectPlain(await rig.get(elsewhere), twin);
    await expectPlain(await rig.get(stored), stored);
  });
});
