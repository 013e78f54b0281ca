// What the README shows is what is tested.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { ROOT } from "./process.mjs";

const read = (path) => readFileSync(join(ROOT, path), "utf8");

describe("the README", () => {
  it("shows the client of docs/examples/client.mjs as it is", () => {
    const blocks = [...read("README.md").matchAll(/^```js\n(.*?)^```$/gms)].map(([, block]) => block);
    assert.deepEqual(blocks, [read("docs/examples/client.mjs")]);
  });
});
