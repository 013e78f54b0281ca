// Requests in all forms: a missing token is reported first, invalid paths and parameters are refused here, unknown parameters are harmless.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError, respond } from "../support/homeserver.mjs";
import { SERVER_NAME, SMALL_BYTES, drain, expectError, expectPlain, newToken, optIn, startRig } from "./rig.mjs";

const MEDIA = "/_matrix/client/v1/media";

// Invalid paths. Dot segments such as `..`, which are resolved first, have a separate test.
const BAD_PATHS = [
  `download/${SERVER_NAME}/with%20space`,
  `download/${SERVER_NAME}/with.dot`,
  `download/${SERVER_NAME}/with%2Fslash`,
  `download/${SERVER_NAME}/with%252Fslash`,
  `download/${SERVER_NAME}/..%2F..%2Fsecret`,
  `download/${SERVER_NAME}/%2e%2e%2fsecret`,
  `download/${SERVER_NAME}/with%5Cbackslash`,
  `download/${SERVER_NAME}/with%00nul`,
  `download/${SERVER_NAME}/with%0Aline`,
  `download/${SERVER_NAME}/with%3Fquery`,
  `download/${SERVER_NAME}/with%23hash`,
  `download/${SERVER_NAME}/snowman%E2%98%83`,
  `download/${SERVER_NAME}/broken%FF`,
  `download/${SERVER_NAME}/broken%zz`,
  `download/${SERVER_NAME}/${"x".repeat(256)}`,
  `download/${SERVER_NAME}/`,
  "download//id",
  "download/exa%20mple.org/id",
  "download/exa_mple.org/id",
  "download/example.org%2Fother/id",
  "download/example.org%2F..%2F..%2Fsecret/id",
  "download/user@example.org/id",
  "download/example.org:port/id",
  "download/example.org:/id",
  "download/[::1/id",
  "download/ex%C3%A4mple.org/id",
  `download/${"x".repeat(300)}/id`,
  `thumbnail/${SERVER_NAME}/with%2Fslash?width=1&height=1`,
];
const BAD_QUERIES = [
  ["download", "access_token=a_token_here&access_token=a_token_here", "M_INVALID_PARAM"],
  ["download", "timeout_ms=1&timeout_ms=2", "M_INVALID_PARAM"],
  ["download", "user_id=a&user_id=b", "M_INVALID_PARAM"],
  ["thumbnail", "", "M_MISSING_PARAM"],
  ["thumbnail", "width=32", "M_MISSING_PARAM"],
  ["thumbnail", "height=32", "M_MISSING_PARAM"],
  ["thumbnail", "width=32&width=32&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=-1&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=%2B32&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=+32&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=large&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=99999999999&height=32", "M_INVALID_PARAM"],
  ["thumbnail", "width=32&height=32&method=stretch", "M_INVALID_PARAM"],
  ["thumbnail", "width=32&height=32&animated=perhaps", "M_INVALID_PARAM"],
  ["thumbnail", "width=32&height=32&method=crop&method=scale", "M_INVALID_PARAM"],
];

describe("a request for media", () => {
  let rig;
  before(async () => {
    rig = await startRig();
    rig.homeserver.on("*", /.*/, matrixError(404, "M_UNRECOGNIZED", "the homeserver's own"));
  });
  after(() => rig.stop());

  const bearer = (token) => ({ Authorization: `Bearer ${token}` });
  const errcode = ({ body }) => JSON.parse(body).errcode;
  const reached = () => rig.homeserver.requests.map(({ url }) => url);

  it("without a token is refused first, and the homeserver is not asked", async () => {
    const valid = [`${MEDIA}/download/${SERVER_NAME}/id`, `${MEDIA}/thumbnail/${SERVER_NAME}/id?width=1&height=1`];
    const wrong = [
      ...BAD_PATHS.map((path) => `${MEDIA}/${path}`),
      ...BAD_QUERIES.slice(1).map(([kind, query]) => `${MEDIA}/${kind}/${SERVER_NAME}/id?${query}`),
    ];
    rig.homeserver.requests.length = 0;
    const noTokens = [
      { Authorization: "" },
      { Authorization: "Bearer " },
      { Authorization: "Basic dXNlcjpwYXNz" },
      { Authorization: rig.user },
      { Cookie: `access_token=${rig.user}` },
    ];
    const requests = [...[...valid, ...wrong].map((path) => [path, {}]), ...noTokens.map((headers) => [valid[0], headers])];
    for (const [path, headers] of requests) {
      const response = await rig.verbatim(path, { headers });
      assert.deepEqual([response.status, errcode(response)], [401, "M_MISSING_TOKEN"], `${path} with ${Object.keys(headers)}`);
    }
    assert.deepEqual(reached(), []);
    await expectError(await rig.get(valid[0], { token: null, query: optIn("json") }), 401, "M_MISSING_TOKEN");
    const head = await rig.get(valid[0], { token: null, method: "HEAD" });
    assert.deepEqual([head.status, await drain(head)], [401, 0]);
  });

  it("may have its token in the header or the query", async () => {
    const stored = rig.store();
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      await expectPlain(await rig.get(stored, { token: null, headers: { Authorization: `${scheme} ${rig.user}` } }), stored);
    await expectPlain(await rig.get(stored, { token: null, query: `?access_token=${rig.user}` }), stored);
  });

  it("with an unknown token gets the homeserver's error", async () => {
    const stored = rig.store();
    for (const init of [{}, { query: optIn("json") }, { query: optIn("redirect") }, { headers: { Range: "bytes=0-1" } }]) {
      const body = await expectError(await rig.get(stored, { token: newToken("unknown"), ...init }), 401, "M_UNKNOWN_TOKEN");
      assert.deepEqual(body, { errcode: "M_UNKNOWN_TOKEN", error: "Invalid access token passed.", soft_logout: false });
    }
  });

  it("on an invalid path is refused here", async () => {
    rig.homeserver.requests.length = 0;
    for (const path of BAD_PATHS) {
      for (const query of ["", optIn("json")]) {
        const full = `${MEDIA}/${path}${path.includes("?") ? query.replace("?", "&") : query}`;
        const response = await rig.verbatim(full, { headers: bearer(rig.user) });
        assert.deepEqual([response.status, errcode(response)], [400, "M_INVALID_PARAM"], full);
        assert.ok(!response.body.includes("homeserver's own"));
      }
    }
    assert.deepEqual(reached(), []);
  });

  it("with dot segments is a request for the resolved path", async () => {
    rig.homeserver.requests.length = 0;
    const paths = ["..", "../..", "%2e%2e", ".%2e/x", "x/../../../../../etc/passwd", "./.", "..%5c..%5cx"].map(
      (end) => `${MEDIA}/download/${SERVER_NAME}/${end}`,
    );
    for (const path of paths) {
      const response = await rig.verbatim(path, { headers: bearer(rig.user) });
      assert.ok([400, 404].includes(response.status), `${response.status} for ${path}`);
    }
    for (const url of reached()) assert.doesNotMatch(url, /\.\.|%2e|%2f|%5c|\\/i, "a path that another server may read differently");
  });

  it("with invalid parameters is refused here", async () => {
    rig.homeserver.requests.length = 0;
    for (const [kind, query, expected] of BAD_QUERIES) {
      const response = await rig.verbatim(`${MEDIA}/${kind}/${SERVER_NAME}/id?${query}`, { headers: bearer(rig.user) });
      assert.deepEqual([response.status, errcode(response)], [400, expected], query);
    }
    assert.deepEqual(reached(), []);
  });

  it("with unknown parameters works", async () => {
    const stored = rig.store();
    for (const query of [
      "?allow_redirect=true",
      "?allow_redirect=maybe&allow_redirect=2",
      "?unknown=1&unknown=2",
      "?%FF=%FF",
      "?",
      "?&&",
      "?a=b=c",
      `?${"x=y&".repeat(1_000)}`,
      "?width=x&animated=maybe",
    ]) {
      await expectPlain(await rig.get(stored, { query }), stored);
    }
    for (const { url } of stored.requests) assert.equal(url, stored.path);
  });

  it("may set a file name, which the client gets and the homeserver does not", async () => {
    const stored = rig.store(SMALL_BYTES, { type: "image/png", disposition: "inline; filename=stored.png" });
    const names = {
      "plain.png": 'inline; filename="plain.png"',
      "with%20space%3B%22quotes%22.png": 'inline; filename="with space;\\"quotes\\".png"',
      "%E2%98%83.png": "inline; filename*=utf-8''%E2%98%83.png",
      "..%2F..%2Fetc%2Fpasswd": 'inline; filename="../../etc/passwd"',
      "line%0D%0ASet-Cookie:%20a=b": 'inline; filename="lineSet-Cookie: a=b"',
      "%FF": 'inline; filename="stored.png"',
      "": 'inline; filename="stored.png"',
    };
    for (const [name, disposition] of Object.entries(names)) {
      const response = await rig.get(`${stored.path}/${name}`);
      assert.equal(response.headers.get("content-disposition"), disposition, name);
      assert.equal(response.headers.has("set-cookie"), false);
      await expectPlain(response, stored);
    }
    await rig.quiet();
    assert.deepEqual(new Set(stored.requests.map(({ url }) => url)), new Set([stored.path]), "one object, one URL");
  });

  it("may have a preflight, which needs no token", async () => {
    const headers = {
      Origin: "https://app.example",
      "Access-Control-Request-Method": "GET",
      "Access-Control-Request-Headers": "authorization",
    };
    rig.homeserver.requests.length = 0;
    for (const path of [
      `${MEDIA}/download/${SERVER_NAME}/id`,
      `${MEDIA}/thumbnail/${SERVER_NAME}/id`,
      ...BAD_PATHS.map((path) => `${MEDIA}/${path}`),
    ]) {
      const response = await rig.verbatim(path, { method: "OPTIONS", headers });
      assert.deepEqual([response.status, response.body.length], [204, 0], path);
      assert.equal(response.headers["access-control-allow-origin"], "*");
      assert.match(response.headers["access-control-allow-headers"], /\bAuthorization\b/);
    }
    assert.deepEqual(reached(), []);
    // On all other paths the homeserver answers it.
    rig.homeserver.on(
      "OPTIONS",
      /.*/,
      respond(204, { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "X-The-Homeservers" }),
    );
    for (const path of ["/_matrix/client/versions", `${MEDIA}/config`, "/_matrix/media/v3/upload", "/_matrix/media/v2/download/a.org/b"]) {
      const response = await rig.get(path, { method: "OPTIONS", token: null, headers });
      assert.deepEqual([response.status, response.headers.get("access-control-allow-headers")], [204, "X-The-Homeservers"], path);
    }
  });

  it("with another method, or to another endpoint, reaches the homeserver", async () => {
    const requests = [
      ["POST", `${MEDIA}/download/${SERVER_NAME}/id`],
      ["DELETE", `${MEDIA}/thumbnail/${SERVER_NAME}/id`],
      ["GET", `${MEDIA}/preview_url?url=https%3A%2F%2Fa.example%2F..%2Fb`],
      ["GET", `${MEDIA}/nonsense`],
      ["GET", "/_matrix//media/v3/upload/example.org/id"],
      ["GET", "/_matrix/federation/v1/media/download/id"],
    ];
    rig.homeserver.on("*", /.*/, matrixError(404, "M_UNRECOGNIZED", "the homeserver's own"));
    for (const [method, path] of requests) {
      rig.homeserver.requests.length = 0;
      await expectError(await rig.get(path, { method }), 404, "M_UNRECOGNIZED");
      assert.deepEqual(
        rig.homeserver.requests.map(({ method, url }) => [method, url]),
        [[method, path]],
      );
    }
  });
});
