import { chacha20 } from "@noble/ciphers/chacha.js";

const BODY_NONCE = new Uint8Array(12);
const METADATA_NONCE = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const MXC = /^mxc:\/\/((?=[^/]*[A-Za-z0-9])[A-Za-z0-9.:[\]-]{1,255}\/[\w-]{1,255})$/;
const BYTES_32 = /^[\w-]{42}[AEIMQUYcgkosw048]$/; // base64url in its only form: the unused bits are zero
const BYTES_1024 = /^[\w-]{1365}[AQgw]$/;

/** Downloads media. An uploader chose their type and file name: execute nothing, and use no name as a path. */
export async function download(homeserver, accessToken, mxc) {
  const [, id] = mxc.match(MXC) ?? fail("this is not an mxc URI");
  const headers = { Authorization: `Bearer ${accessToken}` };
  const url = `${homeserver}/_matrix/client/v1/media/download/${id}`;
  const edge = await edgeOf(await fetch(`${homeserver}/_matrix/client/v1/media/config`, { headers }));
  for (let answers = 0; edge && answers < 2; answers += 1) {
    const response = await fetch(`${url}?org.matrix.msc4097.delivery=json`, { headers });
    const delivery = response.headers.get("Org-Matrix-Msc4097-Answer");
    const elsewhere = new URL(response.url).origin !== new URL(homeserver).origin; // after a plain redirect
    if (delivery === null || elsewhere) return plain(response); // the homeserver may always send plain media
    if (delivery !== "json" || response.status !== 200) fail("the answer has another delivery");
    const answer = checked(await response.json(), edge);
    // No access token. A browser leaves Accept-Encoding out, which a script may not set.
    const link = await fetch(answer.url, { credentials: "omit", redirect: "error", headers: { "Accept-Encoding": "identity" } });
    if (link.status !== 404 && link.status !== 409) return decrypted(link, answer);
  }
  return plain(await fetch(url, { headers })); // nothing is advertised, or two links were gone
}

async function edgeOf(config) {
  try {
    const { edge, deliveries = ["json"], algs = ["chacha20"] } = (await config.json())["org.matrix.msc4097"];
    const { origin, protocol, hostname } = new URL(edge);
    const secure = protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
    return config.ok && secure && origin === edge && deliveries.includes("json") && algs.includes("chacha20") ? edge : undefined;
  } catch {
    return undefined; // an ordinary homeserver
  }
}

function checked(answer, edge) {
  const { url, alg, key, expires_ts, metadata } = answer;
  const token = typeof url === "string" && url.startsWith(`${edge}/`) ? url.slice(edge.length + 1) : "";
  if (!BYTES_32.test(token)) fail("the link does not lead to the edge");
  if (alg !== "chacha20" || !BYTES_32.test(key)) fail("the answer has another algorithm, or no key");
  if (typeof expires_ts !== "number" || !isMetadata(metadata)) fail("the answer is incomplete");
  return answer;
}

async function decrypted(link, { key, metadata }) {
  const { size, content_type: type, content_disposition: disposition } = metadata;
  if (link.status !== 200) fail(`the link returned ${link.status}`);
  if (link.headers.has("Content-Encoding")) fail("the body is encoded");
  if (size >= 2 ** 36 || Number(link.headers.get("Content-Length") ?? size) !== size) fail("the link gives another length");
  const sealed = link.headers.get("Org-Matrix-Msc4097-Metadata");
  if (!BYTES_1024.test(sealed)) fail("the link has no sealed metadata");
  const opened = new TextDecoder("utf-8", { fatal: true }).decode(chacha20(bytesOf(key), METADATA_NONCE, bytesOf(sealed)));
  if (!isSame(JSON.parse(opened), metadata)) fail("the link gives other media"); // and no byte of its body is used
  const body = new Uint8Array(await link.arrayBuffer());
  if (body.length !== size) fail("the body has another length");
  return { bytes: chacha20(bytesOf(key), BODY_NONCE, body), type, disposition };
}

async function plain(response) {
  if (!response.ok) fail(`the homeserver returned ${response.status}`);
  const [type, disposition] = ["Content-Type", "Content-Disposition"].map((name) => response.headers.get(name) ?? undefined);
  return { bytes: new Uint8Array(await response.arrayBuffer()), type, disposition };
}

const isMetadata = ({ size, content_type: type, content_disposition: disposition }) =>
  Number.isSafeInteger(size) && size >= 0 && typeof type === "string" && ["string", "undefined"].includes(typeof disposition);

const isSame = (one, other) =>
  isMetadata(one) && ["size", "content_type", "content_disposition"].every((name) => one[name] === other[name]);

const bytesOf = (base64url) => Uint8Array.from(atob(base64url.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));

function fail(message) {
  throw new Error(message);
}
