// Origin and edge as two Workers that share the key store: the same protocol, and each knows only its half.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, media } from "../support/homeserver.mjs";
import { startOriginAndEdge } from "../support/worker.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectError, expectMedia, expectPlain, optIn, readAnswer, startRig, until } from "./rig.mjs";

describe("origin and edge as two Workers", () => {
  let rig;
  // Only the edge has the service account's token.
  const start = ({ vars, secrets }) => startOriginAndEdge({ vars, edgeOnly: { secrets }, direct: true });
  before(async () => (rig = await startRig({ start })));
  after(() => rig.stop());

  it("report their roles", async () => {
    const roles = await Promise.all(
      [`localhost:${rig.worker.port}`, rig.edgeHost].map(async (host) =>
        JSON.parse((await rig.verbatim("/_cloakroom/health", { host })).body),
      ),
    );
    assert.deepEqual(
      roles.map(({ role, status }) => [role, status]),
      [
        ["origin", "ok"],
        ["edge", "ok"],
      ],
    );
  });

  it("deliver the same as one Worker", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size, { type: "image/png", disposition: "inline; filename=x.png" });
      for (const delivery of ["redirect", "json"]) {
        const answer = await rig.answer(stored, { delivery });
        await expectMedia(await rig.link(answer), stored, { key: answer.key });
        const range = { headers: { Range: "bytes=-70000" } };
        await expectMedia(await rig.link(answer, range), stored, { status: 206, offset: size - 70_000, key: answer.key });
        assert.equal((await rig.link(answer, { method: "HEAD" })).headers.get("content-length"), String(size));
        await rig.quiet();
      }
      await expectPlain(await rig.get(stored), stored);
      await rig.quiet();
      await expectPlain(await rig.get(stored, { headers: { Range: "bytes=0-9" } }), stored, { status: 206, length: 10 });
    }
  });

  it("share the work: the origin authorises with users' tokens, the edge fetches with the service account's", async () => {
    for (const size of [SMALL_BYTES, LARGE_BYTES]) {
      const stored = rig.store(size);
      const answer = await rig.answer(stored);
      await rig.answer(stored, { delivery: "redirect" });
      await rig.quiet();
      assert.deepEqual(
        stored.requests.map(({ method, headers }) => [method, headers.authorization]),
        [
          ["HEAD", `Bearer ${rig.user}`],
          ["HEAD", `Bearer ${rig.user}`],
        ],
      );
      assert.equal(stored.bytesSent, 0);
      stored.forget();
      await expectMedia(await rig.link(answer, { headers: { Authorization: `Bearer ${rig.user}` } }), stored, { key: answer.key });
      await rig.quiet();
      const fills = size === SMALL_BYTES ? 1 : 2;
      assert.deepEqual(
        stored.requests.map(({ method, headers }) => [method, headers.authorization]),
        Array(fills).fill(["GET", `Bearer ${rig.service}`]),
      );
      stored.forget();
      const again = await rig.answer(stored);
      await expectMedia(await rig.link(again), stored, { key: again.key });
      assert.deepEqual(stored.asked, ["HEAD conditional"], "warm");
    }
  });

  it("keep to their hosts: the edge passes nothing through, the origin serves no links", async () => {
    const stored = rig.store();
    const { token } = await rig.answer(stored);
    rig.homeserver.requests.length = 0;
    for (const path of [
      "/_matrix/client/versions",
      "/_matrix/client/v1/media/config",
      stored.path,
      stored.path + optIn("json"),
      "/_matrix/media/v3/upload",
      "/",
    ]) {
      for (const method of ["GET", "HEAD", "POST"]) {
        const { status } = await rig.verbatim(path, {
          host: rig.edgeHost,
          method,
          headers: { Authorization: `Bearer ${rig.user}`, "Content-Length": "0" },
        });
        assert.equal(status, method === "POST" ? 405 : 404, `${method} ${path}`);
      }
    }
    assert.equal(rig.homeserver.requests.length, 0);
    const response = await rig.verbatim(`/${token}`);
    assert.deepEqual([response.status, JSON.parse(response.body).errcode], [404, "M_UNRECOGNIZED"], "the homeserver's own response");
  });

  it("share which objects the service account is refused", async () => {
    const stored = rig.store();
    const forbidden = matrixError(403, "M_FORBIDDEN", "not for you");
    stored.answers((exchange) =>
      (exchange.request.headers.authorization === `Bearer ${rig.service}` ? forbidden : media(stored.source))(exchange),
    );
    await expectError(await rig.link(await rig.answer(stored)), 502, "M_UNKNOWN");
    let response;
    await until("the origin to know", async () => {
      if (response) await drain(response);
      response = await rig.get(stored, { query: optIn("json") });
      return (await readAnswer(response.clone())) === null;
    });
    await expectPlain(response, stored);
  });
});
