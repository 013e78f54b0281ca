import { MediaError } from "./error.ts";

/** The bytes from `start` to before `end`. */
export interface Slice {
  readonly start: number;
  readonly end: number;
}

/** One range of an object whose length is not known yet. */
export interface RangeRequest {
  /** The value of the `Range` header. */
  readonly header: string;
  /** Returns the bytes that are meant of an object of `size` bytes, or `undefined` if it has none of them. */
  resolve(size: number): Slice | undefined;
}

/**
 * Parses the value of a `Range` header that names one range of bytes: `bytes=0-1023`, `bytes=1024-` or `bytes=-500` (RFC 9110, section 14.1.2).
 *
 * Returns `undefined` for anything else. Servers ignore such a header and send the whole object.
 */
export function parseRange(text: string): RangeRequest | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/i.exec(text) ?? [];
  if (first === "" && last === "") return undefined;
  // As BigInt, because numbers of any size may be compared here.
  if (first !== "" && last !== "" && BigInt(last) < BigInt(first)) return undefined;
  return {
    header: `bytes=${first}-${last}`,
    resolve(size) {
      const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
      const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
      return start < end ? { start, end } : undefined;
    },
  };
}

/**
 * Parses the range that a caller asks for.
 *
 * @throws {MediaError} `invalid_argument` if the text is not one range of bytes.
 */
export function requireRange(text: string): RangeRequest {
  const range = parseRange(text);
  // `bytes=-0`, for one, has no byte of any object.
  if (!range?.resolve(Number.MAX_SAFE_INTEGER))
    throw new MediaError(
      "invalid_argument",
      `invalid range '${text.slice(0, 50)}': expected bytes=START-END, bytes=START- or bytes=-LENGTH`,
    );
  return range;
}
