// What the README shows is what is tested. The examples import the package by its name, as an application does: as it is built.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it, mock } from "node:test";

import { connect, readPart, save, showPicture } from "../examples/quick-start.ts";
import { HOMESERVER, MXC, type Members, World, bytesOf, matrixError } from "./world.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const blocks = (language: string) =>
  [...read("README.md").matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, block]) => block);

let world: World;
let media: ReturnType<typeof connect>;
beforeEach(() => {
  world = new World();
  mock.method(globalThis, "fetch", world.fetch);
  media = connect(HOMESERVER, { accessToken: world.token });
});
afterEach(() => mock.restoreAll());

describe("the README", () => {
  it("shows the examples as they are", () => {
    const cipher = read("tests/noble.ts")
      .replace(/^\/\/.*\n\n/, "")
      .replace("../src/index.ts", "@cloakroom/web");
    assert.deepEqual(blocks("ts"), [read("examples/quick-start.ts"), cipher]);
  });

  it("has a row for each error code", () => {
    const codes = [...read("src/error.ts").matchAll(/^ {2}\| "(\w+)"/gm)].map(([, code]) => code);
    const rows = [...read("README.md").matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, row]) =>
      [...(row ?? "").matchAll(/`(\w+)`/g)].map(([, code]) => code),
    );
    assert.ok(codes.length > 10);
    for (const code of codes) assert.ok(rows.includes(code), `the README has no row for ${code}`);
  });
});

describe("the quick start", () => {
  it("shows a picture", async () => {
    const image: Members = {};
    await showPicture(media, image as HTMLImageElement, MXC);
    mock.restoreAll();
    assert.ok((await bytesOf(await fetch(image.src))).equals(world.object));
    image.onload();
    await assert.rejects(fetch(image.src));
  });

  it("says why there is none", async () => {
    const image: Members = {};
    world.onMedia = () => matrixError(404, "M_NOT_FOUND");
    await showPicture(media, image as HTMLImageElement, MXC);
    assert.equal(image.alt, "This picture is gone");
    world.onMedia = () => matrixError(403, "M_FORBIDDEN");
    await showPicture(media, image as HTMLImageElement, MXC);
    assert.equal(image.alt, "This picture cannot be shown: the homeserver answered 403 M_FORBIDDEN");
  });

  it("saves a file under its name", async () => {
    const link = { click: mock.fn(), href: "", download: "" };
    Object.assign(globalThis, { document: { createElement: () => link } });
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      await save(media, MXC);
      assert.equal(link.download, "x.png");
      assert.equal(link.click.mock.callCount(), 1);
      mock.restoreAll();
      assert.ok((await bytesOf(await fetch(link.href))).equals(world.object));
      mock.timers.tick(60_000);
      await assert.rejects(fetch(link.href));
    } finally {
      mock.timers.reset();
      Reflect.deleteProperty(globalThis, "document");
    }
  });

  it("reads a part", async () => {
    const pieces: Uint8Array[] = [];
    await readPart(media, MXC, "bytes=100-70000", (piece) => pieces.push(piece));
    assert.ok(Buffer.concat(pieces).equals(world.object.subarray(100, 70_001)));
  });
});
