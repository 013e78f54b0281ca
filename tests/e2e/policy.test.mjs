// What people without an account may read: MEDIA_UNAUTHENTICATED over the legacy endpoints, in front of a real homeserver.
//
// Synapse serves media without a token if they are older than authenticated media, and returns 404 for newer ones, which are "frozen". The
// tests start it with `enable_authenticated_media: false`, upload the open media, and restart it with the default.
//
// Labels such as L1 and B1 number cases of the Matrix specification and of MSC2461 revision 1.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { isAnswer, optIn } from "../support/answer.mjs";
import { Source, expectSlice } from "../support/bytes.mjs";
import { EXIT, link } from "../support/cli.mjs";
import { png } from "../support/png.mjs";
import { badToken, downloadPath, legacyPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";
import { startOriginAndEdge } from "../support/worker.mjs";

const VERSIONS = ["r0", "v1", "v3"];
// Above the default of REDIRECT_MIN_BYTES.
const MEDIA_BYTES = 100_000;
const SIZE = { width: 32, height: 32 };
const REMOTE = "mxc://remote.example/abcdef";
const CONFIGS = ["/_matrix/client/v1/media/config", ...VERSIONS.map((version) => `/_matrix/media/${version}/config`)];
const POLICY = "m.media.unauthenticated";
const REFUSED = [401, "M_MISSING_TOKEN"];
const NOT_FOUND = [404, "M_NOT_FOUND"];
// Synapse's response for servers that it does not federate with: here all.
const NO_FEDERATION = [403, "M_FORBIDDEN"];
const OK = [200, undefined];

// Results without a token. Synapse serves "open" media to anybody; "held" media are in Cloakroom's cache.
const TABLE = {
  unset: { open: OK, openHeld: OK, frozen: NOT_FOUND, frozenHeld: NOT_FOUND, remote: NO_FEDERATION },
  "m.cached": { open: REFUSED, openHeld: OK, frozen: REFUSED, frozenHeld: NOT_FOUND, remote: REFUSED },
  "m.local": { open: OK, openHeld: OK, frozen: NOT_FOUND, frozenHeld: NOT_FOUND, remote: REFUSED },
  "m.unspecified": { open: OK, openHeld: OK, frozen: NOT_FOUND, frozenHeld: NOT_FOUND, remote: NO_FEDERATION },
  "m.none": { open: REFUSED, openHeld: REFUSED, frozen: REFUSED, frozenHeld: REFUSED, remote: REFUSED },
};

let home;
/** Media by kind: `open` and `frozen` originals with their bytes, `openPicture` and `frozenPicture` for thumbnails. */
const media = {};
before(async () => {
  home = await startHome({ config: { enable_authenticated_media: false } });
  await upload("open");
  await home.synapse.restart({ enable_authenticated_media: true });
  await upload("frozen");
});
after(async () => {
  await Promise.all(stopping);
  await home?.stop();
});

/** Sites that are stopping, which takes a second; tests do not wait for it. */
const stopping = [];

async function upload(kind) {
  const source = new Source(`policy ${kind}`, MEDIA_BYTES);
  const { mxc } = await home.synapse.upload(home.alice.token, source.slice(), { type: "image/png", filename: "x.png" });
  const picture = await home.synapse.upload(home.alice.token, png(400, 300), { type: "image/png" });
  Object.assign(media, { [kind]: { mxc, source }, [`${kind}Picture`]: picture.mxc });
}

const legacyThumbnail = (mxc, version, query = SIZE) => thumbnailPath(mxc, query).replace("client/v1/media", `media/${version}`);

/** Returns status and Matrix error of a response, and discards its body. */
async function outcome(response) {
  if (response.ok || response.status === 304) {
    await response.arrayBuffer();
    return [response.status, undefined];
  }
  return [response.status, (await response.json()).errcode];
}

/** Returns the paths of original and thumbnail on all versions of the legacy endpoint. */
function legacyPaths(kind) {
  const original = VERSIONS.map((version) => legacyPath(media[kind].mxc, {}, version));
  return [...original, ...VERSIONS.map((version) => legacyThumbnail(media[`${kind}Picture`], version))];
}

for (const [policy, expected] of Object.entries(TABLE)) {
  describe(`MEDIA_UNAUTHENTICATED=${policy}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    before(async () => {
      site = await startSite(home, { vars: { MEDIA_UNAUTHENTICATED: policy === "unset" ? null : policy } });
    });
    after(() => stopping.push(site?.stop()));

    /** Asks without a token. A refused request reaches no homeserver; an allowed one arrives there without a token too. */
    const anonymous = async (path, [status, errcode]) => {
      site.meter.reset();
      const response = await site.fetch(path, { token: null });
      assert.deepEqual(await outcome(response), [status, errcode], path);
      await site.settled();
      if (status === 401) assert.equal(site.meter.count(), 0, `${path}: the homeserver is not asked`);
      else assert.ok(site.meter.count() > 0, `${path}: the homeserver decides`);
      for (const { path: asked, authorization } of site.meter.requests) {
        assert.deepEqual([authorization, asked.startsWith("/_matrix/media/v3/")], [undefined, true], asked);
      }
      return response;
    };

    it("L1, B1: without a token, the policy refuses uncached media or the homeserver decides", async () => {
      for (const kind of ["frozen", "open"]) for (const path of legacyPaths(kind)) await anonymous(path, expected[kind]);
      for (const version of VERSIONS) {
        await anonymous(legacyPath(REMOTE, {}, version), expected.remote);
        await anonymous(legacyThumbnail(REMOTE, version), expected.remote);
      }
      assert.deepEqual(await outcome(await site.fetch(downloadPath(media.open.mxc), { token: null })), REFUSED, "authenticated endpoint");
    });

    it("L1: without a token, the homeserver still decides about cached media", async () => {
      for (const kind of ["open", "frozen"]) {
        for (const path of [downloadPath(media[kind].mxc), thumbnailPath(media[`${kind}Picture`], SIZE)]) await site.held(path);
        for (const path of legacyPaths(kind)) await anonymous(path, expected[`${kind}Held`]);
      }
      if (expected.openHeld === OK) {
        site.meter.reset();
        const response = await site.fetch(legacyPath(media.open.mxc), { token: null });
        await expectSlice(response.body, media.open.source);
        assert.deepEqual(site.meter.summary(), { "HEAD download conditional": 1 }, "the bytes come from the cache");
        const range = await site.fetch(legacyPath(media.open.mxc), { token: null, headers: { Range: "bytes=100-199" } });
        assert.equal(range.status, 206);
        await expectSlice(range.body, media.open.source, { offset: 100, length: 100 });
      }
    });

    if (expected.remote === REFUSED)
      it("L1: a refusal is a Matrix error, and has no body for HEAD", async () => {
        const response = await site.fetch(legacyPath(REMOTE), { token: null });
        assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
        assert.equal(response.headers.get("access-control-allow-origin"), "*");
        const error = "Media access is restricted to authenticated clients";
        assert.deepEqual([response.status, await response.json()], [401, { errcode: "M_MISSING_TOKEN", error }]);
        const head = await site.fetch(legacyPath(REMOTE), { token: null, method: "HEAD" });
        assert.deepEqual([head.status, await head.text()], [401, ""]);
      });

    it("a valid token gets the same on legacy endpoints as on the authenticated one, frozen media too", async () => {
      const { mxc, source } = media.frozen;
      for (const version of VERSIONS) {
        const response = await site.fetch(legacyPath(mxc, {}, version));
        assert.equal(response.status, 200, version);
        await expectSlice(response.body, source);
        const thumbnail = await site.fetch(legacyThumbnail(media.frozenPicture, version, { width: 64, height: 48 }));
        assert.deepEqual([thumbnail.status, thumbnail.headers.get("content-type")], [200, "image/png"]);
        await thumbnail.arrayBuffer();
        const inQuery = await site.fetch(legacyPath(mxc, { access_token: home.alice.token }, version), { token: null });
        assert.deepEqual(await outcome(inQuery), OK, "a token in the query");
        const named = await site.fetch(`${legacyPath(mxc, {}, version)}/name.png`);
        assert.match(named.headers.get("content-disposition"), /name\.png/);
        await named.arrayBuffer();
      }
      // Own media come from no other server, so this changes nothing.
      assert.deepEqual(await outcome(await site.fetch(legacyPath(mxc, { allow_remote: false }))), OK);
      const answer = await site.answer(legacyPath(mxc));
      assert.equal(answer.metadata.size, MEDIA_BYTES);
      await expectSlice((await fetch(answer.url)).body, source, { key: answer.key });
    });

    it("L1b: a bad token gets the homeserver's 401 for all media", async () => {
      const token = badToken(policy);
      const paths = [...legacyPaths("open"), ...legacyPaths("frozen"), legacyPath(REMOTE), legacyThumbnail(REMOTE, "v3")];
      // With allow_remote=false, the homeserver would respond without checking the token.
      for (const mxc of [media.open.mxc, media.frozen.mxc, REMOTE]) paths.push(legacyPath(mxc, { allow_remote: false }));
      for (const path of [...paths, legacyPath(media.open.mxc, optIn("json"))]) {
        const response = await site.fetch(path, { token });
        const { errcode, soft_logout } = await response.json();
        assert.deepEqual([response.status, errcode, soft_logout], [401, "M_UNKNOWN_TOKEN", false], path);
      }
      assert.deepEqual(await outcome(await site.fetch(legacyPath(media.open.mxc, { access_token: token }), { token: null })), [
        401,
        "M_UNKNOWN_TOKEN",
      ]);
    });

    it("media that do not exist get the homeserver's 404 if the policy lets the request pass", async () => {
      const path = legacyPath(`mxc://${home.synapse.serverName}/${randomBytes(12).toString("hex")}`);
      assert.deepEqual(await outcome(await site.fetch(path)), NOT_FOUND);
      await anonymous(path, expected.frozen);
    });

    it("an empty or malformed token counts as missing", async () => {
      for (const options of [{ headers: { Authorization: "Bearer " } }, { headers: { Authorization: "Basic YTpi" } }]) {
        assert.deepEqual(await outcome(await site.fetch(legacyPath(REMOTE), { token: null, ...options })), expected.remote);
      }
      assert.deepEqual(await outcome(await site.fetch(legacyPath(REMOTE, { access_token: "" }), { token: null })), expected.remote);
    });

    it("a client cannot opt in without a token", async () => {
      for (const delivery of ["redirect", "json"]) {
        const response = await site.fetch(legacyPath(media.open.mxc, optIn(delivery)), { token: null });
        assert.equal(isAnswer(response), false);
        assert.deepEqual(await outcome(response), expected.openHeld);
      }
    });

    it("cloakroom link prints a working link, or explains why there is none", async () => {
      const options = { homeserver: site.worker.origin, token: home.alice.token };
      const open = await link(media.open.mxc, options);
      if (expected.open === OK) {
        assert.deepEqual([open.code, open.link], [EXIT.linked, site.worker.origin + legacyPath(media.open.mxc)], open.stderr);
        assert.match(open.stderr, policy === "m.local" ? /the homeserver's policy promises it/ : /does not promise/);
        await expectSlice((await fetch(open.link)).body, media.open.source);
      } else {
        assert.deepEqual([open.code, open.link], [EXIT.notShared, ""]);
        assert.ok(open.stderr.includes(`the homeserver's policy is ${policy}: `), open.stderr);
      }
      const frozen = await link(media.frozen.mxc, options);
      assert.deepEqual([frozen.code, frozen.link], [EXIT.notShared, ""]);
      assert.match(frozen.stderr, expected.frozen === REFUSED ? /policy is m\./ : /only to people with an account/);
      const gone = await link(`${media.open.mxc}x`, options);
      assert.deepEqual([gone.code, gone.link], [expected.frozen === REFUSED ? EXIT.notShared : EXIT.notFound, ""]);
      const remote = await link(REMOTE, options);
      assert.deepEqual([remote.code, remote.link], [expected.remote === REFUSED ? EXIT.notShared : EXIT.refused, ""], remote.stderr);
      assert.equal((await link(media.open.mxc, { ...options, token: badToken("link") })).code, EXIT.refused);
    });

    it("all versions of the config publish it and keep the upload limit", async () => {
      const told = policy === "unset" ? undefined : policy;
      for (const path of CONFIGS) {
        const response = await site.fetch(path);
        const config = await response.json();
        assert.deepEqual([response.status, config[POLICY], POLICY in config], [200, told, told !== undefined], path);
        assert.equal(config["m.upload.size"], 1100 * 1024 * 1024);
        assert.equal(config["org.matrix.msc4097"].edge, site.worker.edge);
        const { errcode } = await (await site.fetch(path, { token: badToken("config") })).json();
        assert.equal(errcode, "M_UNKNOWN_TOKEN");
      }
    });

    it(`remote homeservers ${policy === "unset" ? "cannot" : "can"} read the config without a token`, async () => {
      for (const path of [...CONFIGS, `${CONFIGS[0]}?user_id=@alice:localhost&access_token=`]) {
        site.meter.reset();
        const response = await site.fetch(path, { token: null });
        if (policy === "unset") {
          const [status, errcode] = await outcome(response);
          assert.equal(status, 401, path);
          assert.match(errcode, /^M_(MISSING|UNKNOWN)_TOKEN$/);
          continue;
        }
        const config = await response.json();
        assert.deepEqual([response.status, config[POLICY], typeof config["m.upload.size"]], [200, policy, "number"], path);
        const asked = site.meter.requests.map(({ path, authorization }) => [path, authorization]);
        assert.deepEqual(asked, [[CONFIGS[0], `Bearer ${home.service.token}`]], "the service account asks");
      }
    });
  });
}

describe("parameters of legacy requests", () => {
  /** @type {import("../support/site.mjs").Site} */
  let site;
  before(async () => {
    site = await startSite(home, { vars: { PLAIN_REDIRECT: "on" } });
  });
  after(() => stopping.push(site?.stop()));

  it("B7: allow_redirect absent, false, true", async () => {
    for (const [kind, token] of [
      ["frozen", home.alice.token],
      ["open", null],
    ]) {
      const { mxc, source } = media[kind];
      for (const [query, status] of [
        [{}, 200],
        [{ allow_redirect: false }, 200],
        [{ allow_redirect: true }, 307],
      ]) {
        const response = await site.fetch(legacyPath(mxc, query), { token });
        assert.deepEqual([response.status, isAnswer(response)], [status, false], `${kind} ${JSON.stringify(query)}`);
        if (status === 200) await expectSlice(response.body, source);
        else await expectSlice((await fetch(response.headers.get("location"))).body, source);
      }
      const refused = await site.fetch(legacyPath(media.frozen.mxc, { allow_redirect: true }), { token: null });
      assert.deepEqual(await outcome(refused), NOT_FOUND, "the homeserver decides before a link is made");
    }
  });

  it("B6: allow_remote=false and remote media", async () => {
    for (const token of [null, home.alice.token]) {
      for (const version of VERSIONS) {
        assert.deepEqual(await outcome(await site.fetch(legacyPath(REMOTE, { allow_remote: false }, version), { token })), NOT_FOUND);
      }
    }
  });

  it("timeout_ms reaches the homeserver", async () => {
    const { content_uri: mxc } = await (await site.fetch("/_matrix/media/v1/create", { method: "POST" })).json();
    for (const token of [null, home.alice.token]) {
      const started = Date.now();
      assert.deepEqual(await outcome(await site.fetch(legacyPath(mxc, { timeout_ms: 1 }), { token })), [504, "M_NOT_YET_UPLOADED"]);
      // Its default is 20 s.
      assert.ok(Date.now() - started < 10_000);
    }
  });

  it("an invalid boolean or a repeated parameter gives 400 and reaches no homeserver", async () => {
    site.meter.reset();
    const bad = ["1", "0", "yes", "True", "FALSE", "", "null", "true "].flatMap((value) => [
      { allow_remote: value },
      { allow_redirect: value },
    ]);
    const queries = [
      ...bad.map((query) => String(new URLSearchParams(query))),
      "allow_remote=true&allow_remote=true",
      "timeout_ms=1&timeout_ms=2",
    ];
    for (const query of queries) {
      for (const token of [null, home.alice.token]) {
        for (const path of [legacyPath(media.open.mxc, query), legacyThumbnail(media.openPicture, "r0", `width=32&height=32&${query}`)]) {
          assert.deepEqual(await outcome(await site.fetch(path, { token })), [400, "M_INVALID_PARAM"], path);
        }
      }
    }
    assert.equal(site.meter.count(), 0);
  });
});

describe("a policy and two Workers", () => {
  const vars = () => ({ HOMESERVER_URL: home.synapse.url, SERVER_NAME: home.synapse.serverName, MEDIA_UNAUTHENTICATED: "m.local" });
  const secrets = () => ({ HOMESERVER_TOKEN: home.service.token });

  it("work together: the origin has the service account's token too", async () => {
    const worker = await startOriginAndEdge({ vars: vars(), originOnly: { secrets: secrets() }, edgeOnly: { secrets: secrets() } });
    const config = await (await fetch(worker.origin + CONFIGS[0])).json();
    assert.equal(config[POLICY], "m.local");
    const allowed = await fetch(worker.origin + legacyPath(media.open.mxc));
    assert.equal(allowed.status, 200);
    await expectSlice(allowed.body, media.open.source);
    assert.deepEqual(await outcome(await fetch(worker.origin + legacyPath(REMOTE))), REFUSED);
    stopping.push(worker.stop());
  });

  it("are misconfigured if the origin has no such token: remote homeservers could not read the policy", async () => {
    const worker = await startOriginAndEdge({ vars: vars(), edgeOnly: { secrets: secrets() } });
    const health = await (await fetch(`${worker.origin}/_cloakroom/health`)).json();
    assert.deepEqual(health.wrong_variables, ["HOMESERVER_TOKEN"]);
    const download = await fetch(worker.origin + legacyPath(media.open.mxc));
    assert.deepEqual(await outcome(download), [500, "M_UNKNOWN"]);
    stopping.push(worker.stop());
  });
});
