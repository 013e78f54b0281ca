// With a wrong configuration, the log says what is wrong, clients learn only the variable's name, media stop, and other requests continue.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { respond } from "../support/homeserver.mjs";
import { SERVER_NAME, expectError, newToken, optIn, startRig } from "./rig.mjs";

const DOWNLOAD = `/_matrix/client/v1/media/download/${SERVER_NAME}/id`;
const MEDIA = [
  DOWNLOAD,
  `${DOWNLOAD}/name.png`,
  DOWNLOAD + optIn("json"),
  `/_matrix/client/v1/media/thumbnail/${SERVER_NAME}/id?width=1&height=1`,
];
const PASSED = ["/_matrix/client/v3/sync?x=y", "/_matrix/media/v3/upload", "/_matrix/client/versions", "/_matrix/client/v1/media/config"];
const RULES = {
  ROLE: ["Both", /'both', 'origin' or 'edge'/],
  SERVER_NAME: ["exa mple.org", /like example\.org/],
  GRANT_TTL_SECS: ["9", /from 10 to 86400/],
  REDIRECT_MIN_BYTES: ["64k", /number of bytes/],
  REDIRECT_MAX_BYTES: ["68719476736", /up to 68719476735/],
  PLAIN_REDIRECT: ["yes", /'on' or 'off'/],
  SESSION_TTL_SECS: ["59", /from 60 to 604800/],
  ENCRYPTED_MEDIA: ["", /'reencrypt' or 'verbatim'/],
  CACHE_MAX_BYTES: ["600000000", /number of bytes/],
  CACHE_TTL_SECS: ["0", /from 1 to/],
  MEDIA_UNAUTHENTICATED: ["m.all", /'m\.none'/],
  REMOTE_POLICY: ["maybe", /'enforce'/],
};

const rigs = {};
before(async () => {
  const values = Object.fromEntries(Object.entries(RULES).map(([name, [value]]) => [name, value]));
  // Printable, but with spaces, which a token cannot have.
  const secrets = { HOMESERVER_TOKEN: `${newToken("service")} and more` };
  const starts = {
    all: { vars: values, secrets },
    urls: { vars: { HOMESERVER_URL: "synapse:8008", EDGE_URL: "https://media.example.net/path" } },
    edgeUrl: { vars: { EDGE_URL: "http://media.example.net" } },
    hosts: { vars: { HOMESERVER_URL: "https://synapse.test", EDGE_URL: "https://media.matrix.test" } },
    keyStore: { keyStore: false },
    edge: { vars: { ROLE: "edge", GRANT_TTL_SECS: "x" } },
    origin: { vars: { ROLE: "origin" } },
  };
  for (const [name, options] of Object.entries(starts)) {
    rigs[name] = await startRig({ name: `worker-${name}`, ...options });
    rigs[name].homeserver.on("*", /.*/, respond(200, {}, { passed: true }));
    rigs[name].secrets = options.secrets;
  }
});
after(() => Promise.all(Object.values(rigs).map((rig) => rig.stop())));

async function wrongVariables(rig, host) {
  const { status, body } = await rig.verbatim("/_cloakroom/health", { host });
  const { wrong_variables: names, status: word } = JSON.parse(body);
  assert.deepEqual([status, word], names.length === 0 ? [200, "ok"] : [503, "misconfigured"]);
  return { names, body: body.toString() };
}

// Requests for media fail and name the wrong variables, and nothing else.
async function expectNoMedia(rig, names, host) {
  for (const path of MEDIA) {
    for (const method of ["GET", "HEAD"]) {
      const { status, body } = await rig.verbatim(path, { host, method, headers: { Authorization: `Bearer ${rig.user}` } });
      assert.equal(status, 500, path);
      if (method === "HEAD") continue;
      const { errcode, error } = JSON.parse(body);
      assert.equal(errcode, "M_UNKNOWN");
      for (const name of names) assert.ok(error.includes(name), error);
      for (const [value] of Object.values(RULES)) assert.ok(value.length < 3 || !error.includes(value), error);
    }
  }
  for (const { path } of rig.homeserver.requests) assert.doesNotMatch(path, /download|thumbnail/);
}

async function expectPassed(rig, host) {
  for (const path of PASSED) {
    const { status, body } = await rig.verbatim(path, { host, headers: { Authorization: `Bearer ${rig.user}` } });
    assert.deepEqual([status, JSON.parse(body)], [200, { passed: true }], path);
  }
}

async function expectNothingPassed(rig, host) {
  const before = rig.homeserver.requests.length;
  for (const path of [...PASSED, ...MEDIA, "/", `/${"A".repeat(43)}`]) {
    const { status, body } = await rig.verbatim(path, { host, headers: { Authorization: `Bearer ${rig.user}` } });
    assert.ok(status === 500 || status === 404, `${status} for ${path}`);
    assert.match(JSON.parse(body).errcode, /^M_/);
  }
  assert.equal(rig.homeserver.requests.length, before);
}

describe("a wrong variable", () => {
  it("is named by health; the log also has its value and rule; neither shows a secret", async () => {
    const rig = rigs.all;
    const { names, body } = await wrongVariables(rig);
    assert.deepEqual(new Set(names), new Set([...Object.keys(RULES), "HOMESERVER_TOKEN"]));
    for (const [value] of Object.values(RULES)) assert.ok(value.length < 3 || !body.includes(value), `${value} in ${body}`);
    await rig.worker.untilLog(/HOMESERVER_TOKEN/);
    const log = rig.worker.logs();
    for (const [name, [value, rule]] of Object.entries(RULES)) {
      const line = log.split("\n").find((line) => line.includes("config_error") && line.includes(`"variable":"${name}"`));
      assert.ok(line, `the log does not name ${name}`);
      const { error } = JSON.parse(line.slice(line.indexOf("{"), line.lastIndexOf("}") + 1));
      assert.ok(error.startsWith(`${name} is ${JSON.stringify(value)}, but must be `), error);
      assert.match(error, rule);
    }
    assert.match(log, /HOMESERVER_TOKEN must be set as a secret/);
    assert.ok(!log.includes(rig.secrets.HOMESERVER_TOKEN.split(" ")[0]), "the secret is in the log");
  });

  it("stops media, and nothing else", async () => {
    await expectNoMedia(rigs.all, Object.keys(RULES));
    await expectPassed(rigs.all);
    assert.equal((await rigs.all.verbatim("/_cloakroom/object/1/x")).status, 404);
  });

  it("still lets preflights pass, so that browsers can read the error", async () => {
    const asked = [
      [rigs.all, undefined],
      [rigs.hosts, "synapse.test"],
      [rigs.hosts, "matrix.test"],
    ];
    for (const [rig, host] of asked) {
      for (const path of MEDIA) {
        const { status, headers, body } = await rig.verbatim(path, { host, method: "OPTIONS" });
        assert.deepEqual([status, body.length, headers["access-control-allow-origin"]], [204, 0, "*"], path);
        assert.match(headers["access-control-allow-headers"], /authorization/i);
        assert.equal((await rig.verbatim(path, { host })).headers["access-control-allow-origin"], "*");
      }
    }
    for (const { method } of rigs.all.homeserver.requests) assert.notEqual(method, "OPTIONS");
  });

  it("leaves the edge's host closed", async () => {
    await expectNothingPassed(rigs.all, rigs.all.edgeHost);
    await expectNothingPassed(rigs.edge);
    await expectNothingPassed(rigs.edge, rigs.edge.edgeHost);
    assert.deepEqual((await wrongVariables(rigs.edge)).names, ["GRANT_TTL_SECS"]);
  });

  it("HOMESERVER_URL stops all requests", async () => {
    const { names, body } = await wrongVariables(rigs.urls);
    assert.deepEqual(new Set(names), new Set(["HOMESERVER_URL", "EDGE_URL"]));
    assert.ok(!body.includes("synapse") && !body.includes("example.net"));
    await expectNothingPassed(rigs.urls);
    await expectError(await rigs.urls.get(PASSED[0]), 500, "M_UNKNOWN");
  });

  it("EDGE_URL leaves the edge's host unknown, so only Matrix paths pass through", async () => {
    assert.deepEqual((await wrongVariables(rigs.edgeUrl)).names, ["EDGE_URL"]);
    await expectNoMedia(rigs.edgeUrl, ["EDGE_URL"]);
    await expectPassed(rigs.edgeUrl);
    for (const path of ["/", `/${"A".repeat(43)}`, "/.well-known/matrix/client"])
      assert.equal((await rigs.edgeUrl.get(path)).status, 500, path);
  });

  it("is also reported for a missing key store", async () => {
    assert.deepEqual((await wrongVariables(rigs.keyStore)).names, ["GRANTS"]);
    await expectNoMedia(rigs.keyStore, ["GRANTS"]);
    await expectPassed(rigs.keyStore);
    await rigs.keyStore.worker.untilLog(/"variable":"GRANTS"/);
    assert.match(rigs.keyStore.worker.logs(), /kv_namespaces/);
  });
});

describe("a request to a host that does not fit the configuration", () => {
  it("is refused if it would loop back to us", async () => {
    assert.deepEqual((await wrongVariables(rigs.hosts, "synapse.test")).names, ["HOMESERVER_URL"]);
    await expectNoMedia(rigs.hosts, ["HOMESERVER_URL"], "synapse.test");
    for (const path of PASSED) {
      const { status, body } = await rigs.hosts.verbatim(path, { host: "synapse.test" });
      assert.equal(status, 500);
      assert.match(JSON.parse(body).error, /HOMESERVER_URL/);
    }
    await rigs.hosts.worker.untilLog(/"variable":"HOMESERVER_URL"/);
  });

  it("is not served media if the edge's host is that host or under it", async () => {
    assert.deepEqual((await wrongVariables(rigs.hosts, "other.test")).names, []);
    for (const host of ["matrix.test", "matrix.test:8443", "test", "media.matrix.test:8443"]) {
      assert.deepEqual((await wrongVariables(rigs.hosts, host)).names, ["EDGE_URL"], host);
      await expectNoMedia(rigs.hosts, ["EDGE_URL"], host);
    }
    // Pass-through continues, to a homeserver that does not exist.
    const { status, body } = await rigs.hosts.verbatim("/_matrix/client/v3/sync", { host: "matrix.test" });
    assert.deepEqual([status, JSON.parse(body).error], [502, "the homeserver cannot be reached"]);
    await rigs.hosts.worker.untilLog(/"variable":"EDGE_URL"/);
  });

  it("is logged once for each variable, not with each request", async () => {
    for (const name of ["HOMESERVER_URL", "EDGE_URL"]) {
      const lines = rigs.hosts.worker
        .logs()
        .split("\n")
        .filter((line) => line.includes(`"variable":"${name}"`));
      assert.equal(lines.length, 1, name);
    }
  });

  it("is treated the same if the host ends in a dot", async () => {
    assert.deepEqual((await wrongVariables(rigs.hosts, "synapse.test.")).names, ["HOMESERVER_URL"]);
    for (const host of ["matrix.test.", "matrix.test.:8443"]) {
      assert.deepEqual((await wrongVariables(rigs.hosts, host)).names, ["EDGE_URL"], host);
      await expectNoMedia(rigs.hosts, ["EDGE_URL"], host);
    }
    // The edge's host passes nothing through and serves only links.
    for (const path of [...PASSED, ...MEDIA]) {
      const { status, body } = await rigs.hosts.verbatim(path, { host: "media.matrix.test." });
      assert.deepEqual([status, JSON.parse(body).errcode], [404, "M_NOT_FOUND"], path);
    }
  });

  it("is refused by an origin if it is for the edge's host", async () => {
    await expectNothingPassed(rigs.origin, rigs.origin.edgeHost);
    assert.deepEqual((await wrongVariables(rigs.origin, rigs.origin.edgeHost)).names, ["EDGE_URL"]);
    assert.deepEqual((await wrongVariables(rigs.origin)).names, []);
  });
});
