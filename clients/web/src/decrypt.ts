import { BODY_NONCE, type CipherKey, KEYSTREAM_BYTES, applyKeystream } from "./cipher.ts";
import { type Bytes, decimal } from "./encoding.ts";
import { MediaError } from "./error.ts";
import { type Metadata, isSameMetadata, unsealMetadata } from "./metadata.ts";
import type { RangeRequest, Slice } from "./range-request.ts";

/** Says what the bytes of a link are: `encrypted`, `verbatim` or `plain`. Required on every 200 and 206 of a link. */
export const LINK_HEADER = "Org-Matrix-Msc4097-Link";
const METADATA_HEADER = "Org-Matrix-Msc4097-Metadata";

/** The head of a response. */
export interface Head {
  readonly status: number;
  readonly headers: Headers;
}

/** Which bytes of the object arrive, and which of them the caller wants. */
export interface Window {
  readonly covers: Slice;
  readonly wanted: Slice;
  /** The object's length. */
  readonly size: number;
  /** Whether more bytes than promised are no error, but belong to the media. */
  readonly mayBeLonger?: boolean;
}

/** The key of a link and what is known of its object before the link is followed. */
export interface Expected {
  readonly key: CipherKey;
  /** That of the answer, or of an earlier response of the same link. */
  readonly metadata: Metadata | undefined;
}

/**
 * Checks the head of the edge's 200 or 206 to an encrypted link (specification, section 9.4). Nothing may be released if it throws.
 *
 * @throws {MediaError} with the outcome of the first rule that is broken.
 */
export async function checkEncrypted(
  head: Head,
  { key, metadata: known }: Expected,
  range?: RangeRequest,
): Promise<{ metadata: Metadata; window: Window }> {
  checkMark(head, "encrypted");
  const sealed = head.headers.get(METADATA_HEADER);
  if (sealed === null) throw new MediaError("no_metadata", "the link's response has no sealed metadata");
  const metadata = await unsealMetadata(sealed, key);
  if (known && !isSameMetadata(metadata, known))
    throw new MediaError("other_metadata", "the link gives another object than the one that was granted");
  if (metadata.size >= KEYSTREAM_BYTES)
    throw new MediaError("too_long", `the object has ${metadata.size} bytes, too many for encrypted media`);
  return { metadata, window: checkSize(head, metadata.size, range) };
}

/**
 * Checks the head of the edge's 200 or 206 to a link whose `alg` is `none`.
 *
 * @throws {MediaError} with the outcome of the first rule that is broken.
 */
export function checkVerbatim(head: Head, { size }: Metadata, range?: RangeRequest): Window {
  checkMark(head, "verbatim");
  return checkSize(head, size, range);
}

/**
 * Checks the head of a 200 or 206 that is plain media.
 *
 * @returns `undefined` if the length is not known: all bytes that come are the media.
 * @throws {MediaError} with the outcome of the first rule that is broken.
 */
export function checkPlain(head: Head, range?: RangeRequest): Window | undefined {
  if (head.headers.has(LINK_HEADER)) checkMark(head, "plain");
  // `fetch` decodes a content coding, so the bytes are right, but their number is unknown.
  const length = isEncoded(head) ? undefined : contentLength(head);
  const size = head.status === 206 ? parseContentRange(head).size : length;
  // A page may not see every content coding. A plain body that is longer than Content-Length says had one, and is whole.
  if (size !== undefined) return { ...checkSize(head, size, range, true), mayBeLonger: !range };
  if (range)
    throw new MediaError("range_ignored", "the server sends the whole object instead of the range, and does not say how long it is");
  return undefined;
}

function checkMark({ headers }: Head, promised: string): void {
  // Headers that come several times are combined to `a, b`, which is not the promised word either.
  if (headers.get(LINK_HEADER) !== promised) throw new MediaError("other_link", `the response is not marked as ${promised}`);
}

// Rules 6 to 10 of section 9.4. Plain servers may send fewer bytes than the range has: RFC 9110, section 15.3.7.
function checkSize(head: Head, size: number, range: RangeRequest | undefined, mayEndEarly = false): Window {
  if (isEncoded(head)) throw new MediaError("encoded", "the body has a content coding although it must not");
  const part = head.status === 206 ? parseContentRange(head) : undefined;
  const covers = part ?? { start: 0, end: size };
  const length = contentLength(head);
  if ((part && part.size !== size) || (length !== undefined && length !== covers.end - covers.start)) {
    throw new MediaError("other_size", `the object should have ${size} bytes, but the response is about another length`);
  }
  const asked = range?.resolve(size);
  if (part && (asked?.start !== part.start || asked.end < part.end || (asked.end > part.end && !mayEndEarly))) {
    throw new MediaError("other_range", "the response gives another range than the one that was asked for");
  }
  // An object without bytes has no part: it comes whole.
  if (range && !asked && size > 0) throw beyondEnd(size);
  return { covers, wanted: part ?? asked ?? covers, size };
}

/** The object has no byte of the range. */
export function beyondEnd(size: number | undefined): MediaError {
  const length = size === undefined ? "" : `, which has ${size} bytes`;
  return new MediaError("unsatisfiable", `the range lies beyond the end of the object${length}`, { sizeBytes: size });
}

function contentLength({ headers }: Head): number | undefined {
  const text = headers.get("Content-Length");
  const length = decimal(text);
  if (text !== null && length === undefined) throw new MediaError("other_size", "the response has a malformed length");
  return length;
}

function isEncoded({ headers }: Head): boolean {
  return !["", "identity"].includes((headers.get("Content-Encoding") ?? "").toLowerCase());
}

function parseContentRange({ headers }: Head): Slice & { size: number } {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(headers.get("Content-Range") ?? "") ?? [];
  const [start, end, size] = [decimal(first), decimal(last), decimal(total)];
  if (start === undefined || end === undefined || size === undefined || start > end || end >= size) {
    throw new MediaError("other_range", "the response is a part, but does not say which one");
  }
  return { start, end: end + 1, size };
}

/** A body that arrives in pieces of any size. */
export interface Source {
  /** Reads the next piece. Returns `undefined` at the end. */
  read(): Promise<Bytes | undefined>;
  /** Leaves the rest of the body unread. */
  leave(reason?: unknown): Promise<void>;
}

/**
 * Returns the stream of the wanted bytes: decrypted if there is a key, and counted.
 *
 * Confidential only, not authenticated: a body of the right length is taken for right. The stream reads a piece when its consumer asks for
 * one, and holds one piece at a time. It ends in good order only if exactly the promised bytes came.
 *
 * Errors of the stream are `MediaError`s: `truncated`, `surplus`, `timeout`; or the reason of a signal that aborts.
 *
 * @param window `undefined` if the length is not known.
 * @throws {MediaError} `too_long` if the window reaches beyond the end of the keystream.
 */
export function openBody(source: Source, window: Window | undefined, key?: CipherKey): ReadableStream<Bytes> {
  const covers = window?.covers ?? { start: 0, end: Infinity };
  const wanted = window?.wanted ?? covers;
  const mayBeLonger = window?.mayBeLonger ?? false;
  if (key && covers.end > KEYSTREAM_BYTES) throw new MediaError("too_long", "the body reaches beyond the end of the keystream");
  const isCut = wanted.start !== covers.start || wanted.end !== covers.end;
  let at = covers.start;

  const truncated = (cause?: unknown) => {
    const of = window ? ` of ${covers.end - covers.start}` : "";
    return new MediaError("truncated", `the body ended after ${at - covers.start}${of} bytes`, { cause });
  };
  const next = async () => {
    try {
      return await source.read();
    } catch (error) {
      throw error instanceof MediaError && error.code === "network" ? truncated(error) : error;
    }
  };
  // Returns the next wanted bytes, or undefined after the last ones.
  const pull = async (): Promise<Bytes | undefined> => {
    for (;;) {
      if (isCut && at >= wanted.end) {
        await source.leave();
        return undefined;
      }
      const piece = await next();
      if (!piece) {
        if (window && at < covers.end) throw truncated();
        return undefined;
      }
      const start = at;
      if (start + piece.length > covers.end && !mayBeLonger) {
        throw new MediaError("surplus", `the body is longer than the ${covers.end - covers.start} bytes that it should have`);
      }
      at += piece.length;
      const from = Math.max(start, wanted.start);
      const to = mayBeLonger ? at : Math.min(at, wanted.end);
      if (from >= to) continue;
      const bytes = piece.subarray(from - start, to - start);
      return key ? await applyKeystream(key, bytes, from, BODY_NONCE) : bytes;
    }
  };
  return new ReadableStream<Bytes>({
    async pull(controller) {
      try {
        const bytes = await pull();
        if (bytes) controller.enqueue(bytes);
        else controller.close();
      } catch (error) {
        controller.error(error);
        await source.leave(error);
      }
    },
    cancel: (reason) => source.leave(reason),
  });
}
