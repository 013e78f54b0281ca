/**
 * Says what went wrong, in a word for programs.
 *
 * - `invalid_argument`: the caller passed something that cannot be requested, such as a malformed `mxc:` URI.
 * - `homeserver`: the homeserver refused. `status` and, for a Matrix error, `errcode` say why.
 * - `edge`: the edge answered a link with a status that no new link and no plain download can help with.
 * - `redirect_target`: the homeserver redirected to a server that refused.
 * - `network`: no response came, or the page may not read it (CORS).
 * - `timeout`: no response, or no data, came in time.
 * - `forgotten`: `forget` was called during the download.
 * - `unsatisfiable`: the object has no byte of the range. `sizeBytes` is its length, where that is known.
 * - `range_ignored`: the whole object came instead of a range, without its length.
 * - `truncated`, `surplus`: the body ended early, or did not end where it should. Drop what was read of it.
 * - all others: a server broke the protocol, and nothing was released.
 */
export type MediaErrorCode =
  | "invalid_argument"
  | "homeserver"
  | "edge"
  | "redirect_target"
  | "network"
  | "timeout"
  | "forgotten"
  | "unsatisfiable"
  | "range_ignored"
  | "truncated"
  | "surplus"
  | "insecure_redirect"
  | "unasked_answer"
  | "other_link"
  | "no_metadata"
  | "malformed_metadata"
  | "wrong_key"
  | "other_metadata"
  | "encoded"
  | "other_range"
  | "other_size"
  | "too_long";

/** Facts about an error, beside its code and message. */
export interface MediaErrorDetails {
  /** The HTTP status. */
  status?: number | undefined;
  /** The homeserver's error code, such as `M_NOT_FOUND`. */
  errcode?: string | undefined;
  /** The seconds of `Retry-After`: wait that long before you ask again. */
  retryAfterSecs?: number | undefined;
  /** The object's length in bytes. */
  sizeBytes?: number | undefined;
  /** The error of the platform that led to this one. */
  cause?: unknown;
}

/**
 * Every error of this library, apart from two: if your `AbortSignal` aborts, its own reason is thrown, and an error that your `accessToken`
 * function throws is passed on.
 *
 * The message is a sentence for people. It contains no access token, no link and no key.
 */
export class MediaError extends Error {
  readonly code: MediaErrorCode;
  readonly status: number | undefined;
  readonly errcode: string | undefined;
  readonly retryAfterSecs: number | undefined;
  readonly sizeBytes: number | undefined;

  constructor(code: MediaErrorCode, message: string, details: MediaErrorDetails = {}) {
    super(message, details);
    this.name = "MediaError";
    this.code = code;
    this.status = details.status;
    this.errcode = details.errcode;
    this.retryAfterSecs = details.retryAfterSecs;
    this.sizeBytes = details.sizeBytes;
  }
}
