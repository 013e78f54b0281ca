// The helpers around a download: `blob:` URLs and file names.

import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";

import { safeFileName } from "../src/index.ts";
import { MXC, World, bytesOf, stream } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

const fetched = async (url: string) => {
  const response = await fetch(url);
  return { type: response.headers.get("content-type"), bytes: await bytesOf(response) };
};

describe("a blob: URL", () => {
  it("returns the media until it is revoked", async () => {
    const made = await world.client().objectUrl(MXC);
    assert.match(made.url, /^blob:/);
    const { type, bytes } = await fetched(made.url);
    assert.equal(type, "image/png");
    assert.ok(bytes.equals(world.object));
    assert.deepEqual([made.contentType, made.contentDisposition, made.size], ["image/png", 'inline; filename="x.png"', 100_003]);
    made.revoke();
    await assert.rejects(fetch(made.url));
  });

  it("has no type that could run in the page", async () => {
    for (const [content_type, type] of [
      ["IMAGE/WebP; x=y", "image/webp"],
      ["audio/ogg", "audio/ogg"],
      ["text/html", "application/octet-stream"],
      ["image/svg+xml", "application/octet-stream"],
      ["application/xhtml+xml", "application/octet-stream"],
      ["text/javascript", "application/octet-stream"],
      ["", "application/octet-stream"],
    ] as const) {
      world.metadata = { ...world.metadata, content_type };
      const made = await world.client().objectUrl(MXC);
      assert.equal((await fetched(made.url)).type, type, content_type);
      assert.equal(made.contentType, content_type);
    }
  });

  it("is not made of a body that breaks off", async () => {
    world.onLink = (sent) => new Response(stream(world.object.subarray(1)), { headers: world.link(sent).headers });
    await assert.rejects(world.client().objectUrl(MXC), { code: "truncated" });
  });

  it("is revoked when the account is forgotten", async () => {
    const revoked = mock.method(URL, "revokeObjectURL");
    const client = world.client();
    const [made, other] = [await client.objectUrl(MXC), await client.objectUrl(MXC)];
    other.revoke();
    const running = client.objectUrl(MXC);
    client.forget();
    await assert.rejects(fetch(made.url));
    await assert.rejects(running, { code: "forgotten" });
    client.forget();
    assert.deepEqual(
      revoked.mock.calls.map(({ arguments: [url] }) => url),
      [other.url, made.url],
    );
    mock.restoreAll();
  });
});

describe("a file name", () => {
  it("is that of the disposition, made safe", () => {
    for (const [disposition, name] of [
      ['inline; filename="x.png"', "x.png"],
      ["attachment; filename=a.png", "a.png"],
      ['attachment; filename="a; \\"b\\".png"', "a; _b_.png"],
      ["inline; filename=\"x\"; filename*=utf-8''na%C3%AFve%20%E2%98%83.png", "na\u00efve \u2603.png"],
      ["inline; filename*=UTF-8'en'%80; filename=x.png", "x.png"],
      ["inline; filename*=utf-8''%E2%80%AEgnp.exe", "gnp.exe"],
      ["inline; filename*=utf-8''a%0d%0ab%1b%00.txt", "ab.txt"],
      ['inline; filename="../../etc/passwd"', "passwd"],
      ['inline; filename="C:\\\\x\\\\.bashrc"', "bashrc"],
      ['inline; filename="a<b>:c|d?e*f"', "a_b__c_d_e_f"],
      ['inline; filename="dots... "', "dots"],
      ['inline; filename="/"', undefined],
      ['inline; filename="..."', undefined],
      ["inline", undefined],
      ["", undefined],
      [null, undefined],
      [undefined, undefined],
    ] as const) {
      assert.equal(safeFileName(disposition), name, String(disposition));
    }
    assert.equal(safeFileName(`inline; filename=${"\u{1F600}".repeat(300)}`), "\u{1F600}".repeat(200));
  });
});
