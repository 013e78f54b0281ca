// Bodies. This file moves bytes; the Rust side counts and encrypts them.

import { endWithInstance, enter } from "./instance.js";

/**
 * Returns the promise itself. Its rejection no longer counts as unhandled.
 *
 * @template T
 * @param {Promise<T>} promise
 */
export function handled(promise) {
  promise.catch(() => {});
  return promise;
}

/**
 * Reads a stream of at most `limit` bytes. Returns undefined if the stream is longer.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>[]} stream
 * @param {number} limit
 */
export async function readAtMost(stream, limit) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > limit) return undefined; // leaving the loop cancels the stream
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The first read is small, so that the first byte leaves early. Later reads have the fastest size. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * Buffers that no stream is reading into. They are plain memory, so the streams of an isolate can share them.
 *
 * @type {ArrayBuffer[]}
 */
const idleBuffers = [];
const MAX_IDLE_BUFFERS = 4;

/**
 * Returns a stream of `length` bytes: what `push` makes of the chunks of `source`.
 *
 * `push(chunk)` takes a chunk and returns the bytes to send, in a new buffer. It throws if the source sends too much. `end(reason)` is called once,
 * with undefined if the stream ended well or was cancelled, otherwise with what went wrong. The stream reads a chunk only when the client asks for
 * one, and cancels the source as soon as the client leaves. If the program traps, the stream is aborted and calls neither `push` nor `end` again.
 *
 * With a `cipher`, `push` may return a part of the chunk itself, which the cipher then encrypts. `misalignment` is the number of bytes by which the
 * source starts after the start of a block of that cipher. All reads but the first then start with a block.
 *
 * @param {ReadableStream<Uint8Array>} source
 * @param {number} length
 * @param {(chunk: Uint8Array) => Uint8Array<ArrayBuffer>} push
 * @param {(reason: string | undefined) => void} end
 * @param {import("./aes_ctr.js").AesCtr} [cipher]
 * @param {number} [misalignment]
 */
export function bodyStream(source, length, push, end, cipher, misalignment = 0) {
  const reader = source.getReader({ mode: "byob" });
  let left = length;
  let readBytes = FIRST_READ_BYTES - misalignment;
  /** @type {Uint8Array<ArrayBuffer> | undefined} */
  let sent;
  let ended = false;

  // A trap in another request must not touch this request's streams. It rejects a promise, whose reaction runs in this request.
  const { promise: aborted, reject } = /** @type {PromiseWithResolvers<never>} */ (Promise.withResolvers());
  const life = {
    aborted: false,
    /** @param {Error} error */
    abort(error) {
      life.aborted = true;
      reject(error);
    },
  };
  endWithInstance(life);

  /** @param {string | undefined} reason */
  const finish = (reason) => {
    ended = true;
    if (!life.aborted) enter(() => end(reason));
  };

  /** Reads a chunk; undefined at the end of the source. */
  const read = async () => {
    const buffer = idleBuffers.pop() ?? new ArrayBuffer(READ_BYTES);
    const { value } = await reader.readAtLeast(readBytes, new Uint8Array(buffer, 0, readBytes));
    readBytes = READ_BYTES;
    return value?.byteLength ? value : undefined;
  };

  /**
   * @param {ReadableStreamDefaultController} controller
   * @param {unknown} reason
   */
  const fail = async (controller, reason) => {
    if (ended) return; // the client has left: its cancel made the read fail
    finish(String(reason));
    controller.error(reason);
    await reader.cancel(reason).catch(() => {});
  };

  /** @param {ReadableStreamDefaultController} controller */
  const pull = async (controller) => {
    // The runtime asks for the next chunk when it is done with the last one, whose memory we free now instead of at a later garbage collection.
    // If the runtime still needed that chunk, the response would be short and be aborted.
    sent?.buffer.transfer(0);
    sent = undefined;
    while (left > 0) {
      const chunk = await read();
      if (chunk === undefined) return await fail(controller, new Error("the upstream ended early"));
      if (life.aborted) return;
      let out = enter(() => push(chunk));
      if (cipher !== undefined && out.byteLength > 0) {
        out = await cipher.encrypt(out);
        if (life.aborted || ended) return;
      }
      if (idleBuffers.length < MAX_IDLE_BUFFERS) idleBuffers.push(chunk.buffer);
      if (out.byteLength === 0) continue; // before the window
      left -= out.byteLength;
      sent = out;
      controller.enqueue(out);
      break;
    }
    if (left > 0) return;
    finish(undefined);
    controller.close();
    await reader.cancel().catch(() => {});
  };

  return new ReadableStream(
    {
      expectedLength: length,
      start: (controller) => void aborted.catch((error) => fail(controller, error)),
      pull: (controller) => pull(controller).catch((error) => fail(controller, error)),
      async cancel(reason) {
        finish(undefined);
        await reader.cancel(reason).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}
