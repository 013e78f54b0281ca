// Control characters, line separators, and the characters that change the direction of text: with U+202E, `gnp.exe` looks like a picture.
const UNSHOWABLE = /[\p{Cc}\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;
const MAX_CHARS = 200;

/**
 * Returns the file name of a `Content-Disposition` (RFC 6266), made safe to show and to save under.
 *
 * The uploader chose the name. Folders, leading dots, and characters that steer a terminal or change the direction of text are removed.
 * Returns `undefined` if nothing is left.
 */
export function safeFileName(contentDisposition: string | null | undefined): string | undefined {
  const given = contentDisposition == null ? undefined : (extendedName(contentDisposition) ?? plainName(contentDisposition));
  const base = given?.replace(UNSHOWABLE, "").split(/[/\\]/).at(-1) ?? "";
  const name = base.replace(/[<>:"|?*]/g, "_").replace(/^[. ]+/, "");
  return (
    [...name]
      .slice(0, MAX_CHARS)
      .join("")
      .replace(/[. ]+$/, "") || undefined
  );
}

// filename*=utf-8''na%C3%AFve.png
function extendedName(disposition: string): string | undefined {
  const [, encoded] = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(disposition) ?? [];
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

// filename="a \"b\".png" or filename=a.png
function plainName(disposition: string): string | undefined {
  const [, quoted, bare] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? bare;
}
