import { isSecure } from "./address.ts";
import { KEYSTREAM_BYTES, KEY_BYTES } from "./cipher.ts";
import { type Bytes, decodeBase64url, isWhole, membersOf, parseJson } from "./encoding.ts";
import { type Metadata, readMetadata } from "./metadata.ts";
import { nameOfLink } from "./redirect-token.ts";

/** The longest answer. */
export const MAX_ANSWER_BYTES = 16_384;
const MAX_CONTENT_TYPE_BYTES = 255;

/** Why a client refuses an answer, in the words of the specification, section 5. */
export type AnswerRefusal = "insecure_url" | "malformed" | "foreign_url" | "unknown_algorithm" | "unexpected_none" | "key";

/** An answer that keeps all rules. */
export interface Answer {
  /** The link. */
  readonly url: string;
  /** The algorithm, `none` included. */
  readonly alg: string;
  /** The key of 32 bytes; absent if `alg` is `none`. */
  readonly key: Bytes | undefined;
  /** The time at which the link ends, by the origin's clock, in milliseconds since 1970. */
  readonly expiresTs: number;
  /** The milliseconds from the answer until the link ends. */
  readonly expiresInMs: number | undefined;
  readonly metadata: Metadata;
}

/**
 * Reads an answer and checks the rules of section 5.
 *
 * @param body at most 16,385 bytes of it: longer ones are refused.
 * @param edge the web origin that the media config advertises.
 * @param offered which algorithms the client named, and whether it said `verbatim`.
 * @returns the answer, or the first rule that is broken.
 */
export function readAnswer(
  body: Uint8Array,
  edge: string,
  offered: { algs: readonly string[]; verbatim: boolean },
): Answer | AnswerRefusal {
  if (!isSecure(new URL(edge))) return "insecure_url";
  const { url, alg, key, expires_ts: expiresTs, expires_in_ms, metadata: about } = membersOf(parseJson(body)) ?? {};
  const metadata = readMetadata(about);
  const expiresInMs = expires_in_ms ?? undefined;
  const isDescribed =
    body.length <= MAX_ANSWER_BYTES &&
    metadata !== undefined &&
    isWhole(metadata.size, KEYSTREAM_BYTES) &&
    new TextEncoder().encode(metadata.contentType).length <= MAX_CONTENT_TYPE_BYTES;
  if (!isDescribed || typeof url !== "string" || typeof alg !== "string" || !isWhole(expiresTs)) return "malformed";
  if (!(key == null || typeof key === "string") || !(expiresInMs === undefined || isWhole(expiresInMs))) return "malformed";
  if (nameOfLink(url, edge) === undefined) return "foreign_url";
  if (alg !== "none" && !offered.algs.includes(alg)) return "unknown_algorithm";
  if (alg === "none" && !offered.verbatim) return "unexpected_none";
  const raw = key == null ? undefined : decodeBase64url(key, KEY_BYTES);
  if ((alg === "none") !== (key == null) || (alg !== "none" && !raw)) return "key";
  return { url, alg, key: raw, expiresTs, expiresInMs, metadata };
}
