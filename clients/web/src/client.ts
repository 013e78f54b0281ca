import { Account, type Settings } from "./account.ts";
import { type Thumbnail, mediaPath, parseHomeserver } from "./address.ts";
import { type Cipher, a256ctr, hasWebCrypto } from "./cipher.ts";
import { download } from "./follow.ts";
import { type ObjectUrl, toObjectUrl } from "./object-url.ts";
import { requireRange } from "./range-request.ts";
import { TIMEOUT_MS } from "./request.ts";

/** What a client needs to know. */
export interface MediaClientOptions {
  /** The base URL of the homeserver's client-server API, such as `https://matrix.example.org`. */
  homeserver: string;
  /** Returns the user's current access token. It is asked for each request to the homeserver, so it may refresh the token. */
  accessToken: () => Promise<string>;
  /** Used instead of the global `fetch`. It must follow redirects, and drop `Authorization` when one leads to another web origin. */
  fetch?: typeof globalThis.fetch;
  /** A further algorithm, such as `chacha20`. The client prefers `a256ctr`, which browsers have built in. */
  cipher?: Cipher;
  /** How long to wait for a response, and for each piece of it, in milliseconds. 60,000 unless given. */
  timeoutMs?: number;
}

/** Options of one download. */
export interface MediaOptions {
  /** Downloads a thumbnail instead of the original. */
  thumbnail?: Thumbnail;
  /** The media is ciphertext already: an attachment of an encrypted room. It then may travel without a second encryption. */
  verbatim?: boolean;
  /** Downloads from the homeserver, without this protocol. */
  plain?: boolean;
  /** Proposes a file name to the homeserver, for `Content-Disposition`. Has no effect on thumbnails. */
  fileName?: string;
  /** The object's length in bytes, if you know it, for instance from an event. It saves an attempt that the homeserver would not honour. */
  size?: number;
  /** Aborts the download, also while the body is being read. */
  signal?: AbortSignal;
}

/** Options of `fetch`. */
export interface FetchOptions extends MediaOptions {
  /**
   * One range of bytes, as in the `Range` header: `bytes=0-1023`, `bytes=1024-` or `bytes=-500`.
   *
   * In a browser, `bytes=-500` needs a homeserver whose CORS preflight allows `Range`, and many do not. The other forms work everywhere.
   */
  range?: string;
}

/**
 * Downloads media of one Matrix account, and decrypts it if it comes by an encrypted redirect (MSC4097).
 *
 * Decryption is confidential only, not authenticated: TLS carries integrity.
 */
export class MediaClient {
  readonly #settings: Settings;
  #account: Account;
  readonly #urls = new Set<ObjectUrl>();

  /** @throws {MediaError} `invalid_argument` if the homeserver's URL is neither https nor http on this machine. */
  constructor({
    homeserver,
    accessToken,
    fetch = (input, init) => globalThis.fetch(input, init),
    cipher,
    timeoutMs = TIMEOUT_MS,
  }: MediaClientOptions) {
    const ciphers = [...(hasWebCrypto() ? [a256ctr] : []), ...(cipher ? [cipher] : [])];
    this.#settings = { homeserver: parseHomeserver(homeserver), accessToken, fetch, ciphers, timeoutMs };
    this.#account = new Account(this.#settings);
  }

  /**
   * Downloads media.
   *
   * Resolves when the head of the response is there and checked. The body is a stream of plaintext; reading it fails with a `MediaError` if
   * it ends early or does not end where it should. `Content-Type`, `Content-Disposition`, `Content-Length` and `Content-Range` are those of
   * the plaintext. The status is 200, or 206 if a range was asked for; an object without bytes is a 200. An error status becomes a
   * `MediaError`.
   *
   * Several ranges of one object share one link until it ends.
   *
   * @param mxc the media, as `mxc://server/id`.
   * @throws {MediaError} if the download fails.
   * @throws the reason of `signal` if it aborts, and whatever `accessToken` throws.
   */
  async fetch(mxc: string, options: FetchOptions = {}): Promise<Response> {
    const { verbatim = false, plain = false, size, signal } = options;
    const path = mediaPath(mxc, options);
    const range = options.range === undefined ? undefined : requireRange(options.range);
    return download(this.#account, { path, id: `${path} ${verbatim}`, range, verbatim, plain, size, signal });
  }

  /**
   * Downloads media into memory and returns a `blob:` URL for `<img>`, `<audio>` or a link with the attribute `download`.
   *
   * @param mxc the media, as `mxc://server/id`.
   * @throws as `fetch`, and if the body breaks off.
   */
  async objectUrl(mxc: string, options: MediaOptions = {}): Promise<ObjectUrl> {
    const made = await toObjectUrl(await this.fetch(mxc, options));
    const entry: ObjectUrl = {
      ...made,
      revoke: () => {
        this.#urls.delete(entry);
        made.revoke();
      },
    };
    this.#urls.add(entry);
    return entry;
  }

  /**
   * Forgets the account: call it at sign-out. Aborts all downloads, revokes all `blob:` URLs, and drops the session and all links.
   *
   * The client can be used again afterwards, with whatever `accessToken` then returns.
   */
  forget(): void {
    this.#account.end();
    this.#account = new Account(this.#settings);
    for (const { revoke } of this.#urls) revoke();
  }
}
