import { isBase64url } from "./encoding.ts";

const NAME_CHARS = 43; // base64url of 32 bytes
const MAX_CHARS = 2048;

/**
 * Returns the name of a redirect token, which is `name` or `name.sealed` (specification, section 1.2).
 *
 * Returns `undefined` if the text is not a redirect token.
 */
export function tokenName(token: string): string | undefined {
  const [name = "", sealed, ...more] = token.split(".");
  const fits = name.length === NAME_CHARS && isBase64url(name) && token.length <= MAX_CHARS && more.length === 0;
  return fits && (sealed === undefined || (sealed !== "" && isBase64url(sealed))) ? name : undefined;
}

/** Returns the name of a link's redirect token. Returns `undefined` if the URL is not exactly the edge, a slash and a redirect token. */
export function nameOfLink(url: string, edge: string): string | undefined {
  return url.startsWith(`${edge}/`) ? tokenName(url.slice(edge.length + 1)) : undefined;
}
