import type { CipherKey } from "./cipher.ts";
import { METADATA_NONCE, applyKeystream } from "./cipher.ts";
import { decodeBase64url, isWhole, membersOf, parseJson } from "./encoding.ts";
import { MediaError } from "./error.ts";

const SEALED_BYTES = 1024;

/** What an answer or a link says about its object. */
export interface Metadata {
  /** The object's length in bytes. */
  readonly size: number;
  /** The media type. The uploader chose it. */
  readonly contentType: string;
  /** Disposition and file name, as in the HTTP header. The uploader chose the name. */
  readonly contentDisposition: string | undefined;
}

/** Reads metadata from JSON. Returns `undefined` if a member is missing or has another type. */
export function readMetadata(value: unknown): Metadata | undefined {
  const { size, content_type: contentType, content_disposition: disposition } = membersOf(value) ?? {};
  if (!isWhole(size) || typeof contentType !== "string") return undefined;
  const contentDisposition = disposition ?? undefined;
  if (contentDisposition !== undefined && typeof contentDisposition !== "string") return undefined;
  return { size, contentType, contentDisposition };
}

/**
 * Opens sealed metadata (specification, section 7).
 *
 * @throws {MediaError} `malformed_metadata`, or `wrong_key` if the key does not fit.
 */
export async function unsealMetadata(sealed: string, key: CipherKey): Promise<Metadata> {
  const bytes = decodeBase64url(sealed, SEALED_BYTES);
  if (!bytes) throw new MediaError("malformed_metadata", "the sealed metadata of the link is not base64url of 1,024 bytes");
  const metadata = readMetadata(parseJson(await applyKeystream(key, bytes, 0, METADATA_NONCE)));
  if (!metadata) throw new MediaError("wrong_key", "the key does not open the sealed metadata of the link");
  return metadata;
}

/** Tells whether two descriptions are those of the same object. */
export function isSameMetadata(one: Metadata, other: Metadata): boolean {
  return one.size === other.size && one.contentType === other.contentType && one.contentDisposition === other.contentDisposition;
}
