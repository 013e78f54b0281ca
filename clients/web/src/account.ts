import type { Homeserver } from "./address.ts";
import { type Advertised, MAX_CONFIG_BYTES, PREFIX, readAdvertised } from "./advertised.ts";
import type { Cipher, CipherKey } from "./cipher.ts";
import { MediaError } from "./error.ts";
import type { Metadata } from "./metadata.ts";
import { type Exchange, type RequestOptions, type Transport, send } from "./request.ts";

const CONFIG_PATH = `/_matrix/client/v1/media/config?${PREFIX}.session=true`;
const HOUR_MS = 60 * 60 * 1000;
const CONFIG_MS = HOUR_MS; // specification, section 9.1
const WITHOUT_SESSION_MS = HOUR_MS; // specification, section 9.11
const RETRY_CONFIG_MS = 60 * 1000; // after a failure that may pass
const MAX_LINKS = 16; // each serves the ranges of one object
const RENEW_MS = 5_000; // before a link ends

/** A link that serves further ranges of its object. */
export interface Link {
  readonly url: string;
  /** Absent for a link without encryption. */
  readonly key: CipherKey | undefined;
  readonly metadata: Metadata;
  /** By this client's clock, in milliseconds since 1970. Infinity if unknown. */
  readonly endsAt: number;
}

/** What does not change between accounts. */
export interface Settings {
  readonly homeserver: Homeserver;
  readonly accessToken: () => Promise<string>;
  readonly fetch: typeof globalThis.fetch;
  readonly ciphers: readonly Cipher[];
  readonly timeoutMs: number;
}

interface KnownConfig {
  readonly token: string;
  readonly advertised: Promise<Advertised | undefined>;
  /** What `advertised` resolved to. */
  value?: Advertised | undefined;
  until: number;
}

/** What a client remembers of an account, in memory only: the media config with its session, and the links of objects that are read in ranges. */
export class Account {
  readonly settings: Settings;
  readonly #ended = new AbortController();
  readonly #links = new Map<string, Link>();
  readonly #firstRanges = new Map<string, Promise<unknown>>();
  #config: KnownConfig | undefined;
  #wasStale = false;
  #noSessionUntil = 0;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Aborts everything that still runs for the account. */
  end(): void {
    this.#ended.abort(new MediaError("forgotten", "the download was aborted because the account was forgotten"));
  }

  /** Sends a request to the homeserver, with the access token. */
  async ask(path: string, options: Pick<RequestOptions, "range"> = {}, signal?: AbortSignal): Promise<Exchange> {
    const token = await this.settings.accessToken();
    return send(this.#transport(signal), this.settings.homeserver.base + path, { ...options, token });
  }

  /** Follows a link, without the access token. Does not follow redirects. */
  follow(url: string, options: Pick<RequestOptions, "range">, signal?: AbortSignal): Promise<Exchange> {
    return send(this.#transport(signal), url, { ...options, redirect: "manual" });
  }

  /**
   * Returns what the homeserver advertises: for one hour what it said first. Returns `undefined` if it advertises nothing that can be used.
   */
  async advertised(): Promise<Advertised | undefined> {
    const token = await this.settings.accessToken();
    const known = this.#config;
    // A session belongs to the access token that it was made for.
    if (known?.token === token && Date.now() < known.until) return known.advertised;
    const advertised = this.#readConfig(token, (value, ms) => Object.assign(config, { value, until: Date.now() + ms }));
    const config: KnownConfig = { token, advertised, until: Infinity };
    this.#config = config;
    return advertised;
  }

  /** Whether sessions are of use: not for an hour after two stale ones in a row. */
  get mayUseSession(): boolean {
    return Date.now() >= this.#noSessionUntil;
  }

  /** Reads the media config anew next time, unless that has happened since. */
  distrust(advertised: Advertised): void {
    if (this.#config?.value === advertised) this.#config = undefined;
  }

  /** Takes note whether a session was stale: then the next download reads the config again, once. */
  noteSession(advertised: Advertised, isStale: boolean): void {
    // The session of an older config says nothing about this one.
    if (this.#config?.value !== advertised || !this.mayUseSession) return;
    if (isStale && this.#wasStale) this.#noSessionUntil = Date.now() + WITHOUT_SESSION_MS;
    else if (isStale) this.#config = undefined;
    this.#wasStale = isStale && !this.#wasStale;
  }

  /** Returns the link to an object that still works. */
  link(id: string): Link | undefined {
    const link = this.#links.get(id);
    return link && Date.now() < link.endsAt - RENEW_MS ? link : undefined;
  }

  /**
   * Runs a step that gets a link if there is none. While one runs for an object, others for the same object wait, and then share its link.
   */
  async share<T>(id: string, step: () => Promise<T>): Promise<T> {
    const first = this.#firstRanges.get(id);
    if (first !== undefined) {
      await first;
      return step();
    }
    const running = step();
    this.#firstRanges.set(
      id,
      running.catch(() => {}),
    );
    try {
      return await running;
    } finally {
      this.#firstRanges.delete(id);
    }
  }

  /** Remembers a link for further ranges; the sixteen most recent ones are kept. */
  keep(id: string, link: Link): void {
    this.#links.delete(id);
    this.#links.set(id, link);
    for (const oldest of this.#links.keys()) {
      if (this.#links.size > MAX_LINKS) this.#links.delete(oldest);
    }
  }

  /** Forgets a link that no longer works. */
  drop(id: string, link: Link): void {
    if (this.#links.get(id) === link) this.#links.delete(id);
  }

  #transport(signal?: AbortSignal): Transport {
    const { fetch, timeoutMs } = this.settings;
    return { fetch, timeoutMs, signals: signal ? [this.#ended.signal, signal] : [this.#ended.signal] };
  }

  async #readConfig(token: string, done: (value: Advertised | undefined, ms: number) => void): Promise<Advertised | undefined> {
    let advertised: Advertised | undefined;
    let ms = RETRY_CONFIG_MS;
    try {
      const exchange = await send(this.#transport(), this.settings.homeserver.base + CONFIG_PATH, { token });
      const body = await exchange.readAll(MAX_CONFIG_BYTES);
      const { origin } = this.settings.homeserver;
      if (exchange.status === 200 && exchange.url.origin === origin) {
        advertised = await readAdvertised(body);
        // Within one web origin the access token would go along with a redirect.
        if (advertised?.edge === origin) advertised = undefined;
        ms = Math.min(CONFIG_MS, advertised?.session?.expiresInMs ?? CONFIG_MS);
      } else if (exchange.status < 500 && exchange.status !== 429) {
        ms = CONFIG_MS; // guests may not read it
      }
    } catch {
      // Without the config the client asks for plain media, and reports what then goes wrong.
    }
    done(advertised, ms);
    return advertised;
  }
}
