import type { RangeRequest } from "./range-request.ts";
import { MediaError } from "./error.ts";

/** How long to wait for the head of a response, and for each piece of its body (specification, section 9.9). */
export const TIMEOUT_MS = 60_000;

/** What all requests of a download have in common. */
export interface Transport {
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  /** Each of them ends the request: the caller's signal, and that of `forget`. */
  readonly signals: readonly AbortSignal[];
}

/** What is different about each request. */
export interface RequestOptions {
  /** The access token. Give it for the homeserver only. */
  readonly token?: string | undefined;
  readonly range?: RangeRequest | undefined;
  /** `manual` shows a redirect as an error status instead of following it. */
  readonly redirect?: "follow" | "manual";
}

/**
 * Sends a `GET` and waits for the head of the response.
 *
 * No cookie goes along, to anybody. After a redirect to another web origin, `fetch` drops the access token.
 *
 * @throws {MediaError} `network` or `timeout`.
 * @throws the reason of a signal that aborts.
 */
export async function send(transport: Transport, url: string, { token, range, redirect = "follow" }: RequestOptions): Promise<Exchange> {
  const patience = new AbortController();
  const signal = AbortSignal.any([...transport.signals, patience.signal]);
  signal.throwIfAborted();
  // Browsers set Accept-Encoding themselves and ignore this one.
  const headers = new Headers({ "Accept-Encoding": "identity" });
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  if (range) headers.set("Range", range.header);
  const wait = <T>(step: Promise<T>) => waitFor(step, patience, signal, transport.timeoutMs);
  const response = await wait(transport.fetch(url, { headers, redirect, signal, credentials: "omit", referrerPolicy: "no-referrer" }));
  return new Exchange(response, url, wait);
}

async function waitFor<T>(step: Promise<T>, patience: AbortController, signal: AbortSignal, timeoutMs: number): Promise<T> {
  const timer = setTimeout(() => {
    patience.abort(new MediaError("timeout", `the server sent nothing for ${timeoutMs / 1000} seconds`));
  }, timeoutMs);
  try {
    const result = await step;
    // The application's own `fetch` may not look at the signal.
    signal.throwIfAborted();
    return result;
  } catch (cause) {
    signal.throwIfAborted();
    throw new MediaError("network", "the connection to the server failed, or the page may not read the response", { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** A response whose head has come. */
export class Exchange {
  readonly status: number;
  readonly headers: Headers;
  /** Where the response comes from, after all redirects. */
  readonly url: URL;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  readonly #wait: <T>(step: Promise<T>) => Promise<T>;

  constructor(response: Response, url: string, wait: <T>(step: Promise<T>) => Promise<T>) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = new URL(response.url || url);
    this.#reader = response.body?.getReader();
    this.#wait = wait;
  }

  /**
   * Reads the next piece of the body. Returns `undefined` at its end.
   *
   * @throws {MediaError} `network` or `timeout`.
   * @throws the reason of a signal that aborts.
   */
  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#reader && (await this.#wait(this.#reader.read())).value;
  }

  /** Reads the whole body, or the first piece of it that has more than `limit` bytes. */
  async readAll(limit: number): Promise<Uint8Array> {
    let all = new Uint8Array();
    for (let piece = await this.read(); piece && all.length <= limit; piece = await this.read()) {
      const longer = new Uint8Array(all.length + piece.length);
      longer.set(all);
      longer.set(piece, all.length);
      all = longer;
    }
    await this.leave();
    return all;
  }

  /** Leaves the rest of the body unread. */
  async leave(reason?: unknown): Promise<void> {
    // A broken body cannot be left, and needs not.
    await this.#reader?.cancel(reason).catch(() => {});
  }
}
