// Remote homeservers that respond badly when a Cloakroom looks up their policy. Each case has a decision, mostly "proceed".
//
// The media show a "proceed": our Synapse fetches them from the scripted remote homeserver, which the port in its server name leads to. A
// well-known document needs port 443, which a test cannot use. The unit tests in src/policy/discovery.rs cover its cases (10 MB, redirect
// loops, delegation to private addresses and to our own domain). Here the media config is as bad.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";

import { federating } from "../support/federation.mjs";
import { startMeter } from "../support/meter.mjs";
import { downloadPath, legacyPath } from "../support/site.mjs";
import { startSynapse } from "../support/synapse.mjs";
import { makeCertificates, tlsServer } from "../support/tls.mjs";
import { startWorker } from "../support/worker.mjs";

const CONFIG = "/_matrix/media/v3/config";
const VERSIONS = "/_matrix/client/versions";
const MEDIA = Buffer.from("media of a peer that has nothing but anonymous downloads");
const NONE = { "m.upload.size": 1, "m.media.unauthenticated": "m.none" };
const TOO_LONG_BYTES = 10_000_000;
const REJECTED = [404, "Remote homeserver rejected access"];
// FETCH_TIMEOUT_MS is 5 s.
const TOO_LATE_MS = 5_500;

let certificates, synapse, alice, meter, enforcing, legacy, strict;
before(async () => {
  certificates = await makeCertificates();
  synapse = await startSynapse({ serverName: "home.example", config: federating(certificates.caFile) });
  alice = await synapse.createUser("alice");
  const service = await synapse.createUser("cloakroom");
  meter = await startMeter(synapse.url);
  const { caFile } = certificates;
  const start = (vars) => {
    const required = { HOMESERVER_URL: meter.url, SERVER_NAME: synapse.serverName };
    return startWorker({ vars: { ...required, ...vars }, secrets: { HOMESERVER_TOKEN: service.token }, caFile });
  };
  const modes = [{ ALLOW_PRIVATE_NETWORK: "on" }, { ALLOW_PRIVATE_NETWORK: "on", REMOTE_POLICY: "legacy" }, {}];
  [enforcing, legacy, strict] = await Promise.all(modes.map(start));
});
after(async () => {
  await Promise.all([enforcing, legacy, strict].map((worker) => worker?.stop()));
  await synapse?.stop();
  await meter?.stop();
});

/** A remote homeserver that serves one object on the legacy endpoint, as before authenticated federation, and otherwise follows a script. */
async function startPeer(documents) {
  const peer = await tlsServer(certificates, (request, response) => {
    const [path] = request.url.split("?");
    if (path in documents) return documents[path](request, response);
    if (path.startsWith("/_matrix/media/v3/download/")) {
      return response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": MEDIA.length }).end(MEDIA);
    }
    response
      .writeHead(404, { "Content-Type": "application/json" })
      .end(JSON.stringify({ errcode: "M_UNRECOGNIZED", error: "Unrecognized" }));
  });
  peer.mediaRequests = () => peer.count(/\/media\/(v3\/)?download\//);
  return peer;
}

/** Sends a JSON document, or text unchanged. */
const say =
  (status, body, headers = {}) =>
  (_request, response) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(text);
  };

const newMedia = (serverName) => `mxc://${serverName}/${randomBytes(12).toString("hex")}`;

async function ask(worker, path) {
  const response = await fetch(worker.origin + path, { headers: { Authorization: `Bearer ${alice.token}` } });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, body, error: response.ok ? undefined : JSON.parse(body).error };
}

async function assertProceeds(worker, peer, message) {
  const { status, body } = await ask(worker, downloadPath(newMedia(peer.serverName)));
  assert.deepEqual([status, body.toString()], [200, MEDIA.toString()], message);
}

async function assertRejects(worker, peer, message) {
  const { status, error } = await ask(worker, downloadPath(newMedia(peer.serverName)));
  assert.deepEqual([status, error], REJECTED, message);
  assert.equal(peer.mediaRequests(), 0, message);
}

describe("L3: the policy of a remote homeserver", () => {
  const padded = JSON.stringify(NONE).padEnd(TOO_LONG_BYTES);
  const redirect = (_request, response) => response.writeHead(302, { Location: "/none" }).end();
  const proceed = {
    "10 MB of JSON": say(200, padded),
    "10 MB in 10 kB of gzip": (_request, response) => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Encoding": "gzip" }).end(gzipSync(padded));
    },
    "a redirect to a policy": redirect,
    "invalid JSON": say(200, `{"m.media.unauthenticated":"m.none"`),
    HTML: say(200, "<html>m.none</html>", { "Content-Type": "text/html" }),
    nothing: say(200, ""),
    "an array": say(200, [NONE]),
    "a policy that is a number": say(200, { "m.media.unauthenticated": 0 }),
    "a policy that is a list": say(200, { "m.media.unauthenticated": ["m.none"] }),
    "a policy of null": say(200, { "m.media.unauthenticated": null }),
    "an unknown word": say(200, { "m.media.unauthenticated": "m.future" }),
    "the word in capitals": say(200, { "m.media.unauthenticated": "M.NONE" }),
    "m.local": say(200, { "m.media.unauthenticated": "m.local" }),
    "no policy": say(200, { "m.upload.size": 1 }),
    401: say(401, { errcode: "M_MISSING_TOKEN", ...NONE }),
    403: say(403, NONE),
    404: say(404, NONE),
    429: say(429, NONE),
    500: say(500, NONE),
    206: say(206, NONE),
    "a connection that ends": (request) => request.socket.destroy(),
    "a body that breaks off": (request, response) => {
      response.writeHead(200, { "Content-Length": 1000 }).write(JSON.stringify(NONE), () => request.socket.destroy());
    },
    "an answer after the time limit": (request, response) => setTimeout(() => say(200, NONE)(request, response), TOO_LATE_MS),
    "a body that goes on and on": (_request, response) => {
      const timer = setInterval(() => response.write(" "), 200);
      response.on("close", () => clearInterval(timer));
      response.writeHead(200).write(JSON.stringify(NONE));
    },
  };

  // All run at once: our time limit and Synapse's attempts to connect take five seconds.
  describe("that cannot be read, or is not m.none", { concurrency: true }, () => {
    const homeserverDecides = async (worker, serverName) => {
      const path = downloadPath(newMedia(serverName));
      const { error } = await ask(worker, path);
      assert.notEqual(error, REJECTED[1], serverName);
      assert.equal(meter.count({ path }), 1, serverName);
    };

    it("no server there: proceed", async () => {
      const peer = await startPeer({});
      await peer.stop();
      await homeserverDecides(enforcing, peer.serverName);
    });

    it("a server in a private network: never asked", async () => {
      const peer = await startPeer({ [CONFIG]: say(200, NONE) });
      const hosts = ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "localhost.", "127.1", "2130706433"];
      await Promise.all(hosts.map((host) => homeserverDecides(strict, `${host}:${peer.port}`)));
      assert.equal(peer.count(CONFIG), 0);
      await peer.stop();
    });

    for (const [what, config] of Object.entries(proceed)) {
      it(`${what}: proceed, and do not ask again`, async () => {
        const peer = await startPeer({ [CONFIG]: config, "/none": say(200, NONE) });
        const started = Date.now();
        await assertProceeds(enforcing, peer, what);
        assert.ok(Date.now() - started < 10_000, "within the time limit of a lookup");
        await assertProceeds(enforcing, peer, what);
        assert.deepEqual([peer.count(CONFIG), peer.count("/none"), peer.mediaRequests() > 0], [1, 0, true]);
        await peer.stop();
      });
    }
  });

  it("L2: is m.none, or m.all in later revisions: reject", async () => {
    for (const word of ["m.none", "m.all"]) {
      const peer = await startPeer({ [CONFIG]: say(200, { "m.media.unauthenticated": word }) });
      for (const _ of ["first", "again"]) await assertRejects(enforcing, peer, word);
      assert.equal(peer.requests.length, 1);
      await peer.stop();
    }
  });

  it("is m.none, and REMOTE_POLICY is legacy: the server's versions decide", async () => {
    const versions = (...list) => say(200, { versions: list });
    for (const [what, document, rejects] of [
      ["v1.10", versions("v1.1", "v1.10"), true],
      ["v1.11", versions("v1.1", "v1.11"), false],
      ["v1.12", versions("v1.12"), false],
      ["no versions", say(200, {}), true],
      ["versions that cannot be read", say(500, ""), true],
    ]) {
      const peer = await startPeer({ [CONFIG]: say(200, NONE), [VERSIONS]: document });
      for (const _ of ["first", "again"]) await (rejects ? assertRejects : assertProceeds)(legacy, peer, what);
      assert.deepEqual([peer.count(CONFIG), peer.count(VERSIONS)], [1, 1]);
      await peer.stop();
    }
  });
});

describe("simultaneous requests", () => {
  it("for media of one remote homeserver wait for one lookup, and obey it", async () => {
    const slowly = (handler) => (request, response) => setTimeout(() => handler(request, response), 1_000);
    const peer = await startPeer({ [CONFIG]: slowly(say(200, NONE)), [VERSIONS]: say(200, { versions: ["v1.1"] }) });
    await Promise.all(Array.from({ length: 20 }, () => assertRejects(legacy, peer)));
    assert.deepEqual([peer.count(CONFIG), peer.count(VERSIONS)], [1, 1]);
    await peer.stop();
  });
});

describe("server names", () => {
  it("of one remote homeserver may differ in case", async () => {
    const peer = await startPeer({ [CONFIG]: say(200, NONE) });
    for (const serverName of [peer.serverName.toUpperCase(), peer.serverName, `Localhost:${peer.port}`]) {
      const { status, error } = await ask(enforcing, downloadPath(newMedia(serverName)));
      assert.deepEqual([status, error], REJECTED, serverName);
    }
    assert.equal(peer.requests.length, 1);
    await peer.stop();
  });

  it("that are invalid give 400 and cause no request", async () => {
    const peer = await startPeer({ [CONFIG]: say(200, NONE) });
    meter.reset();
    const at = `localhost:${peer.port}`;
    for (const name of [
      `x@${at}`,
      `${at}#x`,
      `${at}?x`,
      `${at}/x`,
      `b\u00fccher.example:${peer.port}`,
      `${at}:1`,
      `[${at}`,
      "localhost:99999999",
      " ",
    ]) {
      const path = `/_matrix/client/v1/media/download/${encodeURIComponent(name)}/abc`;
      assert.equal((await ask(enforcing, path)).status, 400, name);
      assert.equal((await ask(enforcing, path.replace("client/v1/media", "media/v3"))).status, 400, name);
    }
    assert.deepEqual([peer.requests.length, meter.count()], [0, 0]);
    await peer.stop();
  });

  it("of remote media that the client does not want fetched cause no lookup", async () => {
    const peer = await startPeer({ [CONFIG]: say(200, NONE) });
    const { status, error } = await ask(enforcing, legacyPath(newMedia(peer.serverName), { allow_remote: false }));
    assert.deepEqual([status, error !== REJECTED[1], peer.requests.length], [404, true, 0]);
    await peer.stop();
  });
});
