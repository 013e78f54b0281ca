// Two real homeservers that federate over TLS, each behind its own Cloakroom: whose policy counts where, who asks whom and how often.
//
// Both Synapses run with `enable_authenticated_media: false`: they give all their media to anybody, so whatever is refused here, a policy
// refused. Peers are found by the port in their server names; the well-known document needs port 443, and is tested without sockets.

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
// What a user of A who has no account meets, by A's policy: media of B that A's Cloakroom does not hold, and that it holds.
const ANONYMOUS = {
  "unset": { fresh: 200, held: 200 },
  "m.cached": { fresh: 401, held: 200 },
  "m.local": { fresh: 401, held: 401 },
  "m.unspecified": { fresh: 200, held: 200 },
  "m.none": { fresh: 401, held: 401 },
};

const SETTINGS = {
  enable_authenticated_media: false,
  // A 401 makes Synapse leave a server alone for ten minutes. Policies answer 401, and here it is to ask again.
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

/** Cloakrooms that are being stopped, which takes a second: nobody waits for that. */
const stopping = [];

async function setPolicyOfB(policy) {
  await b.startCloakroom({ vars: { MEDIA_UNAUTHENTICATED: policy } });
}

/** A Cloakroom in front of A's Synapse, beside others: each remembers by itself what it learned of B. */
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

/** Exactly these bytes, or without them some picture. */
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
  it("are told to peers by both, whatever version of the endpoint they ask", async () => {
    for (const path of [CONFIG, "/_matrix/media/r0/config", "/_matrix/client/v1/media/config"]) {
      const { status, body } = await httpsGet(b.url + path, federation.certificates);
      const config = JSON.parse(body);
      assert.deepEqual([status, config["m.media.unauthenticated"], typeof config["m.upload.size"]], [200, "m.unspecified", "number"]);
    }
  });
});

let remembering;
for (const [policy, expected] of Object.entries(ANONYMOUS)) {
  describe(`remote media where our policy is ${policy}`, () => {
    let worker, ask, media, picture;
    before(async () => {
      ({ worker, ask } = await startAtA({ MEDIA_UNAUTHENTICATED: policy }));
      // One is kept: it knows B as it is now.
      if (policy === "unset") remembering = { worker, ask };
      media = await ofBob();
      picture = (await ofBob(png(400, 300), "image/png")).mxc;
    });
    after(() => policy === "unset" || stopping.push(worker?.stop()));

    it("L1: an anonymous request passes or is refused, and never causes a lookup", async () => {
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
      if (expected.fresh === 401) assert.deepEqual([b.front.requests.length, meter.count()], [0, 0], "nobody is asked for anything");
    });

    it("L1b: a junk token is refused by our homeserver and causes no lookup", async () => {
      forget();
      const token = badToken(policy);
      for (const path of [downloadPath(media.mxc), legacyPath(media.mxc), legacyPath(media.mxc, { allow_remote: false }), thumbnailPath(picture, SIZE)]) {
        const response = await ask(path, { token });
        assert.deepEqual([response.status, (await response.json()).errcode], [401, "M_UNKNOWN_TOKEN"], path);
      }
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": 4 }]);
    });

    it("a user gets originals and thumbnails on all endpoints, and B is asked for its policy once", async () => {
      forget();
      for (const path of [downloadPath(media.mxc), legacyPath(media.mxc), legacyPath(media.mxc, {}, "r0")]) await assertServed(await ask(path), media.bytes);
      const thumbnail = thumbnailPath(picture, SIZE);
      for (const path of [thumbnail, thumbnail.replace("client/v1/media", "media/v3")]) await assertServed(await ask(path));
      const answer = await readAnswer(await ask(downloadPath(media.mxc, optIn("json"))), { edge: worker.edge });
      const link = Buffer.from(await (await fetch(answer.url)).arrayBuffer());
      assert.ok(decrypt(answer.key, link).equals(media.bytes));
      assert.deepEqual([lookups(), meter.count({ class: "whoami" })], [1, 1]);
      const [asked] = b.front.requests.filter(({ path }) => path === CONFIG);
      assert.deepEqual([asked.method, asked.headers.authorization, asked.headers.cookie], ["GET", undefined, undefined]);
    });

    it("what is held is given to nobody whom the policy refuses", async () => {
      forget();
      const response = await ask(legacyPath(media.mxc), { token: null });
      if (expected.held === 200) await assertServed(response, media.bytes);
      else assert.deepEqual([response.status, meter.count()], [401, 0]);
      assert.equal(lookups(), 0);
    });
  });
}

describe("a peer that goes from open to m.none and back", () => {
  let forgetful;
  before(async () => {
    forgetful = await startAtA({ REMOTE_POLICY_TTL_SECS: "1" });
    const { mxc, bytes } = await ofBob();
    await assertServed(await forgetful.ask(downloadPath(mxc)), bytes);
    await setPolicyOfB("m.none");
  });
  after(() => stopping.push(forgetful?.worker.stop(), remembering?.worker.stop()));

  it("is asked as before while its policy is remembered", async () => {
    forget();
    const { mxc, bytes } = await ofBob();
    await assertServed(await remembering.ask(downloadPath(mxc)), bytes);
    assert.deepEqual([lookups(), meter.count({ class: "whoami" })], [0, 0]);
  });

  it("is believed after the cache time, and asked for no media", async () => {
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

    // Synapse takes a token from the header or from the query, not from both.
    const askOnce = (path) => enforcing.ask(path, path.includes("access_token") ? { token: null } : {});

    it("is 404 on every endpoint, makes no request for media, and asks B once", async () => {
      forget();
      for (const path of paths()) await assertRejected(await askOnce(path));
      assert.deepEqual(b.front.requests.map(({ path }) => path), [CONFIG]);
      assert.deepEqual(meter.summary(), { "GET whoami": paths().length }, "the homeserver vouches for each token");
    });

    it("is remembered in KV by whoever comes next, and B is not asked", async () => {
      const { persistTo } = enforcing.worker;
      await enforcing.worker.stop();
      enforcing = await startAtA({}, { persistTo });
      forget();
      for (const path of paths()) await assertRejected(await askOnce(path));
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": paths().length }]);
    });

    it("L1b: is not what a junk token gets, also when it is remembered: that is the homeserver's 401", async () => {
      forget();
      const token = badToken("rejected");
      for (const path of [downloadPath(media.mxc), legacyPath(media.mxc), thumbnailPath(media.mxc, SIZE), downloadPath(media.mxc, optIn("json"))]) {
        const response = await enforcing.ask(path, { token });
        const { errcode, soft_logout } = await response.json();
        assert.deepEqual([response.status, errcode, soft_logout], [401, "M_UNKNOWN_TOKEN", false], path);
      }
      assert.deepEqual([b.front.requests.length, meter.summary()], [0, { "GET whoami": 4 }]);
    });

    it("is about users: anonymous requests are refused by B's own policy, without a lookup", async () => {
      forget();
      const response = await enforcing.ask(legacyPath(media.mxc), { token: null });
      assert.ok(response.status >= 400, `${response.status}`);
      assert.deepEqual([lookups(), mediaAskedOfB()], [0, 1]);
    });

    it("is not about own media, on either side", async () => {
      const { mxc } = await a.synapse.upload(alice.token, "of A", { type: "text/plain" });
      await assertServed(await enforcing.ask(downloadPath(mxc)), Buffer.from("of A"));
      const own = await httpsGet(b.url + downloadPath(media.mxc), { ...federation.certificates, token: bob.token });
      assert.equal(own.status, 200);
    });
  });

  // Synapse lists v1.11: A's homeserver can authenticate itself to B's, and does.
  for (const [mode, asked] of [["legacy", [CONFIG, "/_matrix/client/versions"]], ["off", []]]) {
    it(`is given the last word where REMOTE_POLICY=${mode}, by authenticated federation`, async () => {
      const { worker, ask } = await startAtA({ REMOTE_POLICY: mode });
      forget();
      for (const _ of ["first", "again"]) {
        const { mxc, bytes } = await ofBob();
        await assertServed(await ask(downloadPath(mxc)), bytes);
      }
      assert.deepEqual(b.front.requests.map(({ path }) => path).filter((path) => !path.includes("/federation/")), asked);
      assert.equal(mediaAskedOfB(), 2);
      stopping.push(worker.stop());
    });
  }

  it("is served again once it is open again, after the cache time", async () => {
    await setPolicyOfB("m.local");
    const { mxc, bytes } = await ofBob();
    const served = async () => (await forgetful.ask(downloadPath(mxc))).status === 200;
    await forgetful.worker.running.until("B's new policy to be seen", served);
    await assertServed(await forgetful.ask(downloadPath(mxc)), bytes);
  });
});
