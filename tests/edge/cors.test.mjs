// What a web page of another web origin may send and read (Fetch standard, section 3.3), on both hosts.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError } from "../support/homeserver.mjs";
import { SERVER_NAME, drain, optIn, startRig } from "./rig.mjs";

const words = (value) => value.toLowerCase().split(/, */);

describe("a web page", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const exposed = (response) => words(response.headers.get("access-control-expose-headers"));

  it("can read in the homeserver's error how long to wait and how to authenticate", async () => {
    const errors = [
      [429, "M_LIMIT_EXCEEDED", { "Retry-After": "7" }],
      [401, "M_UNKNOWN_TOKEN", { "WWW-Authenticate": 'Bearer error="insufficient_scope"' }],
    ];
    for (const [status, errcode, headers] of errors) {
      const stored = rig.store().answers(matrixError(status, errcode, "no", { headers }));
      for (const query of ["", optIn("json")]) {
        const response = await rig.get(stored, { query });
        assert.equal(response.status, status);
        for (const [name, value] of Object.entries(headers)) {
          assert.equal(response.headers.get(name), value);
          assert.ok(exposed(response).includes(name.toLowerCase()), name);
        }
      }
    }
    rig.homeserver.on("GET", /\/config$/, matrixError(429, "M_LIMIT_EXCEEDED", "no", { headers: { "Retry-After": "7" } }));
    const config = await rig.get("/_matrix/client/v1/media/config");
    assert.deepEqual([config.status, config.headers.get("retry-after"), exposed(config).includes("retry-after")], [429, "7", true]);
  });

  it("needs one preflight a day for ranges, on both hosts", async () => {
    const stored = rig.store();
    const { url } = await rig.answer(stored);
    const media = "/_matrix/client/v1/media";
    const origin = [stored.path, `${media}/thumbnail/${SERVER_NAME}/id`, `/_matrix/media/v3/download/${SERVER_NAME}/id`];
    const urls = [...origin.map((path) => rig.worker.origin + path), url, `${rig.worker.edge}/${"A".repeat(43)}`];
    for (const asked of urls) {
      for (const requested of ["authorization,range", "if-range,range"]) {
        const headers = {
          Origin: "https://app.example",
          "Access-Control-Request-Method": "GET",
          "Access-Control-Request-Headers": requested,
        };
        const response = await fetch(asked, { method: "OPTIONS", headers });
        assert.deepEqual([response.status, await drain(response)], [204, 0], asked);
        // Chromium accepts at most two hours, Firefox at most a day.
        assert.equal(response.headers.get("access-control-max-age"), "86400", asked);
        const allowed = words(response.headers.get("access-control-allow-headers"));
        for (const name of requested.split(",")) assert.ok(allowed.includes(name), `${name} at ${asked}`);
        assert.equal(response.headers.get("access-control-allow-origin"), "*");
      }
    }
    const whole = await rig.get(stored);
    assert.equal(whole.headers.has("access-control-max-age"), false, "only preflights have it");
    await drain(whole);
  });
});
