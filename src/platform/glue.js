// The few lines of the platform that are better said in JavaScript. Bytes are counted and encrypted
// in Rust; here they are only moved. Headers cross the border in one text, `name`, line, `value`,
// line, …: a crossing with a string costs more than the lines it holds, and no header has a line end.

// Every wait of the Rust side ends in a microtask. The runtime's own queueMicrotask makes a new native
// function for each; a settled promise takes the one that is there, for a tenth of the time. What a task
// throws is reported as before: after a trap, the next request gets a new instance of the program.
const settled = Promise.resolve();
const report = globalThis.reportError ?? console.error; // Node, where tests run, has no reportError
globalThis.queueMicrotask = (task) => void settled.then(task).catch(report);

/** All headers, as one text. */
export function headersText(headers) {
  let text = "";
  for (const [name, value] of headers) text += `${name}\n${value}\n`;
  return text;
}

/** The inverse: names and values in pairs. */
function headerPairs(text) {
  const lines = text.split("\n");
  const pairs = [];
  for (let at = 0; at + 1 < lines.length; at += 2) pairs.push([lines[at], lines[at + 1]]);
  return pairs;
}

/** Headers as an object of the runtime. */
export function headersObject(text) {
  return new Headers(headerPairs(text));
}

/**
 * A response with the headers `shared`, an object that stays as it is, and `own`. The body may be
 * null, a stream, or bytes, which are copied: also a view of wasm memory.
 */
export function respond(status, shared, own, body) {
  const response = new Response(body, { status, headers: shared });
  for (const [name, value] of headerPairs(own)) response.headers.append(name, value);
  return response;
}

/**
 * What every request of ours says, with headers of which none is there twice: no redirect is followed,
 * no cache asked or filled. Cloudflare's own cache must never answer an authorisation, so it is switched
 * off in two ways.
 */
export function uncached(method, headers) {
  return { method, headers: Object.fromEntries(headerPairs(headers)), redirect: "manual", cache: "no-store", cf: { cacheTtlByStatus: { "100-599": -1 } } };
}

/**
 * What a promise comes to. Throws "timed out" after `timeoutMs`: what it stands for is left alone then,
 * and ends with the request that it was made for.
 */
export async function inTime(promise, timeoutMs) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, timeoutMs, "timed out");
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An uncached `fetch` that waits `timeoutMs` for the headers, and for the body as long as it takes. */
export function fetchHeaders(url, method, headers, timeoutMs) {
  return inTime(fetch(url, uncached(method, headers)), timeoutMs);
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

/** The first read is small, so that the first byte leaves early; then reads have the best size. */
const FIRST_READ_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;

/** Buffers that no stream is reading into: plain memory, which the streams of an isolate share. */
const idleBuffers = [];
const MAX_IDLE_BUFFERS = 4;

/**
 * A stream of `length` bytes: what `push` makes of the chunks of `source`.
 *
 * `push(chunk)` takes a chunk and returns the bytes to send, in memory of their own. It throws if the
 * source sends too much. `end(reason)` is told once how it ended: undefined, or what went wrong.
 * The client's pace is kept (a chunk is read only when one is asked for), and when the client
 * leaves, the source is cancelled at once.
 */
export function bodyStream(source, length, push, end) {
  const reader = source.getReader({ mode: "byob" });
  let left = length;
  let readBytes = FIRST_READ_BYTES;
  let sent;
  let ended = false;

  const finish = (reason) => {
    ended = true;
    end(reason);
  };

  /** Reads a chunk; undefined at the end of the source. */
  const read = async () => {
    const buffer = idleBuffers.pop() ?? new ArrayBuffer(READ_BYTES);
    const { value } = await reader.readAtLeast(readBytes, new Uint8Array(buffer, 0, readBytes));
    readBytes = READ_BYTES;
    return value?.byteLength > 0 ? value : undefined;
  };

  const fail = async (controller, reason) => {
    if (ended) return; // the client has left: its cancel made the read fail
    finish(String(reason));
    controller.error(reason);
    await reader.cancel(reason).catch(() => {});
  };

  const pull = async (controller) => {
    // Whoever asks for the next chunk is done with the last one: its memory is given back now, not by a
    // later garbage collection. Were it still needed, the response would end short and be aborted.
    sent?.buffer.transfer(0);
    sent = undefined;
    while (left > 0) {
      const chunk = await read();
      if (chunk === undefined) return await fail(controller, new Error("the upstream ended early"));
      const out = push(chunk);
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
      pull: (controller) => pull(controller).catch((error) => fail(controller, error)),
      async cancel(reason) {
        finish(undefined);
        await reader.cancel(reason).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}
