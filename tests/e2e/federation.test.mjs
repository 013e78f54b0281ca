// Two real homeservers that federate over TLS, each behind a Cloakroom: which policy applies where, and which requests they make.
//
// Both Synapses run with `enable_authenticated_media: false`: they serve all their media to anybody, so only a policy can refuse them here.
// The port in a server name leads to the remote homeserver; the well-known document needs port 443 and is tested without sockets.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { optIn, readAnswer } from "../support/answer.mjs";
import { decrypt } from "../support/cipher.mjs";
import { startFederation } from "../support/federation.mjs";
import { startMeter } from "../support/meter.mjs";
import { png } from "../support/png.mjs";
import { badToken, downloadPath, legacyPath, thumbnailPath } from "../support/site.mjs";
import { httpsGet } from "../support/tls.mjs";
import { startWorker } from "../support/worker.mjs";

const MEDIA_BYTES = 100_000;
const SIZE = { width: 32, height: 32 };
const CONFIG = "/_matrix/media/v3/config";
const REJECTED = { errcode: "M_NOT_FOUND", error: "Remote homeserver rejected access" };
// Results for people without an account at A, by A's policy: media of B that A's Cloakroom has not cached, and has cached.
const ANONYMOUS = {
  unset: { fresh: 200, held: 200 },
  "m.cached": { fresh: 401, held: 200 },
  "m.local": { fresh: 401, held: 401 },
  "m.unspecified": { fresh: 200, held: 200 },
  "m.none": { fresh: 401, held: 401 },
};

const SETTINGS = {
  enable_authenticated_media: false,
  // After a 401, Synapse does not contact a server for ten minutes. Policies return 401, and here Synapse must ask again.
  federation: { destination_min_retry_interval: 1, destination_max_retry_interval: 1 },
};

let federation, a, b, alice, bob, service, meter;
before(async () => {
  federation = await startFederation({ config: SETTINGS });
  ({ a, b } = federation);
  [alice, service, bob] = await Promise.all([a.synapse.createUser("alice"), a.synapse.createUser("service"), b.synapse.createUser("bob")]);
  meter = await startMeter(a.synapse.url);
  await setPolicyOfB("m.unspecified");
});
after(async () => {
  await Promise.all(stopping);
  await federation?.stop();
  await meter?.stop();
});

/** Cloakrooms that are stopping, which takes a second; tests do not wait for it. */
const stopping = [];

async function setPolicyOfB(policy) {
  await b.startCloakroom({ vars: { MEDIA_UNAUTHENTICATED: policy } });
}

/** Starts another Cloakroom in front of A's Synapse. Each remembers separately what it learned about B. */
async function startAtA(vars = {}, options = {}) {
  const required = { HOMESERVER_URL: meter.url, SERVER_NAME: a.serverName, ALLOW_PRIVATE_NETWORK: "on" };
  const secrets = { HOMESERVER_TOKEN: service.token };
  const { caFile } = federation.certificates;
  const worker = await startWorker({ vars: { ...required, ...vars }, secrets, caFile, ...options });
  const ask = (path, { token = alice.token } = {}) => {
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    return fetch(worker.origin + path, { redirect: "manual", headers });
  };
  return { worker, ask };
}

/** New media of B. */
async function ofBob(bytes = randomBytes(MEDIA_BYTES), type = "application/octet-stream") {
  const { mxc } = await b.synapse.upload(bob.token, bytes, { type });
  return { mxc, bytes };
}

const forget = () => {
  b.front.requests.length = 0;
  meter.reset();
};
const lookups = () => b.front.count(CONFIG);
const mediaAskedOfB = () => b.front.count(/^\/_matrix\/(federation\/v1\/media|media\/v3)\/(download|thumbnail)\//);

/** Asserts that the response has exactly these bytes, or without bytes any picture. */
async function assertServed(response, bytes) {
  assert.equal(response.status, 200, response.url);
  const body = Buffer.from(await response.arrayBuffer());
  if (bytes) assert.ok(body.equals(bytes), "other bytes");
  else assert.match(response.headers.get("content-type"), /^image\//);
}

async function assertRejected(response) {
  assert.deepEqual([response.status, await response.json()], [404, REJECTED], response.url);
}

describe("both policies together", () => {
  it("are published to remote homeservers by both, on every version of the endpoint", async () => {
    for (const path of [CONFIG, "/_matrix/media/r0/config", "/_matrix/client/v1/media/config"]) {
      const { status, body } = await httpsGet(b.url + path, federation.certificates);
      const config = JSON.parse(body);
      assert.deepEqual([status, config["m.media.unauthenticated"], typeof config["m.upload.size"]], [200, "m.unspecified", "number"]);
    }
  });
});

let remembering;
for (const [policy, expected] of Object.entries(ANONYMOUS)) {
  describe(`remote media with our policy ${policy}`, () => {
    let worker, ask, media, picture;
    before(async () => {
      ({ worker, ask } = await startAtA({ MEDIA_UNAUTHENTICATED: policy }));
      // Keep one Cloakroom, which has looked B up.
      if (policy === "unset") remembering = { worker, ask };
      media = await ofBob();
      picture = (await ofBob(png(400, 300), "image/png")).mxc;
    });
    after(() => policy === "unset" || stopping.push(worker?.stop()));

    it("L1: an anonymous request passes or is refused, without a lookup", async () => {
      forget();
      for (const version of ["r0", "v1", "v3"]) {
        const { mxc, bytes } = await ofBob();
        const response = await ask(legacyPath(mxc, {}, version), { token: null });
        if (expected.fresh === 200) await assertServed(response, bytes);
        else assert.deepEqual([response.status, (await response.json()).errcode], [401, "M_MISSING_TOKEN"]);
        const thumbnail = thumbnailPath(picture, { width: 64, height: 48 }).replace("client/v1/media", `media/${version}`);
        assert.equal((await ask(thumbnail, { token: null })).status, expected.fresh);
      }
      assert.equal(lookups(), 0);
      if (expected.fresh === 401) assert.deepEqual([b.front.requests.length, meter.count()], [0, 0], "no server is asked");
    });

    it("L1b: our homeserver refuses a junk token, without a lookup", async () => {
      forget();
      const token = badToken(policy);
      for (const path of [
        downloadPath(media.mxc),
        legacyPath(media.mxc),
        legacyPath(media.mxc, { allow_remote: false }),
        thumbnailPath(picture, SIZE),
      ]) {
        const response = await ask(path, { token });
        assert.deepEqual([response.status, (await response.json()).errcode], [401, "M_UNKNOWN_TOKEN"], path);
      }
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": 4 }]);
    });

    it("a user gets originals and thumbnails on all endpoints, and B is asked for its policy once", async () => {
      forget();
      for (const path of [downloadPath(media.mxc), legacyPath(media.mxc), legacyPath(media.mxc, {}, "r0")])
        await assertServed(await ask(path), media.bytes);
      const thumbnail = thumbnailPath(picture, SIZE);
      for (const path of [thumbnail, thumbnail.replace("client/v1/media", "media/v3")]) await assertServed(await ask(path));
      const answer = await readAnswer(await ask(downloadPath(media.mxc, optIn("json"))), { edge: worker.edge });
      const link = Buffer.from(await (await fetch(answer.url)).arrayBuffer());
      assert.ok(decrypt(answer.key, link).equals(media.bytes));
      assert.deepEqual([lookups(), meter.count({ class: "whoami" })], [1, 1]);
      const [asked] = b.front.requests.filter(({ path }) => path === CONFIG);
      assert.deepEqual([asked.method, asked.headers.authorization, asked.headers.cookie], ["GET", undefined, undefined]);
    });

    it("cached media are refused to everybody whom the policy refuses", async () => {
      forget();
      const response = await ask(legacyPath(media.mxc), { token: null });
      if (expected.held === 200) await assertServed(response, media.bytes);
      else assert.deepEqual([response.status, meter.count()], [401, 0]);
      assert.equal(lookups(), 0);
    });
  });
}

describe("a remote homeserver that changes from open to m.none and back", () => {
  let forgetful;
  before(async () => {
    forgetful = await startAtA({ REMOTE_POLICY_TTL_SECS: "1" });
    const { mxc, bytes } = await ofBob();
    await assertServed(await forgetful.ask(downloadPath(mxc)), bytes);
    await setPolicyOfB("m.none");
  });
  after(() => stopping.push(forgetful?.worker.stop(), remembering?.worker.stop()));

  it("is asked for media while its old policy is remembered", async () => {
    forget();
    const { mxc, bytes } = await ofBob();
    await assertServed(await remembering.ask(downloadPath(mxc)), bytes);
    assert.deepEqual([lookups(), meter.count({ class: "whoami" })], [0, 0]);
  });

  it("is obeyed after the cache time, and not asked for media", async () => {
    const { mxc } = await ofBob();
    await forgetful.worker.running.until("B's new policy to be seen", async () => (await forgetful.ask(downloadPath(mxc))).status === 404);
    const fresh = await ofBob();
    forget();
    await assertRejected(await forgetful.ask(downloadPath(fresh.mxc)));
    assert.equal(mediaAskedOfB(), 0);
  });

  describe("L2: REMOTE_POLICY=enforce", () => {
    let enforcing, media, fetched;
    before(async () => {
      enforcing = await startAtA();
      media = await ofBob(png(400, 300), "image/png");
      // Our Synapse has this one already.
      fetched = await ofBob();
      const direct = await fetch(a.synapse.url + downloadPath(fetched.mxc), { headers: { Authorization: `Bearer ${alice.token}` } });
      await assertServed(direct, fetched.bytes);
    });
    after(() => stopping.push(enforcing?.worker.stop()));

    const paths = () => [
      downloadPath(media.mxc),
      thumbnailPath(media.mxc, SIZE),
      legacyPath(media.mxc),
      legacyPath(media.mxc, { access_token: alice.token }),
      downloadPath(media.mxc, optIn("json")),
      downloadPath(media.mxc, optIn("redirect")),
      downloadPath(fetched.mxc),
    ];

    // Synapse accepts a token in the header or the query, not in both.
    const askOnce = (path) => enforcing.ask(path, path.includes("access_token") ? { token: null } : {});

    it("causes a 404 on every endpoint, no request for media, and one lookup at B", async () => {
      forget();
      for (const path of paths()) await assertRejected(await askOnce(path));
      assert.deepEqual(
        b.front.requests.map(({ path }) => path),
        [CONFIG],
      );
      assert.deepEqual(meter.summary(), { "GET whoami": paths().length }, "the homeserver vouches for each token");
    });

    it("is remembered in KV for the next Cloakroom, which does not ask B", async () => {
      const { persistTo } = enforcing.worker;
      await enforcing.worker.stop();
      enforcing = await startAtA({}, { persistTo });
      forget();
      for (const path of paths()) await assertRejected(await askOnce(path));
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": paths().length }]);
    });

    it("L1b: does not apply to a junk token, even when remembered: it gets the homeserver's 401", async () => {
      forget();
      const token = badToken("rejected");
      for (const path of [
        downloadPath(media.mxc),
        legacyPath(media.mxc),
        thumbnailPath(media.mxc, SIZE),
        downloadPath(media.mxc, optIn("json")),
      ]) {
        const response = await enforcing.ask(path, { token });
        const { errcode, soft_logout } = await response.json();
        assert.deepEqual([response.status, errcode, soft_logout], [401, "M_UNKNOWN_TOKEN", false], path);
      }
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": 4 }]);
    });

    it("applies to users only: B's own policy refuses anonymous requests, without a lookup", async () => {
      forget();
      const response = await enforcing.ask(legacyPath(media.mxc), { token: null });
      assert.ok(response.status >= 400, `${response.status}`);
      assert.deepEqual([lookups(), mediaAskedOfB()], [0, 1]);
    });

    it("does not apply to own media, on either side", async () => {
      const { mxc } = await a.synapse.upload(alice.token, "of A", { type: "text/plain" });
      await assertServed(await enforcing.ask(downloadPath(mxc)), Buffer.from("of A"));
      const own = await httpsGet(b.url + downloadPath(media.mxc), { ...federation.certificates, token: bob.token });
      assert.equal(own.status, 200);
    });
  });

  // Synapse lists v1.11, so A's homeserver authenticates itself to B's.
  for (const [mode, asked] of [
    ["legacy", [CONFIG, "/_matrix/client/versions"]],
    ["off", []],
  ]) {
    it(`decides by authenticated federation with REMOTE_POLICY=${mode}`, async () => {
      const { worker, ask } = await startAtA({ REMOTE_POLICY: mode });
      forget();
      for (const _ of ["first", "again"]) {
        const { mxc, bytes } = await ofBob();
        await assertServed(await ask(downloadPath(mxc)), bytes);
      }
      assert.deepEqual(
        b.front.requests.map(({ path }) => path).filter((path) => !path.includes("/federation/")),
        asked,
      );
      assert.equal(mediaAskedOfB(), 2);
      stopping.push(worker.stop());
    });
  }

  it("has its media served again after it opens and the cache time passes", async () => {
    await setPolicyOfB("m.local");
    const { mxc, bytes } = await ofBob();
    const served = async () => (await forgetful.ask(downloadPath(mxc))).status === 200;
    await forgetful.worker.running.until("B's new policy to be seen", served);
    await assertServed(await forgetful.ask(downloadPath(mxc)), bytes);
  });
});
