// The vectors of the specification, one named test each.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";

import { Account } from "../src/account.ts";
import { parseHomeserver, parseMxc } from "../src/address.ts";
import { readAnswer } from "../src/answer.ts";
import { BODY_NONCE, type Cipher, METADATA_NONCE, a256ctr, applyKeystream } from "../src/cipher.ts";
import { type Source, type Window, checkEncrypted, checkVerbatim, openBody } from "../src/decrypt.ts";
import { type Bytes, decodeBase64url } from "../src/encoding.ts";
import { download } from "../src/follow.ts";
import { MediaError } from "../src/index.ts";
import { type Metadata, unsealMetadata } from "../src/metadata.ts";
import { parseRange } from "../src/range-request.ts";
import { tokenName } from "../src/redirect-token.ts";
import { deriveKey, importSecret } from "../src/session.ts";
import { chacha20 } from "./noble.ts";
import { EDGE, HOMESERVER, type Members, PREFIX } from "./world.ts";

const ROOT = new URL("../../../spec/vectors/", import.meta.url);
const ALGS = ["a256ctr", "chacha20"];

interface Vector {
  kind: string;
  comment: string;
  expect: string;
  /** Another outcome that is also right. */
  or?: string;
  input: Members;
  output: Members;
}

// The kinds that a client implements. Those of servers are left to others, by name: a new kind must be put here or there.
const KINDS: Record<string, (vector: Vector) => void | Promise<void>> = {
  answer: testAnswer,
  cipher: testCipher,
  download: testDownload,
  "media-config": testMediaConfig,
  "metadata-unseal": testUnseal,
  mxc: testMxc,
  range: testRange,
  "redirect-token": testToken,
  response: testResponse,
  "session-key": testSessionKey,
};
const OF_SERVERS = ["grant", "media-request", "metadata-mint", "metadata-seal", "opt-in", "pins", "session-id"];

const MEMBERS = ["kind", "comment", "expect", "or", "input", "output"];

// The redirects that `fetch` follows by itself.
const FOLLOWED = [301, 302, 303, 307, 308];

/** Returns why a client that uses `fetch` cannot run a case, if so. */
function hiddenByFetch({ kind, input }: Vector): string | undefined {
  if (input.delivery === "redirect") return "the answer of a redirect";
  if (kind !== "response") return undefined;
  if (FOLLOWED.includes(input.status)) return "a redirect";
  // `fetch` shows only where the last response comes from.
  const urls: URL[] = hops(input);
  const { origin } = new URL(input.homeserver);
  return urls.at(-1)?.origin === origin && urls.some((url) => url.origin !== origin) ? "a redirect away and back" : undefined;
}

const folders = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());
for (const { name: kind } of folders) {
  if (OF_SERVERS.includes(kind)) continue;
  const test = KINDS[kind];
  assert.ok(test, `unknown kind ${kind}`);
  describe(kind, () => {
    const files = readdirSync(new URL(`${kind}/`, ROOT));
    assert.ok(files.length > 0, `no vectors in ${kind}`);
    for (const file of files) {
      const vector: Vector = JSON.parse(readFileSync(new URL(`${kind}/${file}`, ROOT), "utf8"));
      assert.equal(vector.kind, kind);
      for (const member of Object.keys(vector)) assert.ok(MEMBERS.includes(member), `${file}: unknown member ${member}`);
      if (hiddenByFetch(vector)) continue;
      it(`${kind}/${file.replace(".json", "")}: ${vector.comment}`, () => test({ ...vector, output: vector.output ?? {} }));
    }
  });
}

function testMxc({ expect, input, output }: Vector): void {
  if (expect === "refused") assert.throws(() => parseMxc(input.uri), MediaError);
  else assert.deepEqual(parseMxc(input.uri), { server: output.server_name, id: output.media_id });
}

function testToken({ expect, input }: Vector): void {
  assert.equal(tokenName(input.text), expect === "success" ? input.text.split(".")[0] : undefined);
}

// The kind says what a server does. A client that asks for such a range must expect the same.
function testRange({ expect, input, output }: Vector): void {
  const { range: header, size } = input;
  const range = header === null ? undefined : parseRange(header);
  const part = range?.resolve(size);
  if (part) {
    assert.equal(expect, "part");
    assert.equal(part.end - part.start, output.length);
    assert.equal(`bytes ${part.start}-${part.end - 1}/${size}`, output.content_range);
  } else {
    assert.equal(range && size > 0 ? "unsatisfiable" : "whole", expect);
  }
}

async function testSessionKey({ input, output }: Vector): Promise<void> {
  const secret = await importSecret(decoded(input.secret));
  assert.deepEqual(await deriveKey(secret, input.name, input.alg), decoded(output.key));
}

async function testUnseal({ expect, input, output }: Vector): Promise<void> {
  const unsealed = unsealMetadata(input.sealed, await openKey(input.alg, decoded(input.key)));
  if (expect === "success") assert.deepEqual(onWire(await unsealed), output.metadata);
  else await assert.rejects(unsealed, { name: "MediaError", code: expect === "malformed" ? "malformed_metadata" : expect });
}

function testAnswer({ expect, or, input, output }: Vector): void {
  const answer = readAnswer(Buffer.from(input.body), input.edge, { algs: ALGS, verbatim: input.verbatim });
  if (typeof answer === "string") {
    assert.ok([expect, or].includes(answer), answer);
    return;
  }
  const { url, alg, key, expiresTs, expiresInMs, metadata } = answer;
  const read = {
    url,
    alg,
    key: key && Buffer.from(key).toString("base64url"),
    expires_ts: expiresTs,
    expires_in_ms: expiresInMs,
    metadata: onWire(metadata),
  };
  if (or !== "success") assert.deepEqual(withoutAbsent(read), output);
  assert.ok([expect, or].includes("success"), "the answer is not refused");
}

async function testCipher({ expect, input, output }: Vector): Promise<void> {
  const data: Bytes = input.data === undefined ? new Uint8Array(input.zeros) : new Uint8Array(Buffer.from(input.data, "hex"));
  const key = await openKey(input.alg, decoded(input.key));
  const nonce = { body: BODY_NONCE, metadata: METADATA_NONCE }[input.stream as "body" | "metadata"];
  const { offset } = input;
  if (expect === "end") {
    const before = data.slice();
    assert.throws(() => applyKeystream(key, data, offset, nonce), { code: "too_long" });
    assert.deepEqual(data, before);
    return;
  }
  for (const pieces of cuts(data)) {
    const out: Bytes[] = [];
    let at = offset;
    for (const piece of pieces) {
      out.push(await applyKeystream(key, piece, at, nonce));
      at += piece.length;
    }
    const all = Buffer.concat(out);
    assert.equal(sha256(all), output.released_sha256);
    if (output.data !== undefined) assert.equal(all.toString("hex"), output.data);
  }
}

async function testDownload({ expect, input, output }: Vector): Promise<void> {
  const answer = readAnswer(Buffer.from(input.answer), input.edge, { algs: ALGS, verbatim: true });
  assert.ok(typeof answer !== "string", "the answer is good");
  const body = new Uint8Array(Buffer.from(input.body, "hex"));
  const head = { status: input.status, headers: headersOf(input) };
  const range = input.range === null ? undefined : parseRange(input.range);
  for (const pieces of cuts(body)) {
    const released: Uint8Array[] = [];
    let outcome = "success";
    try {
      const key = answer.key && (await openKey(answer.alg, answer.key));
      let window: Window;
      if (key) ({ window } = await checkEncrypted(head, { key, metadata: answer.metadata }, range));
      else window = checkVerbatim(head, answer.metadata, range);
      for await (const bytes of openBody(sourceOf(pieces), window, key)) released.push(bytes);
    } catch (error) {
      assert.ok(error instanceof MediaError, String(error));
      outcome = error.code;
    }
    assert.equal(outcome, expect);
    const all = Buffer.concat(released);
    if (output.released_sha256 !== undefined) assert.equal(sha256(all), output.released_sha256);
    if (output.plaintext !== undefined) assert.equal(all.toString(), output.plaintext);
  }
}

// What the client makes of the config shows in its next request.
async function testMediaConfig({ expect, input, output }: Vector): Promise<void> {
  const sent: URL[] = [];
  const account = accountOf(HOMESERVER, async (url) => {
    sent.push(url);
    return sent.length === 1 ? new Response(input.config, { status: input.status }) : new Response("media");
  });
  await download(account, { ...WISH, size: input.size ?? undefined });
  assert.equal(sent.length, 2);
  assert.equal(sent[1]?.searchParams.get(`${PREFIX}.delivery`), expect === "opt_in" ? input.delivery : null);
  if (expect === "opt_in") assert.equal((await account.advertised())?.edge, output.edge);
}

async function testResponse({ expect, input, output }: Vector): Promise<void> {
  const { homeserver, delivery, range, status } = input;
  const link = `${EDGE}/${"A".repeat(43)}`;
  const body = JSON.stringify({
    url: link,
    alg: "chacha20",
    key: "A".repeat(43),
    expires_ts: 0,
    metadata: { size: 9, content_type: "text/plain" },
  });
  const at = hops(input).at(-1)?.href ?? homeserver;
  let asked = 0;
  let outcome: string | undefined;
  const account = accountOf(homeserver, async (url, init) => {
    if (url.pathname.endsWith("/config")) return Response.json({ [PREFIX]: { edge: EDGE } });
    asked += 1;
    if (asked === 1) {
      assert.equal(url.searchParams.get(`${PREFIX}.delivery`), delivery);
      assert.equal(new Headers(init?.headers).get("range"), range);
      const response = new Response([204, 304].includes(status) ? null : body, { status, headers: headersOf(input) });
      return Object.defineProperty(response, "url", { value: at });
    }
    // Only the link of an answer, or the media without the range, may follow.
    if (url.href === link) outcome = "answer";
    else if (!new Headers(init?.headers).has("range") && range !== null) outcome = "empty";
    throw new TypeError("Failed to fetch");
  });
  try {
    const wish = { ...WISH, plain: delivery === null, range: range === null ? undefined : parseRange(range) };
    await download(account, wish);
    outcome ??= "media";
  } catch (error) {
    assert.ok(error instanceof MediaError, String(error));
    outcome ??= error.code === "unsatisfiable" ? "unsatisfiable" : "fails";
    // The output of media is the reason for plain media. It is for people, and this library does not show it.
    assert.equal(error.retryAfterSecs, output.retry_after_secs);
    if (outcome === "fails") assert.equal(asked, 1);
  }
  assert.equal(outcome, expect);
}

const WISH = {
  path: "/_matrix/client/v1/media/download/example.org/AbCdEf",
  id: "x",
  range: undefined,
  verbatim: false,
  plain: false,
  size: undefined,
  signal: undefined,
};

/** The account of a client that knows only `chacha20`. */
function accountOf(homeserver: string, fetch: (url: URL, init?: RequestInit) => Promise<Response>): Account {
  return new Account({
    homeserver: parseHomeserver(homeserver),
    accessToken: async () => "syt_x",
    fetch: (input, init) => fetch(new URL(String(input)), init),
    ciphers: [chacha20],
    timeoutMs: 60_000,
  });
}

/** Where redirects lead, one after the other. */
function hops({ homeserver, redirects }: Members): URL[] {
  const urls: URL[] = [];
  for (const location of redirects) urls.push(new URL(location, urls.at(-1) ?? homeserver));
  return urls;
}

/** A header that comes several times is an array. `Headers` combines its values. */
function headersOf({ headers }: Members): Headers {
  return new Headers(
    Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, String(value)])),
  );
}

/** The same bytes in one piece, byte by byte, and in pieces of odd sizes with empty ones between. */
function cuts(bytes: Bytes): Bytes[][] {
  const inPieces = (sizeOf: (i: number) => number) => {
    const pieces: Bytes[] = [];
    for (let at = 0, i = 0; at < bytes.length; i += 1) {
      const size = sizeOf(i);
      pieces.push(bytes.slice(at, at + size));
      at += size;
    }
    return pieces;
  };
  const odd = inPieces((i) => [1, 15, 0, 16, 17, 7, 64, 63, 0, 1023][i % 10] ?? 1);
  // Byte by byte takes long for the long one, and adds nothing there.
  return [[bytes.slice()], odd, ...(bytes.length < 5_000 ? [inPieces(() => 1)] : [])];
}

function sourceOf(pieces: Bytes[]): Source {
  const rest = pieces.map((piece) => piece.slice());
  return { read: async () => rest.shift(), leave: async () => {} };
}

function openKey(alg: string, key: Bytes) {
  const cipher = [a256ctr, chacha20].find((one: Cipher) => one.alg === alg);
  assert.ok(cipher, `unknown algorithm ${alg}`);
  return cipher.open(key);
}

function decoded(text: string): Bytes {
  const bytes = decodeBase64url(text, 32);
  assert.ok(bytes);
  return bytes;
}

function onWire({ size, contentType, contentDisposition }: Metadata): Members {
  return withoutAbsent({ size, content_type: contentType, content_disposition: contentDisposition });
}

function withoutAbsent(members: Members): Members {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
