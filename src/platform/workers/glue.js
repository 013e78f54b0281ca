// The few lines of the platform that are better said in JavaScript. Bytes are counted and encrypted
// in Rust; here they are only moved. Headers cross the border in one text, `name`, line, `value`,
// line, …: a crossing with a string costs more than the lines it holds, and no header has a line end.

/** Tasks that are done, for the next requests: one costs more to make than to use again. */
export const idleTasks = [];
const MAX_IDLE_TASKS = 64;

/** The most time between two looks at whether a task has waited for too long; no limit is shorter. */
const TICK_MS = 30_000;

/**
 * Drives a task of the Rust side to its outcome: waits for one promise after the other, each as long as the
 * task allows. After that the task goes on with "timed out", and what the promise stands for is left alone:
 * it ends with the request that it was made for.
 */
export function drive(task) {
  return new Promise((resolve, reject) => {
    let turn = 0; // what comes of an earlier promise is of no interest any more
    let deadline = Infinity;
    let timer;

    const goOn = (fulfilled, value) => {
      const now = ++turn;
      try {
        const step = task.resume(fulfilled, value);
        const limit = task.limit_ms;
        if (limit !== undefined) {
          deadline = limit === Infinity ? Infinity : Date.now() + limit;
          if (limit < Infinity) timer ??= setTimeout(look, Math.min(limit, TICK_MS));
          step.then(
            (value) => now === turn && goOn(true, value),
            (error) => now === turn && goOn(false, error),
          );
          return;
        }
        if (idleTasks.length < MAX_IDLE_TASKS) idleTasks.push(task);
        resolve(step);
      } catch (error) {
        reportTrap(error);
        reject(error);
      }
      clearTimeout(timer);
    };

    // One timer for all waits: most are over long before it would tell anything.
    const look = () => {
      const left = deadline - Date.now();
      timer = left > 0 && left < Infinity ? setTimeout(look, Math.min(left, TICK_MS)) : undefined;
      if (left <= 0) goOn(false, "timed out");
    };

    goOn(true);
  });
}

/** The same from the next microtask on: a task does not run within another one. */
export async function driveLater(task) {
  await undefined;
  return drive(task);
}

/** After a trap the next request gets a new instance of the program: `main.js` hears of it so. */
function reportTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) reportError(error);
}

/** The promise itself, whose rejection nobody has to see. */
export function handled(promise) {
  promise.catch(() => {});
  return promise;
}

/** A URL of which it is plain to see that the URL standard would leave it as it is: links are such. */
const STANDARD = /^https?:\/\/(?![^/]*xn--)(?:(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*|127\.0\.0\.1)(?::(?!80\/|443\/)(?:[1-5]\d{4}|[1-9]\d{0,3}))?\/[\w-]*$/;

/** A URL as the URL standard writes it. The runtime may leave dot segments in. */
export function standardUrl(url) {
  return STANDARD.test(url) ? url : new URL(url).href;
}

/** Method and URL of a request, as one text. */
export function requestLine(request) {
  return `${request.method}\n${standardUrl(request.url)}`;
}

/** Those of the named headers that are there, as one text. Cheaper than to go through all of them. */
export function headerText(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) text += `${name}\n${value}\n`;
  }
  return text;
}

/** The inverse: adds the headers of a text. */
function appendHeaders(headers, text) {
  const lines = text.split("\n");
  for (let at = 0; at + 1 < lines.length; at += 2) headers.append(lines[at], lines[at + 1]);
  return headers;
}

/** Headers as an object of the runtime. */
export function headersObject(text) {
  return appendHeaders(new Headers(), text);
}

/**
 * A response with the headers `shared`, an object that stays as it is, and `own`. The body may be
 * null, a stream, or bytes, which are copied: also a view of wasm memory.
 */
export function respond(status, shared, own, body) {
  const response = new Response(body, { status, headers: shared });
  appendHeaders(response.headers, own);
  return response;
}

/**
 * What every request of ours says: no redirect is followed, no cache asked or filled. Cloudflare's own
 * cache must never answer an authorisation, so it is switched off in two ways.
 */
export function uncached(method, headers) {
  return { method, headers: headersObject(headers), redirect: "manual", cache: "no-store", cf: { cacheTtlByStatus: { "100-599": -1 } } };
}

/** The same as an object of the runtime, for many requests. */
export function uncachedTemplate(method, headers) {
  return new Request("http://template.invalid", uncached(method, headers));
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
 * Moves a stream into another one, a chunk with each step, so that whoever steps sees that there is progress. The runtime's own `pipeTo`
 * tells nothing until it ends.
 */
export class Pump {
  #reader;
  #writer;
  #buffer = new ArrayBuffer(READ_BYTES);

  constructor(source, sink) {
    this.#reader = source.getReader({ mode: "byob" });
    this.#writer = sink.getWriter();
    // Whoever steps hears of it, or nobody has to.
    this.#writer.closed.catch(() => {});
  }

  /** Moves a chunk; false at the end. */
  async step() {
    const { value } = await this.#reader.readAtLeast(PUMP_BYTES, new Uint8Array(this.#buffer));
    if (!(value?.byteLength > 0)) {
      await this.#writer.close();
      return false;
    }
    await this.#writer.write(value);
    this.#buffer = value.buffer;
    return true;
  }

  /** Breaks both streams off. */
  abort(reason) {
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
  }
}

/** A source that sends less than this in the time that the pump's steps are given counts as stalled. */
const PUMP_BYTES = 16 * 1024;

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
    reportTrap(reason);
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
