// Expired, unknown and malformed links all return the same 404.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { secret } from "../support/secrets.mjs";
import { LARGE_BYTES, expectMedia, startRig } from "./rig.mjs";

// The shortest value that the configuration allows.
const GRANT_TTL_SECS = 10;

describe("an expired link", () => {
  let rig;
  before(async () => (rig = await startRig({ vars: { GRANT_TTL_SECS: String(GRANT_TTL_SECS), CACHE_MAX_BYTES: "0" } })));
  after(() => rig.stop());

  it("looks like an unknown link, but a response that has started continues", async () => {
    const stored = rig.store();
    let goOn;
    const held = rig.store(LARGE_BYTES).answers(async (exchange) => {
      exchange.head(200, { "Content-Length": LARGE_BYTES, ETag: "1" });
      if (exchange.isHead) return exchange.end();
      await exchange.send(held.source.slice(0, 100_000));
      await new Promise((done) => (goOn = done));
      await exchange.send(held.source.slice(100_000));
      exchange.end();
    });

    const before = Date.now();
    const [answer, heldAnswer] = [await rig.answer(stored), await rig.answer(held)];
    for (const { expiresMs } of [answer, heldAnswer]) {
      assert.ok(
        expiresMs >= before + GRANT_TTL_SECS * 1000 && expiresMs <= Date.now() + GRANT_TTL_SECS * 1000,
        `expires_ts is ${expiresMs - before} ms away`,
      );
    }
    await expectMedia(await rig.link(answer), stored, { key: answer.key });
    const begun = await rig.link(heldAnswer);
    assert.equal(begun.status, 200);

    await sleep(heldAnswer.expiresMs - Date.now() + 50);
    const { token } = answer;
    const unknown = randomBytes(32).toString("base64url");
    const paths = [
      `/${token}`,
      `/${unknown}`,
      ...["", "x", token.slice(1), `${token}A`, `${token}=`, `${token}/`, `${token}/x`, `x/${token}`, `${token}%20`, `%2F${token}`],
      // Not canonical: stray bits at the end, other alphabet, percent-encoded.
      `${unknown.slice(0, 42)}B`,
      "+".repeat(43),
      `%${unknown.charCodeAt(0).toString(16)}${unknown.slice(1)}`,
      "%00",
      "%ff".repeat(43),
      "A".repeat(5_000),
      "robots.txt",
      "favicon.ico",
      ".well-known/matrix/server",
    ].map((path) => (path.startsWith("/") ? path : `/${path}`));
    secret(unknown, "redirect token");
    stored.forget();
    const [ended, ...others] = await Promise.all(paths.map((path) => rig.verbatim(path, { host: rig.edgeHost })));
    assert.equal(ended.status, 404);
    assert.deepEqual(JSON.parse(ended.body), { errcode: "M_NOT_FOUND", error: "Not found" });
    const comparable = ({ status, rawHeaders, body }) => ({
      status,
      headers: rawHeaders.filter(([name]) => name.toLowerCase() !== "date"),
      body: body.toString(),
    });
    for (const [i, other] of others.entries()) assert.deepEqual(comparable(other), comparable(ended), `path ${i + 1}`);
    for (const headers of [{ Range: "bytes=0-1" }, { "If-None-Match": "*" }, { Authorization: `Bearer ${rig.user}` }]) {
      assert.deepEqual(comparable(await rig.verbatim(`/${token}`, { host: rig.edgeHost, headers })), comparable(ended));
    }
    assert.equal(stored.count(), 0, "the homeserver is not asked for it again");

    goOn();
    await expectMedia(begun, held, { key: heldAnswer.key });
  });
});
