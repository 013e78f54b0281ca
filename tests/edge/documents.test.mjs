// The documents that advertise us: the homeserver's own `/versions` and media config, with a few members added.
// Guests get no config, as the homeserver decides, and `m.upload.size` always stays.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Source } from "../support/bytes.mjs";
import { matrixError, media, respond } from "../support/homeserver.mjs";
import { drain, expectError, expectPlain, optIn, readUntilBroken, startRig } from "./rig.mjs";

const VERSIONS = "/_matrix/client/versions";
const CONFIGS = ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config", "/_matrix/media/r0/config", "/_matrix/media/v1/config"];
const PREFIX = "org.matrix.msc4097";

describe("a document that advertises us", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const says = (path, document, headers = {}) => rig.homeserver.on("GET", path, respond(200, headers, document));
  const read = async (path, init) => (await rig.get(path, init)).json();

  it("has our members, and otherwise the homeserver's", async () => {
    const versions = {
      versions: ["v1.1", "v1.11"],
      unstable_features: { "org.example.x": false },
      extra: [1.5, null, { deep: "ü\u2028" }],
    };
    says(VERSIONS, versions);
    const response = await rig.get(VERSIONS, { token: null });
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.deepEqual(await response.json(), { ...versions, unstable_features: { "org.example.x": false, [PREFIX]: true } });

    const about = { deliveries: ["redirect", "json"], algs: ["chacha20", "a256ctr"], edge: rig.worker.edge, min_size: 65_536 };
    for (const config of [{ "m.upload.size": 52_428_800 }, { "m.upload.size": 0, "org.example": { x: [] } }, {}]) {
      for (const path of CONFIGS) {
        says(path, config);
        assert.deepEqual(await read(path), { ...config, [PREFIX]: about }, path);
      }
    }
  });

  it("gets an object for our members if the homeserver has none", async () => {
    says(VERSIONS, { versions: [] });
    assert.deepEqual(await read(VERSIONS), { versions: [], unstable_features: { [PREFIX]: true } });
    says(VERSIONS, { versions: [], unstable_features: { [PREFIX]: false } });
    assert.deepEqual(await read(VERSIONS), { versions: [], unstable_features: { [PREFIX]: true } });
    // A member that is not an object stays as it is.
    says(VERSIONS, { versions: [], unstable_features: [] });
    assert.deepEqual(await read(VERSIONS), { versions: [], unstable_features: [] });
  });

  it("keeps numbers as they are", async () => {
    for (const number of ["52428800", "9007199254740993", "18446744073709551615", "1.5", "-1"]) {
      says(CONFIGS[0], `{"m.upload.size":${number}}`, { "Content-Type": "application/json" });
      assert.ok((await (await rig.get(CONFIGS[0])).text()).includes(`"m.upload.size":${number}`), number);
    }
  });

  it("is asked for with the client's own token and query, and with GET", async () => {
    says(CONFIGS[0], {});
    const last = () => rig.homeserver.requests.findLast(({ path }) => path === CONFIGS[0]);
    await read(`${CONFIGS[0]}?a=b&c=%2F`);
    assert.deepEqual([last().headers.authorization, last().url, last().method], [`Bearer ${rig.user}`, `${CONFIGS[0]}?a=b&c=%2F`, "GET"]);
    await read(`${CONFIGS[0]}?access_token=${rig.user}`, { token: null });
    assert.deepEqual([last().headers.authorization, last().query.get("access_token")], [undefined, rig.user]);
    await read(CONFIGS[0], { token: null });
    assert.equal(last().headers.authorization, undefined, "a request without a token gets none");
    const head = await rig.get(CONFIGS[0], { method: "HEAD" });
    assert.deepEqual([head.status, await drain(head)], [200, 0]);
  });

  it("is refused if the homeserver refuses it", async () => {
    for (const [status, errcode] of [
      [401, "M_MISSING_TOKEN"],
      [403, "M_GUEST_ACCESS_FORBIDDEN"],
      [404, "M_UNRECOGNIZED"],
      [429, "M_LIMIT_EXCEEDED"],
      [500, "M_UNKNOWN"],
    ]) {
      for (const path of [VERSIONS, ...CONFIGS]) {
        rig.homeserver.on("GET", path, matrixError(status, errcode, "no", { headers: { "Retry-After": "5" } }));
        const response = await rig.get(path);
        assert.equal(response.headers.get("retry-after"), "5");
        assert.deepEqual(await expectError(response, status, errcode), { errcode, error: "no" });
      }
    }
  });

  it("is relayed unchanged if it is not a JSON object", async () => {
    for (const path of [VERSIONS, CONFIGS[0]]) {
      for (const [type, body] of [
        ["text/html", "<html>"],
        ["application/json", "[1]"],
        ["application/json", "{"],
        ["application/json", ""],
        ["application/json", '"x"'],
        ["text/plain", "\xff"],
        ["application/json", "[".repeat(50_000)],
      ]) {
        says(path, body, { "Content-Type": type });
        const response = await rig.get(path);
        assert.deepEqual([response.status, response.headers.get("content-type"), await response.text()], [200, type, body]);
      }
    }
  });

  it("is relayed unchanged if it is far too long, or refused if it also has no length", async () => {
    const bytes = Buffer.from(JSON.stringify({ versions: [], padding: "x".repeat(3_000_000) }));
    says(VERSIONS, bytes, { "Content-Type": "application/json" });
    const response = await rig.get(VERSIONS);
    assert.deepEqual([response.status, Buffer.from(await response.arrayBuffer()).equals(bytes)], [200, true]);
    const endless = new Source("endless", 200_000_000);
    rig.homeserver.on("GET", VERSIONS, media(endless, { auth: false, chunked: true }));
    await expectError(await rig.get(VERSIONS), 502, "M_UNKNOWN");
    const request = rig.homeserver.requests.at(-1);
    await rig.quiet();
    assert.ok(request.bytesSent < endless.size, "the Worker did not read it to its end");
  });

  it("may be compressed", async () => {
    rig.homeserver.on(
      "GET",
      VERSIONS,
      media(JSON.stringify({ versions: ["v1.11"] }), { auth: false, gzip: true, type: "application/json" }),
    );
    assert.deepEqual(await read(VERSIONS), { versions: ["v1.11"], unstable_features: { [PREFIX]: true } });
  });

  it("is refused if it breaks off", async () => {
    rig.homeserver.on(
      "GET",
      VERSIONS,
      media(JSON.stringify({ versions: ["v1.11"] }), { auth: false, type: "application/json", stopAfter: 10 }),
    );
    const response = await rig.get(VERSIONS);
    const { bytes, broken } = await readUntilBroken(response);
    assert.ok(broken || response.status === 502, `${response.status} ${bytes}`);
  });
});

describe("the media config while a policy is set", () => {
  let rig;
  const vars = { MEDIA_UNAUTHENTICATED: "m.local", REDIRECT_MIN_BYTES: "0", REDIRECT_MAX_BYTES: "4000000" };
  before(async () => (rig = await startRig({ vars })));
  after(() => rig.stop());

  const headers = { "CF-Connecting-IP": "192.0.2.7" };
  const sent = () => rig.homeserver.requests.at(-1).headers;

  it("is fetched with the service account for requests without a token, and without their headers", async () => {
    rig.homeserver.on("GET", CONFIGS[0], respond(200, {}, { "m.upload.size": 5 }));
    for (const path of CONFIGS) {
      const config = await (await rig.get(path, { token: null, headers })).json();
      assert.deepEqual([config["m.upload.size"], config["m.media.unauthenticated"]], [5, "m.local"], path);
      assert.deepEqual([sent().authorization, sent()["x-forwarded-for"]], [`Bearer ${rig.service}`, undefined], path);
    }
    await drain(await rig.get(CONFIGS[0], { headers }));
    assert.deepEqual([sent().authorization, sent()["x-forwarded-for"]], [`Bearer ${rig.user}`, "192.0.2.7"]);
  });

  it("says how large an object with a link may be", async () => {
    rig.homeserver.on("GET", CONFIGS[0], respond(200, {}, {}));
    const { min_size, max_size } = (await (await rig.get(CONFIGS[0])).json())[PREFIX];
    assert.deepEqual([min_size, max_size], [0, 4_000_000]);
    const [at, above] = [rig.store(max_size), rig.store(max_size + 1)];
    await rig.answer(at);
    const response = await rig.get(above, { query: optIn("json") });
    assert.equal(response.headers.get("org-matrix-msc4097-plain"), "too-large");
    await expectPlain(response, above);
  });

  it("is 401 without a token if the service account's token has expired, and the log says why", async () => {
    rig.homeserver.on("GET", CONFIGS[0], matrixError(401, "M_UNKNOWN_TOKEN", "Token is not active"));
    await expectError(await rig.get(CONFIGS[0], { token: null }), 401, "M_MISSING_TOKEN");
    const head = await rig.get(CONFIGS[0], { token: null, method: "HEAD" });
    assert.deepEqual([head.status, await drain(head)], [401, 0]);
    await rig.worker.untilLog(/"event":"service_account_refused"/);
    await expectError(await rig.get(CONFIGS[0]), 401, "M_UNKNOWN_TOKEN");
  });
});
