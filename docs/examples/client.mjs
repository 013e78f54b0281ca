import { chacha20 } from "@noble/ciphers/chacha.js";

const BODY_NONCE = new Uint8Array(12);
const METADATA_NONCE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const MXC = /^mxc:\/\/((?=[^/]*[A-Za-z0-9])[A-Za-z0-9.:[\]-]{1,255}\/[\w-]{1,255})$/;
// base64url in its only form: the unused bits of the last character are zero.
const KEY = /^[\w-]{42}[AEIMQUYcgkosw048]$/;
const TOKEN = /^(?=.{43,2048}$)[\w-]{42}[AEIMQUYcgkosw048](\.([\w-]{4})*([\w-]{4}|[\w-]{2}[AEIMQUYcgkosw048]|[\w-][AQgw]))?$/;
// Host names have no underscore and no dot at the end.
const HOST = /^([a-z0-9.-]*[a-z0-9-]|\[[0-9a-f:]+\])$/;
const SEALED_METADATA = /^[\w-]{1365}[AQgw]$/;

/** Downloads media. The uploader chose its type and file name: never execute it, and never use the name as a path. */
export async function download(homeserver, accessToken, mxc) {
  const [, id] = mxc.match(MXC) ?? fail("this is not an mxc URI");
  const authorized = { headers: { Authorization: `Bearer ${accessToken}` } };
  const get = (path) => fetch(`${homeserver}/_matrix/client/v1/media/${path}`, authorized);
  // After a plain redirect to another server the answer header means nothing.
  const deliveryOf = ({ url, headers }) =>
    new URL(url).origin === new URL(homeserver).origin ? headers.get("Org-Matrix-Msc4097-Answer") : null;

  let edge = await edgeOf(await get("config"));
  for (let answers = 1; edge && answers <= 2; answers += 1) {
    const response = await get(`download/${id}?org.matrix.msc4097.delivery=json`);
    const delivery = deliveryOf(response);
    if (delivery === null) return plain(response); // the homeserver may always send plain media
    if (delivery !== "json" || response.status !== 200) fail("the answer has another delivery");
    const answer = jsonOf(await read(response, 16_384));
    if (!isAnswer(answer)) break;
    if (!answer.url.startsWith(`${edge}/`) || !TOKEN.test(answer.url.slice(edge.length + 1))) {
      edge = answers === 1 && (await edgeOf(await get("config"))); // it may have moved
      continue;
    }
    if (answer.alg !== "chacha20" || !KEY.test(answer.key ?? "")) break;
    // No access token. Browsers ignore this Accept-Encoding, because scripts may not set it.
    const link = await fetch(answer.url, { credentials: "omit", redirect: "error", headers: { "Accept-Encoding": "identity" } });
    if (link.status === 502 || link.status === 504) break; // the edge cannot get the media
    if (link.status !== 404 && link.status !== 409) return decrypted(link, answer); // else the link is gone
  }
  // Nothing is advertised, the answer is refused, or no link works: ask as a client that does not opt in.
  const response = await get(`download/${id}`);
  if (deliveryOf(response) !== null) fail("an answer came that was not asked for");
  return plain(response);
}

/** Returns the advertised edge, or undefined if the client cannot opt in. */
async function edgeOf(config) {
  const json = config.status === 200 ? jsonOf(await read(config, 65_536)) : undefined;
  const { edge, deliveries, algs } = json?.["org.matrix.msc4097"] ?? {};
  const lists = (names, name) => (Array.isArray(names) ? names.includes(name) : (names ?? undefined) === undefined);
  if (!URL.canParse(edge) || !lists(deliveries, "json") || !lists(algs, "chacha20")) return undefined;
  const { origin, protocol, hostname } = new URL(edge);
  const secure = protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
  return secure && origin === edge && HOST.test(hostname) ? edge : undefined;
}

async function decrypted(link, { key, metadata }) {
  const { size, content_type: type, content_disposition: disposition } = metadata;
  const header = (name) => link.headers.get(name);
  if (link.status !== 200) fail(`the link returned ${link.status}`);
  if (header("Org-Matrix-Msc4097-Link") !== "encrypted") fail("the link is not marked as encrypted");
  const sealed = header("Org-Matrix-Msc4097-Metadata") ?? "";
  if (!SEALED_METADATA.test(sealed)) fail("the link has no sealed metadata");
  const opened = jsonOf(chacha20(fromBase64url(key), METADATA_NONCE, fromBase64url(sealed)));
  if (!isMetadata(opened)) fail("the key does not fit the link");
  const same = (name) => (opened[name] ?? undefined) === (metadata[name] ?? undefined);
  if (!["size", "content_type", "content_disposition"].every(same)) fail("the link gives other media");
  if ((header("Content-Encoding") ?? "identity").toLowerCase() !== "identity") fail("the body is encoded");
  if ((header("Content-Length") ?? `${size}`) !== `${size}`) fail("the link gives another length");
  const body = await read(link, size);
  if (body?.length !== size) fail("the body has another length");
  return { bytes: chacha20(fromBase64url(key), BODY_NONCE, body), type, disposition: disposition ?? undefined };
}

async function plain(response) {
  if (response.status !== 200) fail(`the homeserver returned ${response.status}`);
  const [type, disposition] = ["Content-Type", "Content-Disposition"].map((name) => response.headers.get(name) ?? undefined);
  return { bytes: new Uint8Array(await response.arrayBuffer()), type, disposition };
}

// Optional members may be absent or null, and unknown members are ignored.
const isAnswer = (it) =>
  [it?.url, it?.alg, it?.key ?? ""].every((text) => typeof text === "string") &&
  [it.expires_ts, it.expires_in_ms ?? 0].every((ms) => isWhole(ms, 2 ** 53)) &&
  isMetadata(it.metadata);

const isMetadata = (it) =>
  isWhole(it?.size, 2 ** 36) &&
  [it.content_type, it.content_disposition ?? ""].every((text) => typeof text === "string") &&
  new TextEncoder().encode(it.content_type).length <= 255;

const isWhole = (number, end) => Number.isInteger(number) && number >= 0 && number < end;

/** Returns the body, or undefined if it is longer than `limit` bytes. */
async function read(response, limit) {
  const reader = response.body.getReader();
  const chunks = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value);
    length += next.value.length;
    if (length <= limit) continue;
    await reader.cancel();
    return undefined;
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Returns the JSON value, or undefined if the bytes are not valid JSON. */
function jsonOf(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const fromBase64url = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));

function fail(message) {
  throw new Error(message);
}
