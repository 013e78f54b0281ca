import { MediaError } from "./error.ts";

// A server name (Matrix specification, appendices) is an IPv6 literal or a name, and perhaps a port. It has at least one letter or digit here,
// because URLs drop the segments `.` and `..`.
const MXC = /^mxc:\/\/(?=[^/]*[A-Za-z0-9])(?=[^/]{1,255}\/)((?:\[[\dA-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]+)(?::\d{1,5})?)\/([\w-]{1,255})$/;
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const MAX_DIMENSION = 2 ** 32;

/** Asks for a thumbnail instead of the original, as in the Matrix specification. */
export interface Thumbnail {
  /** Wanted width in pixels. */
  width: number;
  /** Wanted height in pixels. */
  height: number;
  /** Cut to the wanted shape, or keep the shape. */
  method?: "crop" | "scale";
  /** Whether the thumbnail may be animated. */
  animated?: boolean;
}

/** The homeserver: the only place to which the access token goes. */
export interface Homeserver {
  /** Scheme, host, port and perhaps a path, without a slash at the end. */
  readonly base: string;
  /** Its web origin. */
  readonly origin: string;
}

/**
 * Parses the base URL of a homeserver's client-server API.
 *
 * @throws {MediaError} `invalid_argument` unless the URL is https, or http on this machine, without user name, query and fragment.
 */
export function parseHomeserver(text: string): Homeserver {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !isSecure(url) || url.username || url.password || /[?#]/.test(text)) {
    throw new MediaError(
      "invalid_argument",
      "invalid homeserver URL: expected https://host, with a port or a path if needed (http works for localhost)",
    );
  }
  return { base: url.href.replace(/\/+$/, ""), origin: url.origin };
}

/** Tells whether a URL is https, or http on this very machine, where nobody can listen on the way. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.includes(hostname));
}

/**
 * Returns path and query of the request for media, without the parameters of this protocol.
 *
 * The result also names the object: different thumbnail parameters make different objects.
 *
 * @throws {MediaError} `invalid_argument` if the URI or the thumbnail's dimensions are malformed.
 */
export function mediaPath(
  mxc: string,
  { thumbnail, fileName }: { thumbnail?: Thumbnail | undefined; fileName?: string | undefined },
): string {
  const { server, id } = parseMxc(mxc);
  const name = encodeURIComponent(server);
  if (!thumbnail) return `/_matrix/client/v1/media/download/${name}/${id}${fileNameSegment(fileName)}`;
  const { width, height, method, animated } = thumbnail;
  for (const pixels of [width, height]) {
    if (!Number.isInteger(pixels) || pixels < 0 || pixels >= MAX_DIMENSION) {
      throw new MediaError("invalid_argument", `invalid thumbnail dimension ${pixels}: expected a whole number of pixels`);
    }
  }
  const query = new URLSearchParams({ width: String(width), height: String(height) });
  if (method !== undefined) query.set("method", method);
  if (animated !== undefined) query.set("animated", String(animated));
  return `/_matrix/client/v1/media/thumbnail/${name}/${id}?${query}`;
}

/**
 * Splits an `mxc:` URI.
 *
 * @throws {MediaError} `invalid_argument` if it is malformed.
 */
export function parseMxc(uri: string): { server: string; id: string } {
  const [, server, id] = MXC.exec(uri) ?? [];
  if (server === undefined || id === undefined) {
    throw new MediaError("invalid_argument", "invalid media URI: expected mxc://server/id");
  }
  return { server, id };
}

// URLs drop the segments `.` and `..`, so these are no names that the homeserver could be told.
function fileNameSegment(fileName = ""): string {
  return ["", ".", ".."].includes(fileName) ? "" : `/${encodeURIComponent(fileName.toWellFormed())}`;
}
