// The federation of the tests works: two real Synapses, TLS between them, and a Cloakroom in front of each if wanted.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { request as sendRequest } from "node:https";
import { after, before, describe, it } from "node:test";

import { startFederation } from "./federation.mjs";
import { httpsGet, makeCertificates, tlsProxy, tlsServer } from "./tls.mjs";
import { startWorker } from "./worker.mjs";

// 1x1 pixel: enough for a thumbnail by Synapse.
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

describe("tls", () => {
  let certificates;
  before(async () => {
    certificates = await makeCertificates();
  });

  it("relays method, path, host, status and body", async () => {
    const behind = createServer((request, response) => {
      response.writeHead(418, {
        "X-Seen": `${request.method} ${request.headers.host}${request.url} ${request.headers["x-forwarded-proto"]}`,
      });
      request.pipe(response);
    });
    behind.listen(0, "127.0.0.1");
    await once(behind, "listening");
    const base = `http://127.0.0.1:${behind.address().port}`;
    const proxy = await tlsProxy(certificates, (path) => (path.startsWith("/none") ? undefined : base));
    const post = sendRequest(`${proxy.url}/a?b=c`, { method: "POST", ca: certificates.ca, agent: false });
    post.end("body");
    const [answer] = await once(post, "response");
    assert.equal(answer.statusCode, 418);
    assert.equal(answer.headers["x-seen"], `POST ${proxy.serverName}/a?b=c https`);
    assert.equal(Buffer.concat(await answer.toArray()).toString(), "body");
    assert.equal((await httpsGet(`${proxy.url}/none`, certificates)).status, 502);
    assert.deepEqual([proxy.count("/a"), proxy.count(/^\/n/), proxy.count("/b")], [1, 1, 0]);
    behind.close();
    assert.equal((await httpsGet(`${proxy.url}/a`, certificates)).status, 502);
    await proxy.stop();
  });

  it("breaks off when the server behind it does", async () => {
    const behind = createServer((_request, response) => {
      response.writeHead(200, { "Content-Length": "10" });
      response.write("12345", () => setTimeout(() => response.destroy(), 20));
    });
    behind.listen(0, "127.0.0.1");
    await once(behind, "listening");
    const proxy = await tlsProxy(certificates, () => `http://127.0.0.1:${behind.address().port}`);
    await assert.rejects(httpsGet(proxy.url, certificates), /aborted/);
    behind.close();
    await proxy.stop();
  });

  it("is trusted only with its authority", async () => {
    const server = await tlsServer(certificates, (_request, response) => response.end("hello"));
    assert.equal((await httpsGet(server.url, certificates)).body.toString(), "hello");
    const { ca } = await makeCertificates();
    await assert.rejects(httpsGet(server.url, { ca }), /certificate|self-signed/);
    await server.stop();
  });
});

describe("federation", () => {
  /** @type {Awaited<ReturnType<typeof startFederation>>} */
  let federation;
  let alice, bob;
  before(async () => {
    federation = await startFederation();
    [alice, bob] = await Promise.all([federation.a.synapse.createUser("alice"), federation.b.synapse.createUser("bob")]);
  });
  after(() => federation?.stop());

  const downloads = /^\/_matrix\/federation\/v1\/media\/download\//;
  const path = (mxc, kind = "download") => `/_matrix/client/v1/media/${kind}/${mxc.slice("mxc://".length)}`;

  it("brings media of B to a user of A", async () => {
    const { a, b, certificates } = federation;
    const { mxc } = await b.synapse.upload(bob.token, "hello from B", { type: "text/plain" });
    assert.ok(mxc.startsWith(`mxc://${b.serverName}/`));
    const before = b.front.count(downloads);
    for (const _ of ["fetched", "kept"]) {
      const response = await fetch(a.synapse.url + path(mxc), { headers: { Authorization: `Bearer ${alice.token}` } });
      assert.deepEqual([response.status, await response.text()], [200, "hello from B"]);
    }
    assert.equal(b.front.count(downloads), before + 1, "Synapse keeps what it fetched");
    const anonymous = await httpsGet(a.url + path(mxc), certificates);
    assert.deepEqual([anonymous.status, JSON.parse(anonymous.body).errcode], [401, "M_MISSING_TOKEN"]);
  });

  it("brings thumbnails of media of B to a user of A", async () => {
    const { a, b, certificates } = federation;
    const { mxc } = await b.synapse.upload(bob.token, PNG, { type: "image/png" });
    const thumbnail = await httpsGet(`${a.url}${path(mxc, "thumbnail")}?width=32&height=32`, { ...certificates, token: alice.token });
    assert.equal(thumbnail.status, 200);
    assert.match(thumbnail.headers["content-type"], /^image\//);
  });

  it("has Synapses that refuse their media config without a token", async () => {
    const { b, certificates } = federation;
    const config = await httpsGet(`${b.url}/_matrix/media/v3/config`, certificates);
    assert.deepEqual([config.status, JSON.parse(config.body).errcode], [401, "M_MISSING_TOKEN"]);
    const versions = JSON.parse((await httpsGet(`${b.url}/_matrix/client/versions`, certificates)).body);
    assert.ok(versions.versions.includes("v1.11"));
  });

  it("routes media paths to the Cloakrooms and all others to the Synapses", async () => {
    const { a, b, certificates } = federation;
    const get = (peer, target, token) => httpsGet(peer.url + target, { ...certificates, token });
    await Promise.all([a.startCloakroom(), b.startCloakroom()]);
    for (const [peer, user] of [
      [a, alice],
      [b, bob],
    ]) {
      const versions = JSON.parse((await get(peer, "/_matrix/client/versions")).body);
      assert.equal(versions.unstable_features["org.matrix.msc4097"], true);
      const config = JSON.parse((await get(peer, "/_matrix/media/v3/config", user.token)).body);
      assert.equal(config["org.matrix.msc4097"].edge, peer.worker.edge);
      const whoami = JSON.parse((await get(peer, "/_matrix/client/v3/account/whoami", user.token)).body);
      assert.equal(whoami.user_id, user.userId);
    }
    const { mxc } = await b.synapse.upload(bob.token, "through both", { type: "text/plain" });
    const response = await get(a, path(mxc), alice.token);
    assert.deepEqual([response.status, response.body.toString()], [200, "through both"]);
    await Promise.all([a.stopCloakroom(), b.stopCloakroom()]);
    assert.equal(JSON.parse((await get(a, "/_matrix/client/versions")).body).unstable_features["org.matrix.msc4097"], undefined);
  });

  it("is reachable only for a Worker that trusts its authority", async () => {
    const { b, certificates } = federation;
    const { token } = await b.synapse.createUser("service");
    const vars = { HOMESERVER_URL: b.url, SERVER_NAME: b.serverName };
    for (const [caFile, status] of [
      [certificates.caFile, 200],
      [undefined, 502],
    ]) {
      const worker = await startWorker({ vars, caFile, secrets: { HOMESERVER_TOKEN: token } });
      assert.equal((await fetch(`${worker.origin}/_matrix/client/versions`)).status, status);
      await worker.stop();
    }
  });
});
