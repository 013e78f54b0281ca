// Spellings of a path: if another server could read a path as a path to media, it is judged in canonical form or refused. So no policy is bypassed.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { respond } from "../support/homeserver.mjs";
import { SERVER_NAME, startRig } from "./rig.mjs";

const MEDIA = "/_matrix/client/v1/media";

let rig;
before(async () => (rig = await startRig({ vars: { MEDIA_UNAUTHENTICATED: "m.none" } })));
after(() => rig.stop());

describe("a request for media", () => {
  it("is refused on a path that only another server could read as a media path, whatever the method", async () => {
    const paths = [
      `${MEDIA}/download/${SERVER_NAME}`,
      `${MEDIA}/download/${SERVER_NAME}/id/name/more`,
      `${MEDIA}/thumbnail/${SERVER_NAME}/id/name?width=1&height=1`,
      "/_matrix/media/v2/download/example.org/id",
      "/_matrix/media/unstable/download/example.org/id",
      "/_matrix/client/unstable/org.matrix.msc3916/media/download/example.org/id",
      "/_matrix/media/v3%2Fdownload/example.org/id",
      "/_matrix/media/v3%252Fdownload/example.org/id",
      "/_matrix/media/v3%5Cdownload/example.org/id",
      "/_matrix/media/v3/x/..%2fdownload/example.org/id",
      "/_matrix/media/v3/DOWNLOAD/example.org/id",
      "/_matrix/media;a=b/v3/download/example.org/id",
    ];
    rig.homeserver.on("*", /.*/, respond(200, { "Content-Type": "image/png" }, "bytes of media"));
    rig.homeserver.requests.length = 0;
    for (const path of paths) {
      for (const method of ["GET", "POST", "HEAD"]) {
        const response = await rig.verbatim(path, { method, headers: { "Content-Length": "0" } });
        assert.deepEqual([response.status, response.body.includes("bytes of media")], [404, false], `${method} ${path}`);
        if (method !== "HEAD") assert.equal(JSON.parse(response.body).errcode, "M_UNRECOGNIZED");
      }
    }
    assert.deepEqual(
      rig.homeserver.requests.map(({ url }) => url),
      [],
    );
    rig.homeserver.reset();
  });

  it("is treated the same in every spelling of the path", async () => {
    const stored = rig.store();
    const legacy = `/_matrix/media/v3/download/${SERVER_NAME}/${stored.id}`;
    for (const path of [
      stored.path.replace("/_matrix", "//_matrix"),
      stored.path.replace("/media", "//media"),
      stored.path.replace("download", "%64ownload"),
      stored.path.replace("/media/", "/media/%2e/x/%2E%2e/"),
      legacy.replace("/media/", "/media//"),
    ]) {
      const response = await rig.verbatim(path, { headers: { Authorization: `Bearer ${rig.user}` } });
      assert.equal(response.status, 200, path);
      assert.ok(response.body.equals(stored.source.slice()), path);
      assert.equal((await rig.verbatim(path)).status, 401, `${path} without a token`);
    }
    assert.deepEqual(new Set(stored.requests.map(({ url }) => url)), new Set([stored.path]), "the homeserver is asked in canonical form");
  });

  it("never bypasses the policy: this homeserver treats every path as media, as a proxy in front of it might", async () => {
    rig.homeserver.on("*", /.*/, respond(200, { "Content-Type": "image/png" }, "bytes of media"));
    rig.homeserver.requests.length = 0;
    const parts = ["_matrix", "media", "v3", "download", SERVER_NAME, "id"];
    const slashes = ["//", "/./", "/%2e/", "/x/../", "/x/%2E%2e/", "%2F", "%2f", "%252F", "\\", "%5C", "/;/", "/%20/"];
    const paths = parts.flatMap((_, at) => slashes.map((slash) => `/${parts.slice(0, at).join("/")}${slash}${parts.slice(at).join("/")}`));
    const words = ["download", "media", "_matrix"].flatMap((word) =>
      [word.toUpperCase(), `%${word.charCodeAt(0).toString(16)}${word.slice(1)}`, `${word};v=1`, `${word}%20`].map(
        (other) => `/${parts.join("/").replace(word, other)}`,
      ),
    );
    for (const path of [...paths, ...words]) {
      for (const method of ["GET", "HEAD"]) {
        const { status, body } = await rig.verbatim(path, { method });
        assert.ok([400, 401, 404].includes(status) && !body.includes("bytes of media"), `${status} for ${method} ${path}`);
      }
    }
    assert.deepEqual(
      rig.homeserver.requests.map(({ url }) => url),
      [],
    );
    rig.homeserver.reset();
  });
});
