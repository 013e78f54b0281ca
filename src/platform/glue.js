// The few lines of the platform that are better said in JavaScript. Bytes are counted and encrypted
// in Rust; here they are only moved.

/** The first read is small, so that the first byte leaves early; then reads grow to the best size. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/** `fetch` that waits `timeoutMs` for the headers, and for the body as long as it takes. */
export async function fetchHeaders(url, init, timeoutMs) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("timed out"), timeoutMs);
  try {
    return await fetch(url, { ...init, signal: controller.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a stream of at most `limit` bytes; undefined if it is longer. */
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

/**
 * A stream of `length` bytes: what `push` makes of the chunks of `source`.
 *
 * `push(chunk)` takes a chunk, works on it in place and returns the part to send. It throws if the
 * source sends too much. `end(reason)` is told once how it ended: undefined, or what went wrong.
 * The client's pace is kept (a chunk is read only when one is asked for), and when the client
 * leaves, the source is cancelled at once.
 */
export function bodyStream(source, length, push, end) {
  const reader = source.getReader({ mode: "byob" });
  let left = length;
  let readBytes = FIRST_READ_BYTES;

  const fail = async (controller, reason) => {
    end(String(reason));
    controller.error(reason);
    await reader.cancel(reason).catch(() => {});
  };

  return new ReadableStream({
    expectedLength: length,
    async pull(controller) {
      try {
        while (left > 0) {
          const { value, done } = await reader.readAtLeast(readBytes, new Uint8Array(readBytes));
          readBytes = READ_BYTES;
          const out = value === undefined ? undefined : push(value);
          if (out !== undefined && out.byteLength > 0) {
            left -= out.byteLength;
            controller.enqueue(out);
          }
          if (left > 0 && done) return await fail(controller, new Error("the upstream ended early"));
          if (left > 0 && out !== undefined && out.byteLength > 0) return;
        }
        end(undefined);
        controller.close();
        await reader.cancel().catch(() => {});
      } catch (error) {
        await fail(controller, error);
      }
    },
    async cancel(reason) {
      end(undefined);
      await reader.cancel(reason).catch(() => {});
    },
  });
}
