/**
 * Downloads Matrix media, and decrypts it if it comes by an encrypted redirect (MSC4097).
 *
 * A download goes through these modules, in this order:
 *
 * 1. `client`: what the application calls.
 * 2. `address`, `range-request`: what it asks for.
 * 3. `follow`: which request comes next, and what a response means.
 * 4. `account`: what is remembered between downloads; `advertised`: whether to opt in, and how; `session`: keys for redirects.
 * 5. `request`: one request with its time limits.
 * 6. `answer`, `redirect-token`: which links to follow.
 * 7. `metadata`, `decrypt`, `cipher`: checks the response, decrypts and counts.
 *
 * @module
 */

export type { Thumbnail } from "./address.ts";
export type { Cipher, CipherKey } from "./cipher.ts";
export { type FetchOptions, MediaClient, type MediaClientOptions, type MediaOptions } from "./client.ts";
export { MediaError, type MediaErrorCode, type MediaErrorDetails } from "./error.ts";
export { safeFileName } from "./file-name.ts";
export type { ObjectUrl } from "./object-url.ts";
