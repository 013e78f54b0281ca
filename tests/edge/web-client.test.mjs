// The browser library (clients/web) against the real Worker, with Node's `fetch`, which follows redirects as browsers do.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { MediaClient } from "../../clients/web/src/index.ts";
import { hangUp, media, respond } from "../support/homeserver.mjs";
import { png } from "../support/png.mjs";
import { secret } from "../support/secrets.mjs";
import { startWorker } from "../support/worker.mjs";
import { LARGE_BYTES, SERVER_NAME, SMALL_BYTES, expectMedia, newToken, startRig } from "./rig.mjs";

const CONFIG = "/_matrix/client/v1/media/config";
const PREFIX = "org.matrix.msc4097";
const PNG = { type: "image/png", disposition: "inline; filename=x.png" };
// The shortest that may be configured.
const GRANT_TTL_SECS = 10;

const newSecret = () => secret(randomBytes(32).toString("hex"), "session secret");
const mxc = (stored) => `mxc://${SERVER_NAME}/${stored.id}`;

/** A client, and what it was sent: `config`, `session`, `json`, `plain` and `link` for each response. */
function clientOf(rig, { homeserver = rig.worker.origin, token = rig.user } = {}) {
  const seen = [];
  const watched = async (url, init) => {
    const asked = new URL(url);
    const response = await fetch(url, init);
    if (asked.pathname === CONFIG) {
      seen.push("config");
      const { session } = (await response.clone().json())[PREFIX] ?? {};
      if (session) secret(session.secret, "session's secret");
    } else if (asked.origin === homeserver) seen.push(asked.searchParams.get(`${PREFIX}.delivery`) ?? "plain");
    if (new URL(response.url).origin === rig.worker.edge) {
      seen.push(response.ok ? "link" : `link ${response.status}`);
      secret(new URL(response.url).pathname.slice(1), "redirect token");
    }
    return response;
  };
  const client = new MediaClient({ homeserver, accessToken: async () => token, fetch: watched });
  return { client, seen };
}

async function startConfigured(options) {
  const rig = await startRig(options);
  rig.homeserver.on("GET", CONFIG, respond(200, {}, { "m.upload.size": 5 }));
  return rig;
}

for (const delivery of ["session", "json"]) {
  describe(`the browser library, ${delivery}`, () => {
    let rig;
    const secrets = delivery === "session" ? { SESSION_SECRET: newSecret() } : {};
    before(async () => {
      rig = await startConfigured({ secrets, vars: { GRANT_TTL_SECS: String(GRANT_TTL_SECS), CACHE_MAX_BYTES: "0" } });
    });
    after(() => rig.stop());

    it("decrypts pictures and long objects", async () => {
      const { client, seen } = clientOf(rig);
      const picture = png(200, 150, delivery);
      for (const [size, bytes] of [
        [picture, picture.length],
        [SMALL_BYTES, SMALL_BYTES],
        [LARGE_BYTES, LARGE_BYTES],
      ]) {
        const stored = rig.store(size, PNG);
        const response = await client.fetch(mxc(stored));
        assert.equal(response.headers.get("content-type"), "image/png");
        assert.equal(response.headers.get("content-disposition"), 'inline; filename="x.png"');
        assert.equal(response.headers.get("content-length"), String(bytes));
        await expectMedia(response, stored);
      }
      assert.deepEqual(seen, ["config", delivery, "link", delivery, "link", delivery, "link"]);
      const urls = rig.homeserver.requests.map(({ url }) => url);
      assert.ok(!urls.some((url) => url.includes("msc4097")), "the homeserver saw parameters of the protocol");
    });

    it("takes small objects as they are", async () => {
      const { client, seen } = clientOf(rig);
      const stored = rig.store(1_000, PNG);
      await expectMedia(await client.fetch(mxc(stored)), stored);
      await expectMedia(await client.fetch(mxc(stored), { size: 1_000 }), stored);
      assert.deepEqual(seen, ["config", delivery, "plain"]);
    });

    it("decrypts ranges from any offset by one link", async () => {
      for (const ranges of [true, false]) {
        const { client, seen } = clientOf(rig);
        const stored = rig.store(LARGE_BYTES, { ...PNG, range: ranges });
        const part = async (first, last) => {
          const response = await client.fetch(mxc(stored), { range: `bytes=${first}-${last}` });
          assert.equal(response.headers.get("content-range"), `bytes ${first}-${last}/${LARGE_BYTES}`);
          await expectMedia(response, stored, { offset: first, length: last - first + 1, status: 206 });
        };
        await part(0, 1);
        await Promise.all([part(1, 20), part(15, 15), part(16, 70_000), part(2_000_003, LARGE_BYTES - 1)]);
        await expectMedia(await client.fetch(mxc(stored), { range: "bytes=-17" }), stored, { offset: LARGE_BYTES - 17, status: 206 });
        assert.deepEqual(seen, ["config", delivery, ...Array.from({ length: 6 }, () => "link")]);
        await assert.rejects(client.fetch(mxc(stored), { range: `bytes=${LARGE_BYTES}-` }), {
          code: "unsatisfiable",
          sizeBytes: LARGE_BYTES,
        });
      }
    });

    it("renews a link that has ended", async () => {
      const { client, seen } = clientOf(rig);
      const stored = rig.store(SMALL_BYTES, PNG);
      const part = async () =>
        expectMedia(await client.fetch(mxc(stored), { range: "bytes=5-99" }), stored, { offset: 5, length: 95, status: 206 });
      await part();
      await sleep(GRANT_TTL_SECS * 1_000 + 50);
      await part();
      // An answer says when its link ends, a redirect does not.
      const renewed = delivery === "session" ? ["link 404", delivery, "link"] : [delivery, "link"];
      assert.deepEqual(seen, ["config", delivery, "link", ...renewed]);
    });

    it("takes an object that changed under its link as it is now", async () => {
      const { client, seen } = clientOf(rig);
      const stored = rig.store(SMALL_BYTES, PNG);
      await client.fetch(mxc(stored), { range: "bytes=0-9" });
      await rig.quiet();
      stored.become(rig.store(SMALL_BYTES + 5).source, { ...PNG, etag: "2" });
      await expectMedia(await client.fetch(mxc(stored), { range: "bytes=7-" }), stored, { offset: 7, status: 206 });
      assert.deepEqual(seen.slice(0, 5), ["config", delivery, "link", "link 409", delivery]);
    });

    it("fails with a body that ends early", async () => {
      for (const options of [{}, { plain: true }]) {
        const { client } = clientOf(rig);
        const stored = rig.store(LARGE_BYTES, { ...PNG, stopAfter: 2_000_000 });
        const response = await client.fetch(mxc(stored), options);
        assert.equal(response.headers.get("content-length"), String(LARGE_BYTES));
        await assert.rejects(response.arrayBuffer(), { name: "MediaError", code: "truncated" });
        await rig.quiet();
      }
    });

    it("asks the homeserver where the edge cannot get the object", async () => {
      const { client, seen } = clientOf(rig);
      const stored = rig.store(SMALL_BYTES, PNG);
      const good = media(stored.source, PNG);
      const isService = ({ request }) => request.headers.authorization === `Bearer ${rig.service}`;
      stored.answers((exchange) => (isService(exchange) ? hangUp() : good)(exchange), "GET");
      await expectMedia(await client.fetch(mxc(stored)), stored);
      assert.deepEqual(seen.slice(0, 4), ["config", delivery, "link 502", "plain"]);
    });

    it("passes the homeserver's errors on", async () => {
      const { client } = clientOf(rig);
      await assert.rejects(client.fetch(`mxc://${SERVER_NAME}/nothing`), { code: "homeserver", status: 404, errcode: "M_UNRECOGNIZED" });
      const stranger = clientOf(rig, { token: secret("syt_nobody_knows_this", "access token") });
      await assert.rejects(stranger.client.fetch(mxc(rig.store())), { code: "homeserver", status: 401, errcode: "M_UNKNOWN_TOKEN" });
    });

    it("works with a homeserver without Cloakroom", async () => {
      for (const config of [respond(200, {}, { "m.upload.size": 5 }), respond(404, {}, { errcode: "M_UNRECOGNIZED" })]) {
        rig.homeserver.on("GET", CONFIG, config);
        const { client, seen } = clientOf(rig, { homeserver: rig.homeserver.url });
        const stored = rig.store(SMALL_BYTES, PNG);
        await expectMedia(await client.fetch(mxc(stored)), stored);
        await expectMedia(await client.fetch(mxc(stored), { range: "bytes=100-" }), stored, { offset: 100, status: 206 });
        assert.deepEqual(seen, ["config", "plain", "plain"]);
      }
      rig.homeserver.on("GET", CONFIG, respond(200, {}, { "m.upload.size": 5 }));
    });
  });
}

describe("the browser library, while the session's secret is replaced", () => {
  it("takes the media that come, and begins a session anew", async () => {
    const vars = { PLAIN_REDIRECT: "on" };
    const rig = await startConfigured({ vars, secrets: { SESSION_SECRET: newSecret() } });
    try {
      const { client, seen } = clientOf(rig);
      const stored = rig.store(SMALL_BYTES, PNG);
      await expectMedia(await client.fetch(mxc(stored)), stored);
      const { port } = rig.worker;
      await rig.worker.stop({ graceMs: 0 });
      rig.worker = await startWorker({
        vars: { HOMESERVER_URL: rig.homeserver.url, SERVER_NAME, ...vars },
        secrets: { HOMESERVER_TOKEN: rig.service, SESSION_SECRET: newSecret() },
        direct: true,
        port,
      });
      assert.equal(rig.worker.port, port);
      for (let i = 0; i < 2; i += 1) await expectMedia(await client.fetch(mxc(stored)), stored);
      assert.deepEqual(seen, ["config", "session", "link", "session", "config", "session", "link"]);
      // The origin redirects to plaintext if nobody opted in.
      await expectMedia(await client.fetch(mxc(stored), { plain: true }), stored);
      assert.deepEqual(seen.slice(7), ["plain", "link"]);
      // Another access token has another session.
      const other = clientOf(rig, { token: rig.homeserver.allow(newToken("other")) });
      await expectMedia(await other.client.fetch(mxc(stored)), stored);
      assert.deepEqual(other.seen, ["config", "session", "link"]);
    } finally {
      await rig.stop();
    }
  });
});
