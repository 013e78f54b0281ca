import { MediaClient, MediaError, safeFileName } from "@cloakroom/web";

/** Makes a client: one for each account that is signed in. */
export function connect(homeserver: string, session: { accessToken: string }): MediaClient {
  return new MediaClient({ homeserver, accessToken: async () => session.accessToken });
}

/** Shows a picture in an `<img>`. */
export async function showPicture(media: MediaClient, image: HTMLImageElement, mxc: string): Promise<void> {
  try {
    const { url, revoke } = await media.objectUrl(mxc);
    image.onload = image.onerror = revoke; // the element keeps the picture without the URL
    image.src = url;
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    image.alt = error.errcode === "M_NOT_FOUND" ? "This picture is gone" : `This picture cannot be shown: ${error.message}`;
  }
}

/** Saves a file under its name. */
export async function save(media: MediaClient, mxc: string): Promise<void> {
  const { url, contentDisposition, revoke } = await media.objectUrl(mxc);
  const link = Object.assign(document.createElement("a"), { href: url, download: safeFileName(contentDisposition) ?? "download" });
  link.click();
  setTimeout(revoke, 60_000); // the browser reads the URL while it saves
}

/** Reads a part of a long file, piece by piece. */
export async function readPart(media: MediaClient, mxc: string, range: string, onPiece: (piece: Uint8Array) => void): Promise<void> {
  const response = await media.fetch(mxc, { range }); // such as "bytes=0-1048575"
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) onPiece(piece.value);
}
