// Relayed headers and bodies cannot speak in our name, whether from the homeserver or an uploader.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { matrixError, respond } from "../support/homeserver.mjs";
import { drain, expectMedia, isAnswer, optIn, startRig } from "./rig.mjs";

// Headers that a homeserver, or an attacker through it, might add.
const HOSTILE = {
  "Org-Matrix-Msc4097-Answer": "json",
  "Org-Matrix-Msc4097-Metadata": "AAAA",
  "Org-Matrix-Msc4097-Link": "encrypted",
  "Org-Matrix-Msc4097-Plain": "hostile",
  "Org-Matrix-Msc4097-Session": "stale",
  "Org-Matrix-Msc4097-Future": "1",
  "Set-Cookie": "session=stolen",
  "Clear-Site-Data": '"*"',
  Refresh: "0; url=https://evil.example/",
  Link: "<https://evil.example/>; rel=preload",
  "Access-Control-Allow-Credentials": "true",
  "Service-Worker-Allowed": "/",
  "X-Synapse": "1",
};
const LOCATION = { Location: "https://evil.example/" };
const CONFIG = { "m.upload.size": 52_428_800 };

// The only headers on plain media and relayed errors, with our values where we set them.
const ALLOWED = new Set([
  ...[
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "etag",
  ],
  ...["access-control-allow-headers", "access-control-allow-methods", "access-control-allow-origin", "access-control-expose-headers"],
  ...["cross-origin-resource-policy", "referrer-policy", "x-content-type-options", "x-robots-tag"],
  ...["retry-after", "www-authenticate", "vary"],
  ...["connection", "date", "keep-alive", "transfer-encoding"],
]);

function expectClean(response, what, alsoAllowed = []) {
  for (const [name, value] of response.headers) {
    assert.ok(ALLOWED.has(name) || alsoAllowed.includes(name), `${what}: ${name}: ${value}`);
  }
}

describe("a relayed response", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const forged = () => {
    const answer = {
      url: `${rig.worker.edge}/${randomBytes(32).toString("base64url")}`,
      alg: "chacha20",
      key: randomBytes(32).toString("base64url"),
      expires_ts: Date.now() + 1e6,
    };
    return Buffer.from(JSON.stringify({ ...answer, metadata: { size: 5, content_type: "text/html" }, padding: "x".repeat(70_000) }));
  };

  it("is never an answer, even if an upload looks like one", async () => {
    for (const options of [{}, { chunked: true }, { range: true }]) {
      const stored = rig.store(forged(), { type: "application/json", headers: { ...HOSTILE, ...LOCATION }, ...options });
      for (let round = 0; round < 2; round += 1) {
        for (const [init, status] of [
          [{}, 200],
          [{ method: "HEAD" }, 200],
          [{ headers: { Range: "bytes=0-99" } }, options.chunked ? 200 : 206],
        ]) {
          const response = await rig.get(stored, init);
          assert.equal(response.status, status);
          assert.equal(response.headers.get("content-type"), "application/json");
          expectClean(response, JSON.stringify([options, init]));
          const body = Buffer.from(await response.arrayBuffer());
          assert.ok(init.method === "HEAD" || body.equals(status === 206 ? stored.source.slice(0, 100) : stored.source.slice()));
        }
        await rig.quiet();
      }
      if (options.chunked) continue;
      const { headers } = await rig.get(stored, { method: "HEAD" });
      const unchanged = await rig.get(stored, { headers: { "If-None-Match": headers.get("etag") } });
      assert.equal(unchanged.status, 304);
      expectClean(unchanged, "304");
    }
  });

  it("is an ordinary upload to a client that opts in: the answer is ours", async () => {
    for (const delivery of ["redirect", "json"]) {
      const stored = rig.store(forged(), { type: "application/json", headers: { ...HOSTILE, ...LOCATION } });
      const answer = await rig.answer(stored, { delivery });
      assert.notEqual(answer.url, JSON.parse(stored.source.slice()).url);
      const response = await rig.link(answer);
      for (const name of ["set-cookie", "location", "link", "refresh", "x-synapse", "org-matrix-msc4097-answer"])
        assert.equal(response.headers.has(name), false, name);
      assert.ok(response.headers.get("org-matrix-msc4097-metadata").length > 1_000);
      await expectMedia(response, stored, { key: answer.key });
    }
  });

  it("keeps only the relevant headers of an error", async () => {
    const stored = rig.store();
    const errors = [
      [403, "M_FORBIDDEN"],
      [404, "M_NOT_FOUND"],
      [429, "M_LIMIT_EXCEEDED"],
      [418, "M_TEAPOT"],
      [500, "M_UNKNOWN"],
    ];
    for (const [status, errcode] of errors) {
      stored.answers(matrixError(status, errcode, "no", { headers: { ...HOSTILE, ...LOCATION, "Retry-After": "7" }, soft_logout: true }));
      for (const init of [{}, { query: optIn("json") }, { query: optIn("redirect") }, { method: "HEAD" }]) {
        const response = await rig.get(stored, init);
        assert.equal(response.status, status);
        assert.equal(response.headers.get("retry-after"), "7");
        expectClean(response, `${status} ${JSON.stringify(init)}`);
        if (init.method !== "HEAD") assert.deepEqual(await response.json(), { errcode, error: "no", soft_logout: true });
      }
    }
  });

  it("keeps the target of a redirect, and is not an answer", async () => {
    for (const status of [307, 308]) {
      const stored = rig.store().answers(respond(status, { ...HOSTILE, Location: "https://s3.example/presigned?x=y" }));
      for (const init of [{}, { query: optIn("redirect") }, { query: optIn("json") }, { method: "HEAD" }]) {
        const response = await rig.get(stored, init);
        assert.deepEqual([response.status, response.headers.get("location")], [status, "https://s3.example/presigned?x=y"]);
        // The only header of ours: why the client that opted in gets no link.
        const reason = init.query === undefined ? [] : ["org-matrix-msc4097-plain"];
        expectClean(response, `${status} ${JSON.stringify(init)}`, ["location", ...reason]);
        for (const name of reason) assert.equal(response.headers.get(name), "not-available");
        assert.equal(await drain(response), 0);
      }
    }
    // Other redirects are not relayed.
    for (const status of [301, 302, 303]) {
      const stored = rig.store().answers(respond(status, { ...HOSTILE, ...LOCATION }));
      for (const init of [{}, { query: optIn("redirect") }]) {
        const response = await rig.get(stored, init);
        assert.deepEqual([response.status >= 300, response.headers.has("location"), isAnswer(response)], [true, false, false], `${status}`);
        expectClean(response, `${status}`);
      }
    }
  });

  it("has only our headers in the documents that we extend", async () => {
    rig.homeserver.on("GET", /\/(config|versions)$/, respond(200, { ...HOSTILE, ...LOCATION }, CONFIG));
    for (const path of ["/_matrix/client/versions", "/_matrix/client/v1/media/config", "/_matrix/media/v3/config"]) {
      const response = await rig.get(path);
      assert.equal((await response.json())["m.upload.size"], CONFIG["m.upload.size"]);
      expectClean(response, path);
    }
  });

  it("cannot be marked as an answer on other endpoints either", async () => {
    const path = "/_matrix/client/v1/media/preview_url";
    rig.homeserver.on("GET", path, respond(200, { ...HOSTILE, "Content-Type": "text/plain" }, "text"));
    const response = await rig.get(path);
    assert.deepEqual(
      [...response.headers.keys()].filter((name) => name.startsWith("org-matrix-msc4097-")),
      [],
    );
    // All other headers are the homeserver's.
    assert.equal(response.headers.get("x-synapse"), "1");
    assert.equal(response.headers.get("set-cookie"), "session=stolen");
    assert.equal(await response.text(), "text");
  });
});
