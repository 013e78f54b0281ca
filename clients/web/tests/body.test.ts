// The body of a download: counted, paced by its reader, and ended by whoever may end it.

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { BODY_NONCE, KEYSTREAM_BYTES, a256ctr } from "../src/cipher.ts";
import { openBody } from "../src/decrypt.ts";
import { MediaError } from "../src/index.ts";
import { MXC, type Members, World, bytesOf, stream } from "./world.ts";

let world: World;
beforeEach(() => (world = new World()));

const plain = { plain: true };

/** The edge's response with another body. */
const linkWith = (change: (body: Buffer) => ReadableStream<Uint8Array<ArrayBuffer>>, { lengthless = false } = {}) => {
  world.onLink = async (sent) => {
    const response = world.link(sent);
    const { status, headers } = response;
    if (lengthless) headers.delete("Content-Length");
    return new Response(change(await bytesOf(response)), { status, headers });
  };
};

/** Reads what comes. */
async function released(response: Response): Promise<{ bytes: Buffer; error: Members }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of response.body ?? []) pieces.push(piece);
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error: error as Members };
  }
  return { bytes: Buffer.concat(pieces), error: {} };
}

describe("a body", () => {
  it("comes in pieces of any size", async () => {
    for (const pieceBytes of [1, 7, 15, 16, 17, 4_095, 65_536, 1_000_000]) {
      world.pieceBytes = pieceBytes;
      if (pieceBytes < 100) world.object = world.object.subarray(0, 1_003);
      world.metadata = { ...world.metadata, size: world.object.length };
      for (const start of [0, 1, 15, 16, 17]) {
        const response = await world.client().fetch(MXC, { range: `bytes=${start}-` });
        assert.ok((await bytesOf(response)).equals(world.object.subarray(start)), `pieces of ${pieceBytes} from ${start}`);
      }
      world = new World();
    }
  });

  it("that ends early fails, with or without a length", async () => {
    for (const lengthless of [false, true]) {
      for (const missing of [1, 50_000, 100_003]) {
        linkWith((body) => stream(body.subarray(0, body.length - missing)), { lengthless });
        const { bytes, error } = await released(await world.client().fetch(MXC));
        assert.ok(error instanceof MediaError && error.code === "truncated", String(error));
        assert.equal(error.message, `the body ended after ${100_003 - missing} of 100003 bytes`);
        assert.ok(bytes.equals(world.object.subarray(0, 100_003 - missing)));
      }
    }
    linkWith((body) => stream(body.subarray(1)));
    const part = await released(await world.client().fetch(MXC, { range: "bytes=5-999" }));
    assert.deepEqual([part.bytes.length, part.error.code], [994, "truncated"]);
    world.onMedia = () => new Response(stream(world.object.subarray(1)), { headers: { "Content-Length": "100003" } });
    assert.equal((await released(await world.client().fetch(MXC, plain))).error.code, "truncated");
    assert.equal((await released(await world.client().fetch(MXC, { ...plain, range: "bytes=9-" }))).error.code, "truncated");
  });

  it("that breaks off fails, with the platform's error as the cause", async () => {
    const broken = new TypeError("terminated");
    linkWith((body) => stream(body.subarray(0, 40_000), 40_000, broken));
    const { bytes, error } = await released(await world.client().fetch(MXC));
    assert.equal(bytes.length, 40_000);
    assert.equal(error.code, "truncated");
    assert.equal(error.cause.cause, broken);
    world.onMedia = () => new Response(stream(world.object, 40_000, broken));
    assert.equal((await released(await world.client().fetch(MXC, plain))).error.code, "truncated");
  });

  it("that is too long fails and never ends in good order", async () => {
    for (const pieceBytes of [1_000_000, 100_003, 1_000]) {
      linkWith((body) => stream(Buffer.concat([body, Buffer.from("x")]), pieceBytes), { lengthless: true });
      const { bytes, error } = await released(await world.client().fetch(MXC));
      assert.equal(error.code, "surplus");
      assert.ok(bytes.length <= 100_003);
    }
    // What comes after it is not read.
    let left = false;
    linkWith(
      (body) => new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(body)), cancel: () => void (left = true) }),
    );
    assert.equal((await released(await world.client().fetch(MXC))).error.code, "surplus");
    assert.ok(left, "the body was not left");
  });

  it("is read no faster than its reader reads", async () => {
    let pulled = 0;
    linkWith(
      (body) =>
        new ReadableStream(
          {
            pull(controller) {
              controller.enqueue(new Uint8Array(body.subarray(pulled * 1_000, (pulled += 1) * 1_000)));
              if (pulled === 101) controller.close();
            },
          },
          { highWaterMark: 0 },
        ),
    );
    const response = await world.client().fetch(MXC);
    const reader = response.body?.getReader();
    for (let i = 0; i < 3; i += 1) await reader?.read();
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    assert.ok(pulled <= 5, `${pulled} pieces were read for 3`);
  });

  it("that its reader leaves is left", async () => {
    let reason: unknown;
    linkWith(
      (body) =>
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(body.subarray(0, 10))),
          cancel: (given) => void (reason = given),
        }),
    );
    await (await world.client().fetch(MXC)).body?.cancel("enough");
    assert.equal(reason, "enough");
  });

  it("is ended by the caller's signal, with its reason", async () => {
    // A real fetch breaks the body off when its signal aborts.
    world.onLink = async (sent) => {
      const response = world.link(sent);
      const body = new ReadableStream({
        start: (controller) => sent.init.signal?.addEventListener("abort", () => controller.error(sent.init.signal?.reason)),
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
      });
      return new Response(body, response);
    };
    const abort = new AbortController();
    const why = new Error("the user left");
    const reader = (await world.client().fetch(MXC, { signal: abort.signal })).body?.getReader();
    await reader?.read();
    abort.abort(why);
    await assert.rejects(async () => {
      for (;;) await reader?.read();
    }, why);
  });
});

describe("before the head has come", () => {
  /** A fetch that never answers some requests. */
  const silent =
    (isSilent: (url: string) => boolean): typeof fetch =>
    (input, init) =>
      isSilent(String(input))
        ? new Promise((_, fail) => {
            if (init?.signal?.aborted) fail(init.signal.reason);
            init?.signal?.addEventListener("abort", () => fail(init.signal?.reason));
          })
        : world.fetch(input, init);

  it("the caller's signal ends a download", async () => {
    const why = new Error("the user left");
    world.about = (about) => ({ ...about, deliveries: ["json"] });
    for (const to of ["media/download", "media.example.net"]) {
      const abort = new AbortController();
      const downloading = world.client({ fetch: silent((url) => url.includes(to)) }).fetch(MXC, { signal: abort.signal });
      setImmediate(() => abort.abort(why));
      await assert.rejects(downloading, why);
    }
    await assert.rejects(world.client().fetch(MXC, { signal: AbortSignal.abort(why) }), why);
  });

  it("nothing is sent any more, even by a fetch that does not look at its signal", async () => {
    const deaf: typeof fetch = (input, init) => world.fetch(input, { ...init, signal: null });
    const abort = new AbortController();
    world.onConfig = () => void abort.abort();
    await assert.rejects(world.client({ fetch: deaf }).fetch(MXC, { signal: abort.signal }), { name: "AbortError" });
    assert.deepEqual(world.counts, { config: 1 });
  });

  it("patience ends: at the link with plain media, at the homeserver with an error", async () => {
    world.about = (about) => ({ ...about, deliveries: ["json"] });
    const response = await world.client({ timeoutMs: 30, fetch: silent((url) => url.startsWith("https://media.")) }).fetch(MXC);
    assert.ok((await bytesOf(response)).equals(world.object));
    await assert.rejects(world.client({ timeoutMs: 30, fetch: silent((url) => url.includes("/download/")) }).fetch(MXC), {
      code: "timeout",
      message: "the server sent nothing for 0.03 seconds",
    });
    // Without the config the client asks for plain media.
    await world.client({ timeoutMs: 30, fetch: silent((url) => url.includes("/config")) }).fetch(MXC);
  });

  it("patience ends in the middle of a body too", async () => {
    world.onLink = async (sent) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(10));
          sent.init.signal?.addEventListener("abort", () => controller.error(sent.init.signal?.reason));
        },
      });
      return new Response(body, world.link(sent));
    };
    const { bytes, error } = await released(await world.client({ timeoutMs: 30 }).fetch(MXC));
    assert.deepEqual([bytes.length, error.code], [10, "timeout"]);
  });

  it("an error of the application's token function is passed on", async () => {
    const why = new Error("signed out");
    const accessToken = async () => {
      throw why;
    };
    await assert.rejects(world.client({ accessToken }).fetch(MXC), why);
  });
});

describe("forget", () => {
  it("aborts what runs, and forgets config, session and links", async () => {
    const client = world.client();
    await client.fetch(MXC, { range: "bytes=0-9" });
    const running = client.fetch(MXC, { range: "bytes=0-9" });
    client.forget();
    await assert.rejects(running, { code: "forgotten" });
    await client.fetch(MXC, { range: "bytes=0-9" });
    assert.deepEqual([world.counts.config, world.counts.media], [2, 2]);
  });

  it("aborts while the config is being read", async () => {
    const client = world.client();
    const running = client.fetch(MXC);
    client.forget();
    await assert.rejects(running, { code: "forgotten" });
    assert.equal(world.counts.media, undefined);
  });
});

describe("the end of the keystream", () => {
  const nothing = { read: async () => undefined, leave: async () => {} };
  const window = (start: number, end: number) => ({ covers: { start, end }, wanted: { start, end }, size: end });

  it("is refused before the cipher is called", () => {
    const key = { apply: () => assert.fail("the cipher was called") };
    assert.throws(() => openBody(nothing, window(0, KEYSTREAM_BYTES + 1), key), { code: "too_long" });
    openBody(nothing, window(0, KEYSTREAM_BYTES), key);
    openBody(nothing, window(0, KEYSTREAM_BYTES + 1));
  });

  it("is reached with a counter of 32 bits", async () => {
    const key = await a256ctr.open(new Uint8Array(32));
    const last = await key.apply(new Uint8Array(1), KEYSTREAM_BYTES - 1, BODY_NONCE);
    const pieces = [new Uint8Array(1)];
    const stream = openBody({ read: async () => pieces.shift(), leave: async () => {} }, window(KEYSTREAM_BYTES - 1, KEYSTREAM_BYTES), key);
    assert.deepEqual(await bytesOf(new Response(stream)), Buffer.from(last));
  });
});
