// Two hosts: the edge's serves only links, the homeserver's serves no links, and no request reaches the cache's own paths.
// The tests also check which token and headers go where.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { matrixError, respond, startHomeserver } from "../support/homeserver.mjs";
import { SERVER_NAME, drain, expectError, expectMedia, expectPlain, newToken, optIn, startRig } from "./rig.mjs";

// The name of an original in the cache: SHA-256 over the length and bytes of each part, as the Worker documents it.
function cacheName(stored) {
  const hash = createHash("sha256");
  for (const part of [SERVER_NAME, stored.id, "original"]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(part.length));
    hash.update(length).update(part);
  }
  return hash.digest("base64url");
}

let rig, elsewhere;
before(async () => {
  rig = await startRig();
  elsewhere = await startHomeserver();
});
after(async () => {
  await rig.stop();
  await elsewhere.stop();
});

describe("the edge's host", () => {
  it("serves nothing of the homeserver", async () => {
    rig.homeserver.on("*", /.*/, respond(200, { "Content-Type": "text/plain" }, "the homeserver's"));
    const paths = [
      "/_matrix/client/versions",
      "/_matrix/client/v1/media/config",
      "/_matrix/client/v1/media/download/example.org/id",
      "/_matrix/media/v3/download/example.org/id",
      "/_matrix/media/v3/upload",
      "/_matrix/client/v3/sync",
      "/_matrix/federation/v1/media/download/id",
      "/_synapse/admin/v1/users",
      "/.well-known/matrix/client",
      "/",
    ];
    for (const path of paths) {
      for (const method of ["GET", "HEAD", "POST", "PUT"]) {
        const response = await rig.verbatim(path, {
          host: rig.edgeHost,
          method,
          headers: { Authorization: `Bearer ${rig.user}`, "Content-Length": "0" },
        });
        assert.equal(response.status, method === "POST" || method === "PUT" ? 405 : 404, `${method} ${path}`);
        assert.ok(!response.body.includes("homeserver"), path);
      }
    }
    assert.equal(rig.homeserver.requests.length, 0);
    rig.homeserver.reset();
  });

  it("treats preflights and other methods the same on every path, with the specified headers", async () => {
    for (const path of [`/${"A".repeat(43)}`, "/_cloakroom/object/x", "/_cloakroom/health", "/x/y", "/"]) {
      for (const [method, status] of [
        ["OPTIONS", 204],
        ["POST", 405],
        ["DELETE", 405],
      ]) {
        const { status: got, headers, body } = await rig.verbatim(path, { host: rig.edgeHost, method, headers: { "Content-Length": "0" } });
        assert.equal(got, status, `${method} ${path}`);
        if (status === 204) assert.equal(body.length, 0);
        const expected = {
          "cache-control": "no-store, no-transform",
          "access-control-allow-origin": "*",
          "referrer-policy": "no-referrer",
        };
        for (const [name, value] of Object.entries({ ...expected, "x-robots-tag": "noindex", "x-content-type-options": "nosniff" }))
          assert.equal(headers[name], value, `${name} of ${method} ${path}`);
      }
    }
    const health = await rig.verbatim("/_cloakroom/health", { host: rig.edgeHost, method: "HEAD" });
    assert.deepEqual([health.status, health.body.length, health.headers["cache-control"]], [200, 0, "no-store, no-transform"]);
  });

  it("is the only host that serves links", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    await expectMedia(await rig.link(answer), stored, { key: answer.key });
    stored.forget();
    for (const host of [`localhost:${rig.worker.port}`, "matrix.example.com"]) {
      const response = await rig.verbatim(`/${answer.token}`, { host });
      assert.deepEqual([response.status, JSON.parse(response.body).errcode], [404, "M_UNRECOGNIZED"], "the homeserver's own response");
    }
    assert.equal(stored.count(), 0);
  });

  it("and the homeserver's give no access to the cache's paths", async () => {
    const stored = rig.store(Buffer.from(`cached plaintext ${"x".repeat(80_000)}`), { type: "text/plain" });
    await rig.cached(stored);
    const names = ["object", "info"].map((kind) => `${kind}/1/${cacheName(stored)}`);
    rig.homeserver.requests.length = 0;
    for (const host of [rig.edgeHost, `localhost:${rig.worker.port}`]) {
      for (const name of [...names, "", "object", "object/1/", "health/", "anything"]) {
        for (const method of ["GET", "HEAD", "POST", "PURGE"]) {
          const response = await rig.verbatim(`/_cloakroom/${name}`, {
            host,
            method,
            headers: { Authorization: `Bearer ${rig.user}`, "Content-Length": "0" },
          });
          // At the edge the method is checked first, whatever the path.
          const expected = host === rig.edgeHost && ["POST", "PURGE"].includes(method) ? 405 : 404;
          assert.equal(response.status, expected, `${method} ${name} on ${host}`);
          assert.ok(!response.body.includes("cached"));
        }
      }
      // In other encodings these are not our paths, and they must not pass through either.
      for (const name of names) {
        const variants = [
          `/_cloakroom%2F${name}`,
          `/%5Fcloakroom/${name}`,
          `//_cloakroom/${name}`,
          `/x/../_cloakroom/${name}`,
          `/x/%2e%2e/_cloakroom/${name}`,
          `/_cloakroom/./${name}`,
        ];
        variants.push(
          `/_cloakroom/${name}?x`,
          `/_cloakroom/${name}#x`,
          `/_CLOAKROOM/${name}`,
          `/_cloakroom/${name.replaceAll("/", "%2F")}`,
          `\\_cloakroom\\${name}`,
        );
        for (const path of variants) {
          const response = await rig.verbatim(path, { host });
          assert.ok(response.status === 404 || response.status === 400, `${response.status} for ${path} on ${host}`);
          assert.ok(!response.body.includes("cached") && !response.headers["cloakroom-object-info"], path);
        }
      }
    }
    await rig.quiet();
    for (const { method, path } of rig.homeserver.requests)
      assert.doesNotMatch(path, /^\/_cloakroom\//, `${method} ${path} reached the homeserver`);
    // The entry really is in the cache.
    stored.forget();
    await expectPlain(await rig.get(stored), stored);
    assert.deepEqual(stored.asked, ["HEAD conditional"]);
  });
});

describe("tokens", () => {
  it("of users authorise; the service account's token fetches", async () => {
    const stored = rig.store();
    const answer = await rig.answer(stored);
    await expectMedia(await rig.link(answer), stored, { key: answer.key });
    await expectPlain(await rig.get(stored), stored);
    const sent = stored.requests.map(({ method, headers }) => [method, headers.authorization]);
    assert.deepEqual(sent, [
      ["HEAD", `Bearer ${rig.user}`],
      ["GET", `Bearer ${rig.service}`],
      ["HEAD", `Bearer ${rig.user}`],
    ]);
  });

  it("go only to the homeserver, wherever it redirects", async () => {
    const target = `${elsewhere.url}/elsewhere`;
    for (const status of [301, 302, 303, 307, 308]) {
      const redirecting = rig.store().answers(respond(status, { Location: target }));
      for (const init of [{}, { query: optIn("json") }, { query: `?access_token=${rig.user}`, token: null }, { method: "HEAD" }])
        await drain(await rig.get(redirecting, init));
      // Redirects only the edge's request.
      const later = rig.store();
      const answer = await rig.answer(later);
      later.answers(respond(status, { Location: target }), "GET");
      await expectError(await rig.link(answer), 502, "M_UNKNOWN");
      rig.homeserver.on("GET", "/_matrix/client/versions", respond(status, { Location: target }));
      await drain(await rig.get("/_matrix/client/versions"));
      rig.homeserver.on("*", "/_matrix/media/v3/upload", respond(status, { Location: target }));
      await drain(await rig.get("/_matrix/media/v3/upload", { method: "POST", body: "x" }));
    }
    assert.equal(elsewhere.requests.length, 0);
  });

  it("in the query arrive at the homeserver, and are not cached", async () => {
    const stored = rig.store();
    const query = `?access_token=${rig.user}&user_id=%40a%3Aexample.org`;
    await expectPlain(await rig.get(stored, { token: null, query }), stored);
    assert.deepEqual(
      [...stored.requests[0].query],
      [
        ["user_id", "@a:example.org"],
        ["access_token", rig.user],
      ],
    );
    await rig.cached(stored);
    // The same object is cached for all users, but the homeserver authorises this one.
    await expectError(await rig.get(stored, { token: null, query: `?access_token=${newToken("unknown")}` }), 401, "M_UNKNOWN_TOKEN");
    const answer = await rig.answer(`${stored.path}`, { token: null, query: `${optIn("json")}&access_token=${rig.user}` });
    assert.ok(!JSON.stringify([answer.url, answer.metadata]).includes(rig.user));
  });

  it("are sent without the client's other headers", async () => {
    const stored = rig.store();
    const headers = {
      "CF-Connecting-IP": "192.0.2.7",
      Cookie: "a=b",
      Forwarded: "for=192.0.2.66",
      "X-Forwarded-For": "192.0.2.66",
      "X-Real-IP": "192.0.2.66",
      "X-Whatever": "1",
      Origin: "https://app.example",
      Referer: "https://app.example/room",
    };
    for (const init of [{}, { query: optIn("json") }, { method: "HEAD" }]) await drain(await rig.get(stored, { headers, ...init }));
    await rig.quiet();
    assert.ok(stored.count() >= 3);
    for (const { headers: sent } of stored.requests) {
      for (const name of ["cookie", "forwarded", "x-real-ip", "x-whatever", "origin", "referer"]) assert.equal(sent[name], undefined, name);
      assert.equal(sent["x-forwarded-for"], "192.0.2.7", "from the platform, not the client");
      assert.equal(sent["accept-encoding"], "identity");
    }
  });

  it("go to the homeserver without our query parameters, on every kind of request", async () => {
    const ours = optIn("json", { algs: "a256ctr,chacha20", session: "s", verbatim: true });
    const query = `${ours}&timeout_ms=20000&allow_remote=true&unknown=1`;
    const [fine, refused, waiting] = [
      rig.store(),
      rig.store().answers(matrixError(403, "M_FORBIDDEN", "no")),
      rig.store().answers(matrixError(504, "M_NOT_YET_UPLOADED", "not yet")),
    ];
    for (const stored of [fine, refused, waiting])
      for (const method of ["GET", "HEAD"]) await drain(await rig.get(stored, { query, method }));
    await rig.cached(fine);
    await drain(await rig.get(fine, { query }));
    for (const stored of [fine, refused, waiting]) {
      assert.ok(stored.count() > 0);
      for (const { url } of stored.requests) assert.doesNotMatch(url, /msc4097|unknown/i);
    }
    assert.equal(fine.requests[0].query.get("timeout_ms"), "20000");
  });
});
