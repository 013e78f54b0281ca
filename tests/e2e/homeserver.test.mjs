// The homeserver's decisions and responses reach the client unchanged: tokens, guests, errors, limits, unknown endpoints.
//
// Labels such as A1 number cases of the Matrix specification.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { METADATA_HEADER, isAnswer, optIn } from "../support/answer.mjs";
import { png } from "../support/png.mjs";
import { SHAPES, badToken, downloadPath, legacyPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const PREFIX = "org.matrix.msc4097";
const MEDIA_BYTES = 100_000;

let home;
before(async () => {
  home = await startHome();
});
after(() => home?.stop());

/** Returns status and Matrix error, to compare together. */
async function outcome(response) {
  return [response.status, (await response.json()).errcode];
}

for (const shape of SHAPES) {
  describe(`the homeserver decides, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    let mxc, picture, bytes;
    before(async () => {
      site = await startSite(home, { shape });
      bytes = randomBytes(MEDIA_BYTES);
      mxc = await site.upload(bytes, { type: "image/png", filename: "picture.png" });
      picture = await site.upload(png(400, 300), { type: "image/png" });
    });
    after(() => site?.stop());

    it("A1: a missing token is refused first", async () => {
      const thumbnail = (query) => thumbnailPath(picture, query);
      const paths = [downloadPath(mxc), downloadPath(mxc, optIn("json")), thumbnail({ width: 32, height: 32 })];
      paths.push(thumbnail({}), thumbnail({ width: "wide", height: "-1" }), "/_matrix/client/v1/media/download/localhost/a%2Fb");
      paths.push("/_matrix/client/v1/media/download/not a name/abc", `${downloadPath(mxc)}?access_token=`);
      site.meter.reset();
      for (const path of paths) {
        assert.deepEqual(await outcome(await site.fetch(path, { token: null })), [401, "M_MISSING_TOKEN"], path);
      }
      assert.equal(site.meter.count(), 0);
    });

    it("A2, M6: an unknown token gets the homeserver's error", async () => {
      await site.held(downloadPath(mxc));
      const token = badToken();
      const soft = { errcode: "M_UNKNOWN_TOKEN", error: "Invalid access token passed.", soft_logout: false };
      for (const query of [undefined, optIn("json"), optIn("redirect")]) {
        const cached = await site.fetch(downloadPath(mxc, query), { token });
        assert.deepEqual([cached.status, await cached.json()], [401, soft], "cached");
        assert.equal(cached.headers.get("cache-control"), "no-store, no-transform");
        const absent = await site.fetch(thumbnailPath(picture, "width=40&height=30"), { token });
        assert.deepEqual([absent.status, await absent.json()], [401, soft], "not cached");
      }
    });

    it("A5: a guest may download, but not read the config", async () => {
      const { token } = await home.synapse.createGuest();
      const download = await site.fetch(downloadPath(mxc), { token });
      assert.deepEqual([download.status, Buffer.from(await download.arrayBuffer()).equals(bytes)], [200, true]);
      assert.equal((await site.fetch(thumbnailPath(picture, "width=32&height=32"), { token })).status, 200);
      assert.equal((await site.answer(downloadPath(mxc), { token })).metadata.size, MEDIA_BYTES);
      assert.deepEqual(await outcome(await site.fetch("/_matrix/client/v1/media/config", { token })), [403, "M_GUEST_ACCESS_FORBIDDEN"]);
    });

    it("A8: the config keeps the upload limit, and says how to opt in", async () => {
      for (const path of ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config", "/_matrix/media/r0/config"]) {
        const [ours, theirs] = await Promise.all([
          site.fetch(path).then((response) => response.json()),
          fetch(home.synapse.url + path, { headers: { Authorization: `Bearer ${home.alice.token}` } }).then((response) => response.json()),
        ]);
        const { [PREFIX]: about, ...rest } = ours;
        assert.deepEqual(rest, theirs);
        assert.equal(typeof rest["m.upload.size"], "number");
        assert.deepEqual(about, {
          deliveries: ["redirect", "json", "session"],
          algs: ["chacha20", "a256ctr"],
          edge: site.worker.edge,
          min_size: 65_536,
        });
      }
      assert.deepEqual(await outcome(await site.fetch("/_matrix/client/v1/media/config", { token: null })), [401, "M_MISSING_TOKEN"]);
      const versions = await (await site.fetch("/_matrix/client/versions", { token: null })).json();
      assert.equal(versions.unstable_features[PREFIX], true);
      assert.ok(versions.versions.includes("v1.11"));
    });

    it("B1, B6: the legacy endpoint serves no new media without a token, and no remote media if asked not to", async () => {
      await site.held(downloadPath(mxc));
      for (const version of ["r0", "v1", "v3"]) {
        const response = await site.fetch(legacyPath(mxc, {}, version), { token: null });
        assert.deepEqual(await outcome(response), [404, "M_NOT_FOUND"], `${version}, although the cache holds it`);
      }
      const remote = await site.fetch(legacyPath("mxc://remote.example/abcdef", { allow_remote: false }), { token: null });
      assert.deepEqual(await outcome(remote), [404, "M_NOT_FOUND"]);
    });

    it("C12: a preflight needs no token and causes no request for media", async () => {
      site.meter.reset();
      const hosts = [site.worker.origin, site.worker.edge];
      for (const url of [...hosts.map((host) => host + downloadPath(mxc)), `${site.worker.edge}/${"A".repeat(43)}`]) {
        const headers = { Origin: "https://app.example", "Access-Control-Request-Headers": "authorization" };
        const response = await fetch(url, { method: "OPTIONS", headers });
        assert.ok(response.ok, `${url}: ${response.status}`);
        assert.equal(response.headers.get("access-control-allow-origin"), "*");
        assert.match(response.headers.get("access-control-allow-headers"), /authorization/i);
      }
      assert.equal(site.meter.count(), 0);
      assert.ok((await site.fetch("/_matrix/media/v3/upload", { method: "OPTIONS", token: null })).ok);
    });

    it("E1: media that are not uploaded yet get the homeserver's 504", async () => {
      const created = await (await site.fetch("/_matrix/media/v1/create", { method: "POST" })).json();
      for (const query of ["", optIn("json"), optIn("redirect")]) {
        const path = downloadPath(created.content_uri, `timeout_ms=1${query.replace("?", "&")}`);
        const response = await site.fetch(path);
        assert.deepEqual(await outcome(response), [504, "M_NOT_YET_UPLOADED"]);
        assert.equal(isAnswer(response), false);
      }
      const upload = created.content_uri.replace("mxc://", "/_matrix/media/v3/upload/");
      assert.equal((await site.fetch(upload, { method: "PUT", body: bytes, headers: { "Content-Type": "image/png" } })).status, 200);
      const now = await site.fetch(downloadPath(created.content_uri));
      assert.deepEqual([now.status, Buffer.from(await now.arrayBuffer()).equals(bytes)], [200, true], "the 504 is not cached");
    });

    it("J1: unknown endpoints and methods get the homeserver's 404 and 405", async () => {
      for (const path of [
        "/_matrix/client/v1/media/nonsense",
        "/_matrix/media/v3/nonsense",
        "/_matrix/client/v1/media/download/localhost",
      ]) {
        assert.deepEqual(await outcome(await site.fetch(path)), [404, "M_UNRECOGNIZED"], path);
      }
      for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
        assert.deepEqual(await outcome(await site.fetch(downloadPath(mxc), { method })), [405, "M_UNRECOGNIZED"], method);
      }
    });

    it("J3: an invalid server name or media id reaches no homeserver", async () => {
      const bad = ["localhost/a%2Fb", "localhost/..%2f..%2fsecret", "localhost/a%00b", "localhost/a.b", "localhost/a%20b", "localhost/%FF"];
      bad.push(
        "local%2Fhost/abc",
        "..%2f/abc",
        "user@host/abc",
        "host:99999999/abc",
        "%5B::1/abc",
        "localhost/abc%3Fx=1",
        "/abc",
        "localhost/",
      );
      bad.push(`localhost/${"a".repeat(300)}`, "a%0d%0aX-Header:1/abc");
      for (const kind of ["download", "thumbnail"]) {
        for (const rest of bad) {
          site.meter.reset();
          const { status, errcode } = await site.fetchRaw(`/_matrix/client/v1/media/${kind}/${rest}?width=32&height=32`);
          assert.ok(status === 400 || status === 404, `${rest}: ${status}`);
          assert.match(errcode, /^M_/, rest);
          assert.equal(site.meter.count({ class: "download" }) + site.meter.count({ class: "thumbnail" }), 0, rest);
        }
      }
      // Dot segments are resolved before we see the path.
      const { status } = await site.fetchRaw("/_matrix/client/v1/media/download/../../../../_cloakroom/object/1/abc");
      assert.equal(status, 404);
    });

    it("X1: unknown query parameters change nothing", async () => {
      for (const query of [
        "allow_redirect=true",
        "allow_redirect=true&utm_source=x&a=1&a=2",
        `${PREFIX}.delivery=pigeon`,
        `${PREFIX}.session=abc`,
      ]) {
        const response = await site.fetch(downloadPath(mxc, query));
        assert.deepEqual([response.status, Buffer.from(await response.arrayBuffer()).equals(bytes)], [200, true], query);
        assert.equal(isAnswer(response) || response.headers.has(METADATA_HEADER), false);
      }
    });

    it("passes everything else through: a login, a long poll, an upload with its length", async () => {
      const login = await site.fetch("/_matrix/client/v3/login", { token: null });
      assert.deepEqual([login.status, (await login.json()).flows.some(({ type }) => type === "m.login.password")], [200, true]);
      const sync = await site.fetch("/_matrix/client/v3/sync?timeout=0");
      assert.equal(typeof (await sync.json()).next_batch, "string");
      site.meter.reset();
      await site.upload(randomBytes(3_000_000));
      assert.equal(site.meter.requests.find(({ class: kind }) => kind === "upload").headers["content-length"], "3000000");
    });
  });
}
