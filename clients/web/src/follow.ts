import type { Account, Link } from "./account.ts";
import { type Advertised, type OptIn, chooseOptIn, optInQuery } from "./advertised.ts";
import { MAX_ANSWER_BYTES, readAnswer } from "./answer.ts";
import { LINK_HEADER, type Window, beyondEnd, checkEncrypted, checkPlain, checkVerbatim, openBody } from "./decrypt.ts";
import { decimal, membersOf, parseJson } from "./encoding.ts";
import { MediaError } from "./error.ts";
import type { Metadata } from "./metadata.ts";
import type { RangeRequest } from "./range-request.ts";
import { nameOfLink } from "./redirect-token.ts";
import type { Exchange } from "./request.ts";
import { openSessionKey } from "./session.ts";

const ANSWER_HEADER = "Org-Matrix-Msc4097-Answer";
const SESSION_HEADER = "Org-Matrix-Msc4097-Session";
const MAX_ANSWERS = 2;
const MAX_ERROR_BYTES = 64 * 1024;

/** What to download. */
export interface Download {
  /** Path and query of the request for the media. */
  readonly path: string;
  /** Names the object and the way in which it may travel: ranges with the same id share a link. */
  readonly id: string;
  readonly range: RangeRequest | undefined;
  readonly verbatim: boolean;
  readonly plain: boolean;
  readonly size: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * What came of an attempt:
 *
 * - a response: the media;
 * - `gone`: the link gave 404 or 409;
 * - `foreign`: the link leads to another edge than the advertised one, which may have moved;
 * - `empty`: the object has no bytes, so the range was refused;
 * - `plain`: only plain media can help.
 */
type Outcome = Response | "gone" | "foreign" | "empty" | "plain";

/**
 * Downloads media by the rules of section 9 of the specification.
 *
 * 1. A link that an earlier range of the same object came by serves this one too.
 * 2. Otherwise the media config says whether to opt in, and which edge to trust.
 * 3. With `session`, the client follows a redirect and derives the key. With `json`, it reads an answer and follows the link of it.
 * 4. A link that is gone is replaced once. A link to another edge makes the client read the config again, once. The client gets at most
 *    two answers.
 * 5. If nothing else helps, the client asks once without opting in.
 *
 * @throws {MediaError} if the download fails.
 */
export async function download(account: Account, wish: Download): Promise<Response> {
  let { range } = wish;
  if (!wish.plain) {
    for (let answers = 1; answers <= MAX_ANSWERS; answers += 1) {
      const step = () => attempt(account, { ...wish, range });
      const isFirstRange = range && !account.link(wish.id);
      const { outcome, advertised } = await (isFirstRange ? account.share(wish.id, step) : step());
      if (outcome instanceof Response) return outcome;
      if (outcome === "plain") break;
      if (outcome === "empty") range = undefined;
      if (outcome === "foreign" && advertised && answers < MAX_ANSWERS) account.distrust(advertised);
    }
  }
  return askPlainly(account, { ...wish, range });
}

async function attempt(account: Account, wish: Download): Promise<{ outcome: Outcome; advertised?: Advertised | undefined }> {
  const link = wish.range && account.link(wish.id);
  if (link) return { outcome: await followLink(account, wish, link) };
  const advertised = await account.advertised();
  return { outcome: await tryOptIn(account, wish, advertised), advertised };
}

async function tryOptIn(account: Account, wish: Download, advertised: Advertised | undefined): Promise<Outcome> {
  const usable = advertised && { ...advertised, session: account.mayUseSession ? advertised.session : undefined };
  const optIn = usable && chooseOptIn(usable, account.settings.ciphers, wish);
  if (!optIn) return "plain";
  const path = `${wish.path}${wish.path.includes("?") ? "&" : "?"}${optInQuery(optIn, wish.verbatim)}`;
  if (optIn.delivery === "json") return byAnswer(account, wish, optIn, await account.ask(path, wish, wish.signal));
  // The request may have failed at the edge as well as at the homeserver.
  const exchange = await unlessUnreachable(account.ask(path, wish, wish.signal));
  return exchange ? byRedirect(account, wish, advertised, optIn, exchange) : "plain";
}

// --- the delivery `session` -------------------------------------------------------------------------------------------------------

async function byRedirect(
  account: Account,
  wish: Download,
  advertised: Advertised,
  optIn: OptIn & { delivery: "session" },
  exchange: Exchange,
): Promise<Outcome> {
  const { url, headers } = exchange;
  if (url.origin === account.settings.homeserver.origin) {
    account.noteSession(advertised, headers.get(SESSION_HEADER) === "stale");
    return takePlain(account, wish, exchange);
  }
  const name = nameOfLink(url.href, optIn.edge);
  if (name === undefined) {
    // Plain media, unless the response itself says that it is another edge's ciphertext.
    if (headers.get(LINK_HEADER) !== "encrypted") return takePlain(account, wish, exchange);
    await exchange.leave();
    return "foreign";
  }
  account.noteSession(advertised, false);
  const refused = await refusal(exchange, wish, undefined);
  if (refused) return refused;
  const key = await openSessionKey(optIn.session.secret, name, optIn.cipher);
  const link = { url: url.href, key, endsAt: Infinity };
  return release(exchange, async () => {
    const { metadata, window } = await checkEncrypted(exchange, { ...link, metadata: undefined }, wish.range);
    if (wish.range) account.keep(wish.id, { ...link, metadata });
    return respond(exchange, wish, metadata, window, key);
  });
}

// --- the delivery `json` ----------------------------------------------------------------------------------------------------------

async function byAnswer(account: Account, wish: Download, optIn: OptIn & { delivery: "json" }, exchange: Exchange): Promise<Outcome> {
  const { status, headers, url } = exchange;
  const isAnswer = status === 200 && headers.get(ANSWER_HEADER) === "json" && url.origin === account.settings.homeserver.origin;
  if (!isAnswer) return takePlain(account, wish, exchange);
  const arrived = Date.now();
  const algs = optIn.ciphers.map(({ alg }) => alg);
  const answer = readAnswer(await exchange.readAll(MAX_ANSWER_BYTES), optIn.edge, { algs, verbatim: wish.verbatim });
  if (typeof answer === "string") return answer === "foreign_url" ? "foreign" : "plain";
  const cipher = optIn.ciphers.find(({ alg }) => alg === answer.alg);
  const key = answer.key && (await cipher?.open(answer.key));
  const endsAt = answer.expiresInMs === undefined ? answer.expiresTs : arrived + answer.expiresInMs;
  return followLink(account, wish, { url: answer.url, key, metadata: answer.metadata, endsAt });
}

// --- links --------------------------------------------------------------------------------------------------------------------------

async function followLink(account: Account, wish: Download, link: Link): Promise<Outcome> {
  const exchange = await unlessUnreachable(account.follow(link.url, wish, wish.signal));
  const refused = exchange ? await refusal(exchange, wish, link.metadata.size) : "plain";
  if (!exchange || refused) {
    account.drop(wish.id, link);
    return refused ?? "plain";
  }
  return release(exchange, async () => {
    const { key, metadata } = link;
    try {
      const window = key
        ? (await checkEncrypted(exchange, { ...link, key }, wish.range)).window
        : checkVerbatim(exchange, metadata, wish.range);
      if (wish.range) account.keep(wish.id, link);
      return respond(exchange, wish, metadata, window, key);
    } catch (error) {
      account.drop(wish.id, link);
      throw error;
    }
  });
}

/** Returns what follows from a link's status, or `undefined` for a 200 or 206. */
async function refusal(exchange: Exchange, { range }: Download, size: number | undefined): Promise<Exclude<Outcome, Response> | undefined> {
  const { status, headers } = exchange;
  if (status === 200 || status === 206) return undefined;
  await exchange.leave();
  switch (status) {
    case 404:
    case 409:
      return "gone";
    case 502:
    case 504:
      return "plain";
    case 416:
      if (range) return emptyOrBeyond(headers, size);
      break;
  }
  throw new MediaError("edge", `the edge answered ${status === 0 ? "with a redirect" : status}`, {
    status,
    retryAfterSecs: retryAfter(headers),
  });
}

// --- plain media ---------------------------------------------------------------------------------------------------------------------

async function askPlainly(account: Account, wish: Download): Promise<Response> {
  const outcome = await takePlain(account, wish, await account.ask(wish.path, wish, wish.signal));
  if (outcome instanceof Response) return outcome;
  return askPlainly(account, { ...wish, range: undefined });
}

/** Takes a response as media, or as the error that it is. */
async function takePlain(account: Account, wish: Download, exchange: Exchange): Promise<Response | "empty"> {
  const { status, headers, url } = exchange;
  const { origin } = account.settings.homeserver;
  return release(exchange, async () => {
    if (url.origin === origin && headers.has(ANSWER_HEADER))
      throw new MediaError("unasked_answer", "an answer came that was not asked for");
    if (origin.startsWith("https:") && url.protocol !== "https:")
      throw new MediaError("insecure_redirect", "a redirect leads from https to http");
    if (status === 200 || status === 206) {
      const metadata = {
        contentType: headers.get("Content-Type") ?? "application/octet-stream",
        contentDisposition: headers.get("Content-Disposition") ?? undefined,
      };
      return respond(exchange, wish, metadata, checkPlain(exchange, wish.range));
    }
    if (status === 416 && wish.range) {
      await exchange.leave();
      return emptyOrBeyond(headers, undefined);
    }
    if (url.origin !== origin)
      throw new MediaError("redirect_target", `the server that the homeserver redirected to answered ${status}`, { status });
    throw await homeserverError(exchange);
  });
}

async function homeserverError(exchange: Exchange): Promise<MediaError> {
  const { status, headers } = exchange;
  const body = await exchange.readAll(MAX_ERROR_BYTES).catch(() => new Uint8Array());
  const said = membersOf(parseJson(body))?.errcode;
  // A homeserver's words may repeat the access token, so only what has the form of a code is shown.
  const errcode = typeof said === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(said) ? said : undefined;
  return new MediaError("homeserver", `the homeserver answered ${status}${errcode ? ` ${errcode}` : ""}`, {
    status,
    errcode,
    retryAfterSecs: retryAfter(headers),
  });
}

// --- shared ----------------------------------------------------------------------------------------------------------------------------

/** An object without bytes has no range, but is a good object. For any other one a 416 is final. */
function emptyOrBeyond(headers: Headers, size: number | undefined): "empty" {
  const said = size ?? decimal(/^bytes \*\/(\d+)$/i.exec(headers.get("Content-Range") ?? "")?.[1]);
  if (said === 0) return "empty";
  throw beyondEnd(said);
}

function retryAfter(headers: Headers): number | undefined {
  return decimal(headers.get("Retry-After")?.trim());
}

/** Does a step with a response, and leaves the body if the step fails. */
async function release<T>(exchange: Exchange, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await exchange.leave(error);
    throw error;
  }
}

/** Returns `undefined` if no head came. */
async function unlessUnreachable(exchange: Promise<Exchange>): Promise<Exchange | undefined> {
  try {
    return await exchange;
  } catch (error) {
    if (error instanceof MediaError && (error.code === "network" || error.code === "timeout")) return undefined;
    throw error;
  }
}

function respond(
  exchange: Exchange,
  { range }: Download,
  { contentType, contentDisposition }: Omit<Metadata, "size">,
  window: Window | undefined,
  key?: Link["key"],
): Response {
  const headers = new Headers();
  setHeader(headers, "Content-Type", contentType, "application/octet-stream");
  if (contentDisposition !== undefined) setHeader(headers, "Content-Disposition", contentDisposition, "attachment");
  let status = 200;
  if (window) {
    const { wanted, size } = window;
    headers.set("Accept-Ranges", "bytes");
    headers.set("Content-Length", String(wanted.end - wanted.start));
    // Some players stop at a 200 after a 206, so a range of the object is a 206 even if the whole object came.
    if (range && size > 0) {
      status = 206;
      headers.set("Content-Range", `bytes ${wanted.start}-${wanted.end - 1}/${size}`);
    }
  }
  return new Response(openBody(exchange, window, key), { status, headers });
}

// An uploader chose these values, and not every text can be a header's value.
function setHeader(headers: Headers, name: string, value: string, instead: string): void {
  try {
    headers.set(name, value);
  } catch {
    headers.set(name, instead);
  }
}
