// A second implementation of a client's rules, for the vectors: sections 5, 7 and 9, written from the specification alone. It shares no code with
// the Rust crate. Each function takes a vector's `input` and returns [expect, output]; generate.mjs compares both with what the case says.
import { KEYSTREAM_BYTES, SEALED_METADATA_BYTES, sha256, unhex, xor } from "./reference.mjs";

const MAX_CONFIG_BYTES = 65_536;
const MAX_ANSWER_BYTES = 16_384;
const MAX_CONTENT_TYPE_BYTES = 255;
const MAX_TOKEN_CHARACTERS = 2048;
const MAX_REDIRECTS = 10;
const TIME_END_MS = 2 ** 53;
/** A server name (section 1.3) without a port and without a dot at its end. */
const HOST = /^([a-z0-9.-]*[a-z0-9-]|\[[0-9a-f:]+\])$/;
/** A URL, perhaps without its scheme, whose host comes after a user name, even an empty one. */
const USER_NAME = /^([a-z][a-z0-9+.-]*:)?[/\\]{2}[^/\\?#]*@/i;
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const ALGORITHM = "chacha20";
const MEMBER = "org.matrix.msc4097";
const HEADER = "org-matrix-msc4097-";

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isWhole = (value, end) => Number.isInteger(value) && value >= 0 && value < end;
const bytesIn = (text) => Buffer.byteLength(text);

/** The JSON value; undefined for a text that is none. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The bytes of a base64url text in its only form (section 1.2); undefined for any other text. */
function unbase64url(text) {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Every value of a header, one for each time that it was sent: a string stands for one, an array for several. */
const valuesOf = (headers, name) => [headers[name] ?? []].flat();

/** The web origin as a URL, if `text` is one in its one spelling. */
function webOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return ["https:", "http:"].includes(url?.protocol) && url.origin === text && HOST.test(url.hostname) ? url : undefined;
}

const isSecure = ({ protocol, hostname }) => protocol === "https:" || LOOPBACK_HOSTS.includes(hostname);

/** Section 9.1. */
export function mediaConfig({ status, config, delivery, size }) {
  if (status !== 200) return ["status"];
  const document = bytesIn(config) <= MAX_CONFIG_BYTES ? parse(config) : undefined;
  if (!isObject(document)) return ["malformed"];
  const about = document[MEMBER] ?? undefined;
  if (about === undefined) return ["absent"];
  const { edge, deliveries, algs, min_size, max_size } = isObject(about) ? about : {};
  const isList = (value) => (value ?? undefined) === undefined || Array.isArray(value);
  if (typeof edge !== "string" || !isList(deliveries) || !isList(algs)) return ["malformed"];
  const origin = webOrigin(edge);
  if (!origin) return ["edge"];
  if (!isSecure(origin)) return ["insecure_edge"];
  if (!(deliveries ?? [delivery]).includes(delivery)) return ["delivery"];
  if (!(algs ?? [ALGORITHM]).includes(ALGORITHM)) return ["algorithm"];
  if (size !== null) {
    if (isWhole(min_size, KEYSTREAM_BYTES) && size < min_size) return ["too_small"];
    if (size >= KEYSTREAM_BYTES || (isWhole(max_size, KEYSTREAM_BYTES) && size > max_size)) return ["too_large"];
  }
  return ["opt_in", { edge }];
}

/** Section 9.3. */
export function response({ url: start, delivery, range, redirects, status, headers }) {
  // The redirects that led here: none of them breaks a rule.
  let [url, atHome] = [start, true];
  for (const location of redirects) [url, atHome] = hop(url, atHome, location);

  const answers = valuesOf(headers, `${HEADER}answer`);
  if (atHome && answers.length > 0) {
    const fits = delivery !== null && answers.length === 1 && answers[0] === delivery && status === { redirect: 307, json: 200 }[delivery];
    return [fits ? "answer" : "fails"];
  }
  if (status === 200 || status === 206) return plainMedia();
  if ([301, 302, 303, 307, 308].includes(status)) {
    const locations = valuesOf(headers, "location");
    const next = locations.length === 1 && redirects.length < MAX_REDIRECTS ? hop(url, atHome, locations[0]) : undefined;
    return next ? ["redirect", { url: next[0], access_token: next[1] }] : ["fails"];
  }
  if (status === 416 && range !== null)
    return [/^bytes \*\/0$/i.test(valuesOf(headers, "content-range").join()) ? "empty" : "unsatisfiable"];
  const [retryAfter] = valuesOf(headers, "retry-after");
  return /^\d+$/.test(retryAfter) ? ["fails", { retry_after_secs: Number(retryAfter) }] : ["fails"];

  function plainMedia() {
    const [length] = valuesOf(headers, "content-length").map(Number);
    if (status === 206) {
      const part = contentRange(headers);
      if (!part || !isSame(part, requested(range, part.total))) return ["fails"];
    } else if (range !== null && length > 0 && !requested(range, length)) return ["unsatisfiable"];
    const [plain] = delivery !== null && atHome ? valuesOf(headers, `${HEADER}plain`) : [];
    return ["media", plain === undefined ? undefined : { plain }];
  }
}

/** Where a redirect leads, and whether every hop so far stayed on the homeserver's web origin; undefined if it must not be followed. */
function hop(from, atHome, location) {
  if (!URL.canParse(location, from)) return undefined;
  const [here, there] = [new URL(from), new URL(location, from)];
  if (!["https:", "http:"].includes(there.protocol) || USER_NAME.test(location)) return undefined;
  if (here.protocol === "https:" && there.protocol === "http:") return undefined;
  return [there.href, atHome && here.origin === there.origin];
}

/** Section 5. */
export function answer({ edge, verbatim, body }) {
  const origin = webOrigin(edge);
  if (!origin || !isSecure(origin)) return ["insecure_url"];
  const document = bytesIn(body) <= MAX_ANSWER_BYTES ? parse(body) : undefined;
  if (!isAnswer(document)) return ["malformed"];
  const { url, alg, key, expires_ts, expires_in_ms, metadata } = document;
  if (!url.startsWith(`${edge}/`) || !isToken(url.slice(edge.length + 1))) return ["foreign_url"];
  if (alg !== "none" && alg !== ALGORITHM) return ["unknown_algorithm"];
  if (alg === "none" && !verbatim) return ["unexpected_none"];
  const fits = alg === "none" ? (key ?? undefined) === undefined : unbase64url(key ?? "")?.length === 32;
  if (!fits) return ["key"];
  const { size, content_type, content_disposition } = metadata;
  const members = { url, alg, key, expires_ts, expires_in_ms, metadata: withoutNull({ size, content_type, content_disposition }) };
  return ["success", withoutNull(members)];
}

const withoutNull = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => (value ?? undefined) !== undefined));

function isAnswer(document) {
  if (!isObject(document)) return false;
  const { url, alg, key, expires_ts, expires_in_ms, metadata } = document;
  return (
    [url, alg].every((text) => typeof text === "string") &&
    typeof (key ?? "") === "string" &&
    [expires_ts, expires_in_ms ?? 0].every((ms) => isWhole(ms, TIME_END_MS)) &&
    isMetadata(metadata) &&
    metadata.size < KEYSTREAM_BYTES &&
    bytesIn(metadata.content_type) <= MAX_CONTENT_TYPE_BYTES
  );
}

const isMetadata = (value) =>
  isObject(value) &&
  isWhole(value.size, 2 ** 64) &&
  typeof value.content_type === "string" &&
  typeof (value.content_disposition ?? "") === "string";

function isToken(text) {
  const [name, sealed, ...more] = text.split(".");
  const fits = (part) => part !== "" && unbase64url(part) !== undefined;
  return (
    text.length <= MAX_TOKEN_CHARACTERS && unbase64url(name)?.length === 32 && (sealed === undefined || fits(sealed)) && more.length === 0
  );
}

/** Sections 7 and 9.4. */
export function download({ edge, answer: text, range, status, headers, body }) {
  const [readable, { alg, key, metadata } = {}] = answer({ edge, verbatim: true, body: text });
  if (readable !== "success") throw new Error(`the answer is refused: ${readable}`);
  const { size } = metadata;
  const secret = alg === "none" ? undefined : unbase64url(key);
  const fault = faultOfLink() ?? faultOfBody();
  if (fault) return [fault, { released_sha256: sha256("") }];

  // `covers` is what the body has of the object, `wanted` what the client asked for.
  const covers = status === 206 ? contentRange(headers) : { first: 0, last: size - 1 };
  const wanted = size === 0 ? covers : (requested(range, size) ?? covers);
  const length = covers.last + 1 - covers.first;
  const received = unhex(body);
  if (received.length > length) return ["surplus"];
  const shown = received.subarray(wanted.first - covers.first, wanted.last + 1 - covers.first);
  const released = secret ? xor(secret, "body", wanted.first, shown) : shown;
  const released_sha256 = sha256(released);
  if (shown.length < wanted.last + 1 - wanted.first) return ["truncated", { released_sha256 }];
  return ["success", { plaintext: released.toString("utf8"), released_sha256 }];

  /** Rules 1 to 5. */
  function faultOfLink() {
    const links = valuesOf(headers, `${HEADER}link`);
    if (links.length !== 1 || links[0] !== (secret ? "encrypted" : "verbatim")) return "other_link";
    if (!secret) return undefined;
    const sealed = valuesOf(headers, `${HEADER}metadata`);
    if (sealed.length === 0) return "no_metadata";
    const bytes = sealed.length === 1 ? unbase64url(sealed[0]) : undefined;
    if (bytes?.length !== SEALED_METADATA_BYTES) return "malformed_metadata";
    const opened = parse(xor(secret, "metadata", 0, bytes).toString("utf8"));
    if (!isMetadata(opened)) return "wrong_key";
    const differs = (name) => (opened[name] ?? undefined) !== metadata[name];
    return ["size", "content_type", "content_disposition"].some(differs) ? "other_metadata" : undefined;
  }

  /** Rules 6 to 10. */
  function faultOfBody() {
    if (valuesOf(headers, "content-encoding").some((coding) => coding.toLowerCase() !== "identity")) return "encoded";
    const part = status === 206 ? contentRange(headers) : { first: 0, last: size - 1, total: size };
    if (!part) return "other_range";
    const length = contentLength(headers);
    if (part.total !== size || (length ?? part.last + 1 - part.first) !== part.last + 1 - part.first) return "other_size";
    if (status === 206 && !isSame(part, requested(range, size))) return "other_range";
    return status === 200 && range !== null && size > 0 && !requested(range, size) ? "unsatisfiable" : undefined;
  }
}

/** The bytes that a `Range` means of an object of `size` bytes; undefined if there are none. */
function requested(range, size) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined) return undefined;
  const end = { first: Number(first), last: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
  const part = first === "" ? { first: Math.max(size - Number(last), 0), last: size - 1 } : end;
  return part.first <= part.last ? part : undefined;
}

/** The `Content-Range` of a 206; undefined if it is missing, comes twice or says nothing of an object of a known size. */
function contentRange(headers) {
  const values = valuesOf(headers, "content-range");
  const [, ...numbers] = (values.length === 1 && /^bytes (\d+)-(\d+)\/(\d+)$/i.exec(values[0])) || [];
  const [first, last, total] = numbers.map(Number);
  return first <= last && last < total ? { first, last, total } : undefined;
}

/** The value of `Content-Length`; undefined if it is missing, and NaN if it is not one number in decimal digits. */
function contentLength(headers) {
  const values = valuesOf(headers, "content-length");
  if (values.length === 0) return undefined;
  return values.length === 1 && /^\d+$/.test(values[0]) ? Number(values[0]) : Number.NaN;
}

const isSame = (one, other) => one.first === other?.first && one.last === other.last;
