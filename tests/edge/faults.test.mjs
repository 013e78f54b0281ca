// A homeserver that is down, refuses the service account or sends invalid responses: clients get an error that says what is wrong, no bytes,
// and no plaintext under a link.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { hangUp, matrixError, media, raw, respond } from "../support/homeserver.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, optIn, readAnswer, startRig } from "./rig.mjs";

const MARKER = "plaintext of a store";
const CONNECTION_CLOSE = "Content-Length: 0\r\nConnection: close\r\n\r\n";

let rig;
before(async () => (rig = await startRig()));
after(() => rig.stop());

describe("a homeserver that misbehaves", () => {
  const asks = {
    plain: (stored) => rig.get(stored),
    "a range": (stored) => rig.get(stored, { headers: { Range: "bytes=0-9" } }),
    "opted in": (stored) => rig.get(stored, { query: optIn("json") }),
  };

  // Returns a link; from now on the homeserver responds like this to requests for its object.
  async function linkWith(handler, size = SMALL_BYTES) {
    const stored = rig.store(size);
    const answer = await rig.answer(stored);
    stored.answers(handler, "GET");
    return (init) => rig.link(answer, init);
  }

  async function expectLinkError(response, status = 502) {
    const { error } = await expectError(response, status, "M_UNKNOWN");
    assert.ok(!error.includes(MARKER) && !error.includes("M_"), error);
    for (const name of ["etag", "accept-ranges", "org-matrix-msc4097-metadata", "retry-after", "location"])
      assert.equal(response.headers.has(name), false, name);
    assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
  }

  it("hangs up: 502 with the reason", async () => {
    for (const [what, ask] of Object.entries(asks)) {
      const { error } = await expectError(await ask(rig.store().answers(hangUp())), 502, "M_UNKNOWN");
      assert.equal(error, "the homeserver cannot be reached", what);
    }
    const head = await rig.get(rig.store().answers(hangUp()), { method: "HEAD" });
    assert.deepEqual([head.status, await drain(head)], [502, 0]);
    await expectLinkError(await (await linkWith(hangUp()))());
    for (const path of ["/_matrix/client/versions", "/_matrix/media/v3/config", "/_matrix/client/v3/sync"]) {
      rig.homeserver.on("*", path, hangUp());
      assert.match((await expectError(await rig.get(path), 502, "M_UNKNOWN")).error, /homeserver cannot be reached/, path);
    }
  });

  it("does not speak HTTP: 502", async () => {
    for (const bytes of [
      "SSH-2.0-OpenSSH_9.6\r\n",
      "HTTP/1.1 abc\r\n\r\n",
      "\0\0\0\0",
      "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx",
      "",
    ]) {
      for (const ask of Object.values(asks)) await expectError(await ask(rig.store().answers(raw(bytes))), 502, "M_UNKNOWN");
      await expectLinkError(await (await linkWith(raw(bytes)))());
      rig.homeserver.on("*", "/_matrix/odd", raw(bytes));
      await expectError(await rig.get("/_matrix/odd"), 502, "M_UNKNOWN");
    }
  });

  it("sends an invalid status: 502 that names it", async () => {
    for (const status of [600, 700, 999]) {
      const handler = raw(`HTTP/1.1 ${status} Odd\r\n${CONNECTION_CLOSE}`);
      for (const ask of Object.values(asks))
        assert.match((await expectError(await ask(rig.store().answers(handler)), 502, "M_UNKNOWN")).error, new RegExp(`\\b${status}\\b`));
      await expectLinkError(await (await linkWith(handler))());
      rig.homeserver.on("*", "/_matrix/odd", handler);
      assert.match((await expectError(await rig.get("/_matrix/odd"), 502, "M_UNKNOWN")).error, new RegExp(`\\b${status}\\b`));
    }
  });

  it("sends a success without media: 502, no bytes", async () => {
    for (const status of [201, 202, 203, 204, 205, 207, 299]) {
      const bodyless = status === 204 || status === 205;
      const rest = bodyless ? CONNECTION_CLOSE : "Content-Length: 5\r\nConnection: close\r\n\r\nbytes";
      const handler = raw(`HTTP/1.1 ${status} Odd\r\nContent-Type: text/plain\r\n${rest}`);
      for (const ask of Object.values(asks)) await expectError(await ask(rig.store().answers(handler)), 502, "M_UNKNOWN");
      await expectLinkError(await (await linkWith(handler))());
    }
  });

  it("sends only wrong parts: 502, no bytes", async () => {
    for (const contentRange of [
      `bytes 1-9/${SMALL_BYTES}`,
      `bytes 0-8/${SMALL_BYTES}`,
      "bytes 0-9/*",
      `bytes */${SMALL_BYTES}`,
      "nonsense",
      undefined,
    ]) {
      const headers = { "Content-Range": contentRange, "Content-Type": "text/plain" };
      const handler = respond(206, Object.fromEntries(Object.entries(headers).filter(([, value]) => value)), MARKER.slice(0, 10));
      await expectError(await asks["a range"](rig.store().answers(handler)), 502, "M_UNKNOWN");
      const link = await linkWith(handler);
      for (const init of [{}, { headers: { Range: "bytes=0-9" } }]) {
        const response = await link(init);
        await expectLinkError(response);
      }
    }
  });

  it("sends an error: relayed to the client that asked, never under a link", async () => {
    const check = async (status) => {
      const handler = matrixError(status, "M_ODD", MARKER, { headers: { "Retry-After": "3" } });
      for (const ask of Object.values(asks)) {
        const response = await ask(rig.store().answers(handler));
        assert.equal(response.headers.get("retry-after"), "3");
        assert.equal((await expectError(response, status, "M_ODD")).error, MARKER);
      }
      await expectLinkError(await (await linkWith(handler))(), status === 504 ? 504 : 502);
      // Only for now: the next answer's link works.
      const stored = rig.store();
      const answer = await rig.answer(stored);
      stored.answers(handler, "GET");
      await drain(await rig.link(answer));
      assert.equal((await rig.answer(stored)).alg, "chacha20");
      stored.become(stored.source);
      await expectMedia(await rig.link(answer), stored, { key: answer.key });
    };
    await Promise.all([400, 405, 418, 429, 451, 500, 501, 502, 503, 504, 511].map(check));
  });

  it("sends an error that is not JSON: relayed unchanged", async () => {
    for (const [type, body] of [
      ["text/html", "<h1>Bad gateway</h1>"],
      ["application/json", "{"],
      ["text/plain", ""],
    ]) {
      const stored = rig.store().answers(respond(502, { "Content-Type": type }, body));
      for (const init of [{}, { query: optIn("redirect") }]) {
        const response = await rig.get(stored, init);
        assert.deepEqual([response.status, response.headers.get("content-type"), await response.text()], [502, type, body]);
        assert.match(response.headers.get("content-security-policy"), /^sandbox;/);
        assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
      }
    }
  });
});

describe("a refused service account", () => {
  // Users may read it, the service account may not.
  const refuses = (stored, handler) =>
    stored.answers((exchange) =>
      (exchange.request.headers.authorization === `Bearer ${rig.service}` ? handler : media(stored.source))(exchange),
    );

  it("gives 502 once; then the object is served as not opted in", async () => {
    const check = async (size, status, errcode) => {
      const [stored, other] = [rig.store(size), rig.store(size)];
      refuses(stored, matrixError(status, errcode, MARKER));
      const answer = await rig.answer(stored);
      for (let round = 0; round < 2; round += 1) {
        const { error } = await expectError(await rig.link(answer), 502, "M_UNKNOWN");
        assert.match(error, /refused/);
        assert.ok(!error.includes(MARKER));
      }
      for (const delivery of ["json", "redirect"]) {
        const response = await rig.get(stored, { query: optIn(delivery) });
        assert.equal(await readAnswer(response), null);
        await expectPlain(response, stored);
        await rig.quiet();
      }
      assert.ok(await rig.answer(other), "other objects are not affected");
    };
    const refusals = [
      [401, "M_UNKNOWN_TOKEN"],
      [403, "M_FORBIDDEN"],
      [404, "M_NOT_FOUND"],
    ];
    await Promise.all([SMALL_BYTES, LARGE_BYTES].flatMap((size) => refusals.map((refusal) => check(size, ...refusal))));
    await rig.worker.untilLog(/"event":"service_account_refused"/);
  });

  it("includes redirects: a link never leads elsewhere", async () => {
    for (const status of [307, 308]) {
      const stored = rig.store();
      refuses(stored, respond(status, { Location: "https://s3.example/presigned" }, MARKER));
      const response = await rig.link(await rig.answer(stored));
      assert.equal(response.headers.has("location"), false);
      await expectError(response, 502, "M_UNKNOWN");
      await expectPlain(await rig.get(stored, { query: optIn("json") }), stored);
    }
  });
});

// This comes last, because the homeserver does not come back.
describe("a homeserver that is down", () => {
  it("is named as the reason, and links to cached objects still work", async () => {
    const [cold, warm] = [rig.store(), rig.store(LARGE_BYTES)];
    const [coldAnswer, warmAnswer] = [await rig.answer(cold), await rig.answer(warm)];
    await rig.cached(warm);
    await rig.homeserver.stop();

    for (const stored of [cold, warm, rig.store()]) {
      for (const init of [{}, { query: optIn("json") }, { query: optIn("redirect") }, { headers: { Range: "bytes=0-1" } }]) {
        const { error } = await expectError(await rig.get(stored, init), 502, "M_UNKNOWN");
        assert.equal(error, "the homeserver cannot be reached");
      }
      const head = await rig.get(stored, { method: "HEAD" });
      assert.deepEqual([head.status, await drain(head)], [502, 0]);
    }
    for (const path of ["/_matrix/client/versions", "/_matrix/client/v1/media/config", "/_matrix/client/v3/sync", "/"]) {
      assert.match((await expectError(await rig.get(path), 502, "M_UNKNOWN")).error, /homeserver cannot be reached/, path);
    }
    assert.match((await expectError(await rig.link(coldAnswer), 502, "M_UNKNOWN")).error, /cannot be reached/);
    await expectMedia(await rig.link(warmAnswer), warm, { key: warmAnswer.key });
    assert.equal((await rig.verbatim("/_cloakroom/health")).status, 200);
    await rig.worker.untilLog(/"event":"homeserver_unreachable"/);
  });
});
