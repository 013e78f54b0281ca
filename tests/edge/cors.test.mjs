// What a web page of another origin may send and read (Fetch standard, section 3.3), on both hosts.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { matrixError } from "../support/homeserver.mjs";
import { optIn, startRig } from "./rig.mjs";

const words = (value) => value.toLowerCase().split(/, */);

describe("a web page", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const exposed = (response) => words(response.headers.get("access-control-expose-headers"));

  it("can read how long to wait, and how to authenticate, in an error of the homeserver", async () => {
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
});
