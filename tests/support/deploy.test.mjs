// scripts/deploy-check.mjs finds the problems of a configuration, and no others.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";

import { problems } from "../../scripts/deploy-check.mjs";
import { ROOT, run } from "./process.mjs";

const ID = "0123456789abcdef0123456789abcdef";
const PATHS = ["/_matrix/media/*", "/_matrix/client/v1/media/*", "/_matrix/federation/v1/media/*", "/_matrix/client/versions"];
const PATH_ROUTES = PATHS.map((path) => ({ pattern: `matrix.cloak.test${path}`, zone_name: "cloak.test" }));
const EDGE_ROUTE = { pattern: "media.room.test", custom_domain: true };

/** Returns a configuration without problems, with these changes. */
function config({ vars = {}, ...changes } = {}) {
  return {
    workers_dev: false,
    preview_urls: false,
    observability: { redact_query_string: true, logs: { invocation_logs: false }, traces: { enabled: false } },
    compatibility_flags: ["global_fetch_strictly_public"],
    kv_namespaces: [{ binding: "GRANTS", id: ID }],
    routes: [...PATH_ROUTES, EDGE_ROUTE],
    vars: {
      ROLE: "both",
      HOMESERVER_URL: "https://synapse.cloak.test",
      SERVER_NAME: "cloak.test",
      EDGE_URL: "https://media.room.test",
      ...vars,
    },
    ...changes,
  };
}

describe("deploy check", () => {
  it("accepts a good configuration", () => {
    assert.deepEqual(problems(config()), []);
    const origin = config({ vars: { ROLE: "origin" }, routes: PATH_ROUTES });
    const edge = config({ vars: { ROLE: "edge" }, routes: [EDGE_ROUTE] });
    assert.deepEqual([problems(origin, { other: edge }), problems(edge, { other: origin })], [[], []]);
  });

  const cases = {
    "ROLE is 'all'": config({ vars: { ROLE: "all" } }),
    "EDGE_URL is still the placeholder": config({ vars: { EDGE_URL: "https://media.example.net" } }),
    "SERVER_NAME is still the placeholder": config({ vars: { SERVER_NAME: "example.com" } }),
    "id of GRANTS is still the placeholder": config({ kv_namespaces: [{ binding: "GRANTS", id: "REPLACE_WITH_KV_ID" }] }),
    "zone_name is still the placeholder": config({
      routes: [...PATH_ROUTES.map((route) => ({ ...route, zone_name: "example.com" })), EDGE_ROUTE],
    }),
    "id of GRANTS is 'abc'": config({ kv_namespaces: [{ binding: "GRANTS", id: "abc" }] }),
    "one KV namespace": config({ kv_namespaces: [] }),
    "HOMESERVER_URL is 'http://synapse.cloak.test'": config({ vars: { HOMESERVER_URL: "http://synapse.cloak.test" } }),
    "HOMESERVER_URL is 'https://127.0.0.1:8448'": config({ vars: { HOMESERVER_URL: "https://127.0.0.1:8448" } }),
    "EDGE_URL is 'https://media.room.test/path'": config({ vars: { EDGE_URL: "https://media.room.test/path" } }),
    "EDGE_URL is 'https://media.room.test:443'": config({ vars: { EDGE_URL: "https://media.room.test:443" } }),
    "the host must not end in a dot": config({ vars: { HOMESERVER_URL: "https://matrix.cloak.test." } }),
    "EDGE_URL is ''": config({ vars: { EDGE_URL: undefined } }),
    "SERVER_NAME is missing": config({ vars: { SERVER_NAME: undefined } }),
    "ALLOW_PRIVATE_NETWORK is 'on'": config({ vars: { ALLOW_PRIVATE_NETWORK: "on" } }),
    "HOMESERVER_TOKEN is in": config({ vars: { HOMESERVER_TOKEN: "x" } }),
    "routes lack the edge's own host": config({ routes: PATH_ROUTES }),
    "routes lack the homeserver's host": config({ routes: [EDGE_ROUTE] }),
    'routes lack "matrix.cloak.test/_matrix/client/versions"': config({ routes: [...PATH_ROUTES.slice(0, 3), EDGE_ROUTE] }),
    "origin must have no custom domain": config({ vars: { ROLE: "origin" } }),
    "edge must have no route": config({ vars: { ROLE: "edge" } }),
    "or under it": config({
      vars: { EDGE_URL: "https://m.matrix.cloak.test" },
      routes: [...PATH_ROUTES, { ...EDGE_ROUTE, pattern: "m.matrix.cloak.test" }],
    }),
    "would call itself": config({ vars: { HOMESERVER_URL: "https://matrix.cloak.test" } }),
    workers_dev: config({ workers_dev: undefined }),
    preview_urls: config({ preview_urls: true }),
    invocation_logs: config({ observability: { ...config().observability, logs: {} } }),
    redact_query_string: config({ observability: { ...config().observability, redact_query_string: false } }),
    "traces.enabled": config({ observability: { ...config().observability, traces: undefined } }),
    global_fetch_strictly_public: config({ compatibility_flags: [] }),
  };
  for (const [message, wrong] of Object.entries(cases)) {
    it(`says: ${message}`, () => {
      const found = problems(wrong);
      assert.ok(
        found.some((problem) => problem.includes(message)),
        found.join("\n") || "found nothing",
      );
    });
  }

  it("requires that origin and edge match", () => {
    const origin = config({ vars: { ROLE: "origin" }, routes: PATH_ROUTES, targetEnvironment: "origin" });
    const edge = config({
      vars: { ROLE: "edge", SERVER_NAME: "other.test" },
      routes: [EDGE_ROUTE],
      kv_namespaces: [{ binding: "GRANTS", id: ID.replace("0", "1") }],
    });
    const found = problems(edge, { other: origin }).join("\n");
    assert.match(found, /SERVER_NAME is 'other.test' here but 'cloak.test' in \[env.origin\]/);
    assert.match(found, /the id of GRANTS/);
  });

  it("refuses unknown variables", () => {
    assert.match(problems(config({ vars: { GRANT_TTL: "3" } }), { known: ["ROLE"] }).join("\n"), /GRANT_TTL is not a variable/);
  });

  it("refuses the repository's wrangler.toml only for its placeholders", async () => {
    for (const env of ["production", "origin", "edge"]) {
      const { code, stdout } = await run(process.execPath, [`${ROOT}/scripts/deploy-check.mjs`, env], { name: "deploy-check" });
      const found = stdout.toString().trim().split("\n");
      assert.equal(code, 1);
      assert.ok(found.length >= 5 && found.every((problem) => problem.includes("is still the placeholder")), found.join("\n"));
    }
  });
});

describe("wrangler.toml", () => {
  it("explains every variable and its default", () => {
    const lines = readFileSync(`${ROOT}/wrangler.toml`, "utf8").split("\n");
    const top = lines.slice(
      lines.indexOf("[vars]") + 1,
      lines.findIndex((line) => line.startsWith("[env.")),
    );
    const names = top.filter((line) => /^(# )?[A-Z_]+ = /.test(line));
    assert.ok(names.length >= 10);
    for (const line of names) assert.match(top[top.indexOf(line) - 1], /^# (Default: |No default\.)/, `before ${line}`);
  });
});
