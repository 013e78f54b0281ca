// The delivery `session`: clients follow a redirect blindly and derive the key (specification, section 4.1).

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { METADATA_HEADER, SESSION_HEADER, isAnswer, optIn } from "../support/answer.mjs";
import { sessionKey, unsealMetadata } from "../support/cipher.mjs";
import { respond } from "../support/homeserver.mjs";
import { secret } from "../support/secrets.mjs";
import { LARGE_BYTES, SMALL_BYTES, expectMedia, expectPlain, newToken, startRig } from "./rig.mjs";

const CONFIG = "/_matrix/client/v1/media/config";
const PREFIX = "org.matrix.msc4097";
const PLAIN_HEADER = "org-matrix-msc4097-plain";
const LINK_HEADER = "org-matrix-msc4097-link";

const newSecret = () => secret(randomBytes(32).toString("hex"), "session secret");

/** Reads the media config and begins a session. */
async function beginSession(rig, options) {
  const response = await rig.get(CONFIG, { query: `?${PREFIX}.session=true`, ...options });
  assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
  const about = (await response.json())[PREFIX];
  const { id, secret: text, expires_ts, expires_in_ms } = about.session;
  secret(text, "session's secret");
  assert.ok(Math.abs(expires_ts - expires_in_ms - Date.now()) < 60_000);
  return { id, secret: Buffer.from(text, "base64url") };
}

describe("with a session", () => {
  let rig;
  const master = newSecret();
  before(async () => {
    rig = await startRig({ secrets: { SESSION_SECRET: master }, vars: { PLAIN_REDIRECT: "on" } });
    rig.homeserver.on("GET", CONFIG, respond(200, { "m.upload.size": 5 }, {}));
  });
  after(() => rig.stop());

  const ask = (stored, session, { alg = "a256ctr", ...init } = {}) =>
    rig.get(stored, { query: optIn("session", { algs: alg, session: session.id }), ...init });

  it("a client that follows redirects by itself can decrypt", async () => {
    const session = await beginSession(rig);
    for (const alg of ["a256ctr", "chacha20"]) {
      for (const size of [SMALL_BYTES, LARGE_BYTES]) {
        const stored = rig.store(size, { type: "image/png", disposition: "inline; filename=x.png" });
        const response = await ask(stored, session, { alg, redirect: "follow" });
        assert.equal(response.redirected, true);
        const [edge, name] = [new URL(response.url).origin, new URL(response.url).pathname.slice(1)];
        secret(name, "redirect token");
        assert.equal(edge, rig.worker.edge);
        assert.equal(response.headers.get(LINK_HEADER), "encrypted");
        const key = sessionKey(session.secret, name, alg);
        assert.deepEqual(unsealMetadata(key, response.headers.get(METADATA_HEADER)), {
          size,
          content_type: "image/png",
          content_disposition: 'inline; filename="x.png"',
        });
        await expectMedia(response, stored, { key });
      }
    }
  });

  it("the redirect has no body, no answer and no key", async () => {
    const session = await beginSession(rig);
    const response = await ask(rig.store(), session);
    assert.equal(response.status, 307);
    secret(response.headers.get("location").split("/").at(-1), "redirect token");
    assert.equal(isAnswer(response), false);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.equal(response.headers.get("cache-control"), "no-store, no-transform");
    assert.equal(await response.text(), "");
    const ranged = await ask(rig.store(), session, { headers: { Range: "bytes=3-9" }, redirect: "follow" });
    secret(new URL(ranged.url).pathname.slice(1), "redirect token");
    assert.equal(ranged.status, 206);
  });

  it("every redirect has another key", async () => {
    const session = await beginSession(rig);
    const stored = rig.store();
    const names = new Set();
    for (let i = 0; i < 3; i += 1) {
      const name = (await ask(stored, session)).headers.get("location").split("/").at(-1);
      names.add(sessionKey(session.secret, secret(name, "redirect token"), "a256ctr").toString("hex"));
    }
    assert.equal(names.size, 3);
  });

  it("that is stale the media is served in place, also where others get plain redirects", async () => {
    const other = rig.homeserver.allow(newToken("other"));
    const [mine, others] = [await beginSession(rig), await beginSession(rig, { token: other })];
    const damaged = `${mine.id.slice(0, -1)}${mine.id.endsWith("A") ? "B" : "A"}`;
    for (const id of [others.id, damaged, "x", ""]) {
      const stored = rig.store();
      const response = await ask(stored, { id });
      assert.equal(response.headers.get(SESSION_HEADER), "stale", id);
      assert.equal(response.headers.get(PLAIN_HEADER), "stale-session");
      assert.match(response.headers.get("access-control-expose-headers"), /Org-Matrix-Msc4097-Session/);
      await expectPlain(response, stored);
    }
    // The refreshed token of the same user is another one.
    const stored = rig.store();
    const refreshed = await ask(stored, mine, { token: rig.homeserver.allow(newToken()) });
    assert.equal(refreshed.headers.get(SESSION_HEADER), "stale");
    await expectPlain(refreshed, stored);
  });

  it("nothing of the protocol reaches the homeserver", async () => {
    const session = await beginSession(rig);
    await (await ask(rig.store(), session)).body?.cancel();
    const seen = rig.homeserver.requests.map(({ url, path }) => url ?? path);
    assert.ok(seen.length > 0 && !seen.some((url) => url.includes("msc4097") || url.includes(session.id)), seen.join("\n"));
  });
});

describe("sessions while the secret is replaced", () => {
  it("go on as long as the old secret is the previous one", async () => {
    const [old, present] = [newSecret(), newSecret()];
    const rigs = [];
    const start = async (secrets) => {
      const rig = await startRig({ secrets });
      rig.homeserver.on("GET", CONFIG, respond(200, { "m.upload.size": 5 }, {}));
      rigs.push(rig);
      return rig;
    };
    try {
      const before = await start({ SESSION_SECRET: old });
      const session = await beginSession(before);
      for (const [secrets, status] of [
        [{ SESSION_SECRET: present, SESSION_SECRET_PREVIOUS: old }, 307],
        [{ SESSION_SECRET: present }, 200],
        [{}, 200],
      ]) {
        const rig = await start(secrets);
        rig.homeserver.allow(before.user);
        const stored = rig.store();
        const response = await rig.get(stored, { token: before.user, query: optIn("session", { algs: "a256ctr", session: session.id }) });
        assert.equal(response.status, status);
        if (status === 307) secret(response.headers.get("location").split("/").at(-1), "redirect token");
        else await expectPlain(response, stored);
      }
    } finally {
      await Promise.all(rigs.map((rig) => rig.stop()));
    }
  });
});
