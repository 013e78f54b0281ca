// The README shows the tested client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { ROOT } from "./process.mjs";

const read = (path) => readFileSync(join(ROOT, path), "utf8");

describe("the README", () => {
  it("shows docs/examples/client.mjs unchanged", () => {
    const blocks = [...read("README.md").matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);
    assert.deepEqual(blocks, [read("docs/examples/client.mjs")]);
  });
});
