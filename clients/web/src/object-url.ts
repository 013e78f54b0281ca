// What a page may show from a `blob:` URL. Such a URL belongs to the page's own web origin, so HTML, SVG and the like would run there with
// all its rights. The list is that of the Matrix specification for inline media, without types of text.
const SHOWABLE = [
  ...["jpeg", "gif", "png", "apng", "webp", "avif"].map((name) => `image/${name}`),
  ...["mp4", "webm", "ogg", "quicktime"].map((name) => `video/${name}`),
  ...["mp4", "webm", "aac", "mpeg", "ogg", "wave", "wav", "x-wav", "x-pn-wav", "flac", "x-flac"].map((name) => `audio/${name}`),
];

/** A `blob:` URL of media that the browser holds until you revoke it. */
export interface ObjectUrl {
  /** For `src` and `href` of elements. */
  readonly url: string;
  /** The media type that the uploader chose. The URL itself has it only if it is a type of pictures, audio or video that is safe to show. */
  readonly contentType: string;
  /** Disposition and file name. Use `safeFileName` for the attribute `download`. */
  readonly contentDisposition: string | undefined;
  /** The length in bytes. */
  readonly size: number;
  /** Frees the memory. The URL does not work afterwards. */
  revoke(): void;
}

/**
 * Reads a response to its end and makes a `blob:` URL of it.
 *
 * @throws {MediaError} if the body breaks off or has another length than promised.
 */
export async function toObjectUrl(response: Response): Promise<ObjectUrl> {
  const contentType = response.headers.get("Content-Type") ?? "application/octet-stream";
  const essence = (contentType.split(";")[0] ?? "").trim().toLowerCase();
  const blob = await response.blob();
  const url = URL.createObjectURL(blob.slice(0, blob.size, SHOWABLE.includes(essence) ? essence : "application/octet-stream"));
  const contentDisposition = response.headers.get("Content-Disposition") ?? undefined;
  return { url, contentType, contentDisposition, size: blob.size, revoke: () => URL.revokeObjectURL(url) };
}
