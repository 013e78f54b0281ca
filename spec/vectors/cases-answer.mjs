// Cases of which answers a client follows.
import { base64url, counting } from "./reference.mjs";

export const EDGE = "https://media.example.net";
export const KEY = counting(32);
const TOKEN = base64url(counting(32, 0x20));
/** The answer of the specification's example, but for its metadata. */
export const ANSWER = { url: `${EDGE}/${TOKEN}`, alg: "chacha20", key: base64url(KEY), expires_ts: 1790000000000, expires_in_ms: 300000 };

const METADATA = { size: 5, content_type: "image/png", content_disposition: "inline; filename=x.png" };
const FULL = { ...ANSWER, metadata: METADATA };

export function answerCases() {
  /**
   * `changes` are members to replace or, with undefined, to leave out; or the whole body as text. `read` are members that the client reads otherwise.
   * `spelled` replaces a part of the body's text. `or` is another word that is right too.
   */
  const answer = (name, comment, expect, changes = {}, { edge = EDGE, verbatim = false, read = {}, spelled = ["", ""], or } = {}) => {
    const merged = typeof changes === "string" ? undefined : { ...FULL, ...changes };
    const { url, alg, key, expires_ts, expires_in_ms, metadata } = { ...merged, ...read };
    return {
      kind: "answer",
      name,
      comment,
      expect,
      or,
      input: { edge, verbatim, body: merged ? JSON.stringify(merged).replace(...spelled) : changes },
      output: expect === "success" ? { url, alg, key, expires_ts, expires_in_ms, metadata } : undefined,
    };
  };
  const about = (changes) => ({ metadata: { ...METADATA, ...changes } });
  /** An answer of so many bytes. */
  const filled = (bytes, letter = "x") => {
    const room = bytes - JSON.stringify({ ...FULL, later: "" }).length;
    const letters = letter.repeat(Math.floor(room / Buffer.byteLength(letter)));
    return { later: letters + "x".repeat(room - Buffer.byteLength(letters)) };
  };
  const token = (text) => ({ url: `${EDGE}/${text}` });
  const FIRST = "of two reasons, the first in the list of section 5";
  const SPELLING = "whether a client sees how a number is spelled is open";
  const at = (edge) => ({ url: `${edge}/${TOKEN}` });
  const loopback = (edge) => [at(edge), { edge }];
  const none = { alg: "none", key: undefined };
  const plain = { verbatim: true };
  return [
    answer("good", "every rule is kept", "success"),
    answer("no-disposition", "content_disposition may be absent", "success", { metadata: { size: 5, content_type: "a/b" } }),
    answer("unknown-member", "members of later versions are ignored", "success", { later: true }),
    answer("localhost", "plain http is for this very machine", "success", ...loopback("http://localhost:8787")),
    answer("loopback-v4", "plain http is for this very machine", "success", ...loopback("http://127.0.0.1:8787")),
    answer("loopback-v6", "plain http is for this very machine", "success", ...loopback("http://[::1]:8787")),
    answer("none-accepted", "a client that says verbatim offers none", "success", none, plain),
    answer(
      "null-disposition",
      "null means the same as an absent member",
      "success",
      { metadata: { ...METADATA, content_disposition: null } },
      { read: { metadata: { size: 5, content_type: "image/png" } } },
    ),
    answer(
      "none-with-null-key",
      "null means the same as an absent member",
      "success",
      { alg: "none", key: null },
      { ...plain, read: none },
    ),
    answer("empty-object", "an object without bytes", "success", { metadata: { ...METADATA, size: 0 } }),
    answer("largest-object", "2^36 - 1: one byte less than the keystream has", "success", about({ size: 2 ** 36 - 1 })),
    answer("longest-content-type", "255 bytes", "success", { metadata: { ...METADATA, content_type: `a/${"b".repeat(253)}` } }),
    answer(
      "longest-content-type-not-ascii",
      "255 bytes, but fewer characters",
      "success",
      about({ content_type: `a/b;c=${"\u00e9".repeat(124)}d` }),
    ),
    answer("longest-answer", "16,384 bytes", "success", filled(16_384)),
    answer("longest-answer-not-ascii", "16,384 bytes, but fewer characters", "success", filled(16_384, "\u00e9")),
    answer("white-space", "JSON may have white space around it", "success", {}, { spelled: [/^.*$/, " \n$& \r\n"] }),
    answer("no-expires-in-ms", "expires_in_ms may be absent", "success", { expires_in_ms: undefined }),
    answer(
      "null-expires-in-ms",
      "null means the same as an absent member",
      "success",
      { expires_in_ms: null },
      { read: { expires_in_ms: undefined } },
    ),
    answer("longest-expires-in-ms", "2^53 - 1", "success", { expires_in_ms: 2 ** 53 - 1 }),
    answer("latest-expires-ts", "2^53 - 1", "success", { expires_ts: 2 ** 53 - 1 }),
    answer("end-long-ago", "a client does not judge an answer by its own clock", "success", { expires_ts: 1, expires_in_ms: 0 }),
    answer("unknown-metadata-member", "members of later versions are ignored", "success", about({ later: true }), {
      read: { metadata: METADATA },
    }),
    answer("key-while-verbatim", "a client that says verbatim takes an encrypted link too", "success", {}, plain),
    answer("size-with-fraction-of-zero", SPELLING, "success", {}, { spelled: ['"size":5', '"size":5.0'], or: "malformed" }),
    answer("size-with-exponent", SPELLING, "success", about({ size: 5000 }), { spelled: ['"size":5000', '"size":5e3'], or: "malformed" }),
    answer(
      "expires-ts-with-fraction-of-zero",
      SPELLING,
      "success",
      {},
      { spelled: ['"expires_ts":1790000000000', '"expires_ts":1790000000000.0'], or: "malformed" },
    ),
    answer(
      "expires-in-ms-with-exponent",
      SPELLING,
      "success",
      {},
      { spelled: ['"expires_in_ms":300000', '"expires_in_ms":3e5'], or: "malformed" },
    ),

    answer("none-not-accepted", "a plain link, which this client did not ask for", "unexpected_none", none),
    answer("none-with-key", "a plain link has no key", "key", { alg: "none" }, plain),
    answer("none-with-empty-key", "an empty text is a key that is there", "key", { alg: "none", key: "" }, plain),
    answer(
      "insecure-and-malformed",
      FIRST,
      "insecure_url",
      { ...at("http://media.example.net"), metadata: undefined },
      { edge: "http://media.example.net" },
    ),
    answer("malformed-and-foreign-host", FIRST, "malformed", { ...at("https://media.example.org"), metadata: undefined }),
    answer("too-long-and-foreign-host", FIRST, "malformed", { ...filled(16_385), ...at("https://media.example.org") }),
    answer("malformed-and-none-not-accepted", FIRST, "malformed", { ...none, expires_ts: undefined }),
    answer("foreign-host-and-unknown-algorithm", FIRST, "foreign_url", { ...at("https://media.example.org"), alg: "rot13" }),
    answer("foreign-host-and-none-not-accepted", FIRST, "foreign_url", { ...at("https://media.example.org"), ...none }),
    answer("none-with-key-not-accepted", FIRST, "unexpected_none", { alg: "none" }),
    answer("foreign-host-and-no-key", FIRST, "foreign_url", { ...at("https://media.example.org"), key: undefined }),
    answer("unknown-algorithm-without-key", FIRST, "unknown_algorithm", { alg: "rot13", key: undefined }),
    answer("unknown-algorithm-while-verbatim", "verbatim offers none and nothing else", "unknown_algorithm", { alg: "rot13" }, plain),
    answer("empty-algorithm", "an empty name is a name that this client did not offer", "unknown_algorithm", { alg: "" }),
    answer("unknown-algorithm", "an algorithm that this client did not offer", "unknown_algorithm", { alg: "rot13" }),
    answer("algorithm-of-other-case", "names are compared as they are", "unknown_algorithm", { alg: "ChaCha20" }),

    answer("foreign-host", "a link to another host", "foreign_url", at("https://media.example.org")),
    answer("host-as-prefix", "a host that begins like the edge", "foreign_url", at(`${EDGE}.evil.example`)),
    answer("edge-as-user", "the edge as the user name of another host", "foreign_url", at(`${EDGE}@evil.example`)),
    answer("empty-user", "the edge with an empty user name", "foreign_url", at("https://@media.example.net")),
    answer("other-port", "another port of the same host", "foreign_url", at(`${EDGE}:8443`)),
    answer("http-instead-of-https", "another scheme", "foreign_url", at("http://media.example.net")),
    answer("dot-segments", "a path that leads elsewhere", "foreign_url", at(`${EDGE}/..`)),
    answer("extra-segment", "more than a token behind the edge", "foreign_url", { url: `${EDGE}/${TOKEN}/x` }),
    answer("with-query", "a query behind the token", "foreign_url", { url: `${EDGE}/${TOKEN}?x=y` }),
    answer("with-fragment", "a fragment behind the token", "foreign_url", { url: `${EDGE}/${TOKEN}#x` }),
    answer("host-of-other-case", "a URL is compared as text", "foreign_url", at("https://Media.example.net")),
    answer("default-port", "a URL is compared as text", "foreign_url", at(`${EDGE}:443`)),
    answer("edge-alone", "no token", "foreign_url", { url: EDGE }),
    answer("empty-token", "no token", "foreign_url", token("")),
    answer("segment-in-front", "another segment before the token", "foreign_url", token(`x/${TOKEN}`)),
    answer("two-slashes", "an empty segment before the token", "foreign_url", token(`/${TOKEN}`)),
    answer("slash-at-the-end", "an empty segment behind the token", "foreign_url", token(`${TOKEN}/`)),
    answer("line-feed-at-the-end", "a line feed behind the token", "foreign_url", token(`${TOKEN}\n`)),
    answer("short-token", "42 characters are no token", "foreign_url", token(TOKEN.slice(1))),
    answer("long-token", "44 characters are no token", "foreign_url", token(`${TOKEN}A`)),
    answer("token-with-stray-bits", "43 characters whose last bits are not zero", "foreign_url", token(`${TOKEN.slice(0, -1)}9`)),
    answer("percent-encoded-token", "nothing in a token is percent-encoded", "foreign_url", token(`%49${TOKEN.slice(1)}`)),
    answer("sealed-token", "a token with a sealed part is opaque to a client", "success", token(`${TOKEN}.AAAA`)),
    answer("longest-sealed-token", "2,048 characters", "success", token(`${TOKEN}.${"A".repeat(2004)}`)),
    answer("too-long-sealed-token", "2,050 characters", "foreign_url", token(`${TOKEN}.${"A".repeat(2006)}`)),
    answer("empty-sealed-part", "a dot and nothing behind it", "foreign_url", token(`${TOKEN}.`)),
    answer("sealed-part-with-stray-bits", "two characters whose last bits are not zero", "foreign_url", token(`${TOKEN}.AB`)),
    answer("padded-sealed-part", "base64url is unpadded here", "foreign_url", token(`${TOKEN}.AA==`)),
    answer("two-sealed-parts", "a token has one dot at most", "foreign_url", token(`${TOKEN}.AAAA.AAAA`)),
    answer("another-path", "the path of another thing at the edge", "foreign_url", token("_matrix/client/v3/logout")),
    answer("relative-url", "a link without a host", "foreign_url", { url: `/${TOKEN}` }),
    answer(
      "insecure",
      "plain http elsewhere than on this machine, although the edge says so",
      "insecure_url",
      ...loopback("http://media.example.net"),
    ),
    answer(
      "lookalike-localhost",
      "a host that only begins like this machine's",
      "insecure_url",
      ...loopback("http://localhost.evil.example"),
    ),
    answer(
      "lookalike-loopback",
      "a host that only begins like this machine's",
      "insecure_url",
      ...loopback("http://127.0.0.1.evil.example"),
    ),
    answer(
      "localhost-as-user",
      "this machine as the user name of another host",
      "insecure_url",
      ...loopback("http://localhost:80@evil.example"),
    ),

    answer("no-key", "an encrypted link without a key", "key", { key: undefined }),
    answer("null-key", "null means the same as an absent member", "key", { key: null }),
    answer("short-key", "31 bytes", "key", { key: base64url(counting(31)) }),
    answer("long-key", "33 bytes", "key", { key: base64url(counting(33)) }),
    answer("padded-key", "base64url is unpadded here", "key", { key: `${base64url(KEY)}=` }),
    answer("standard-base64-key", "the alphabet of standard base64", "key", {
      key: Buffer.alloc(32, 0xff).toString("base64").slice(0, 43),
    }),
    answer("empty-key", "no bytes", "key", { key: "" }),
    answer("key-and-line-feed", "a line feed behind the key", "key", { key: `${base64url(KEY)}\n` }),
    answer("key-with-stray-bits", "43 characters whose last bits are not zero", "key", { key: `${"A".repeat(42)}B` }),

    answer("not-json", "media instead of an answer", "malformed", "\u0089PNG"),
    answer("empty", "no body", "malformed", ""),
    answer("array", "JSON, but no object", "malformed", "[]"),
    answer("no-url", "url is required", "malformed", { url: undefined }),
    answer("no-alg", "alg is required", "malformed", { alg: undefined }),
    answer("no-expires-ts", "expires_ts is required", "malformed", { expires_ts: undefined }),
    answer("expires-ts-is-text", "expires_ts is a number", "malformed", { expires_ts: "1790000000000" }),
    answer("no-metadata", "metadata is required", "malformed", { metadata: undefined }),
    answer("no-size", "metadata.size is required", "malformed", { metadata: { content_type: "a/b" } }),
    answer("no-content-type", "metadata.content_type is required", "malformed", { metadata: { size: 5 } }),
    answer("null-url", "null means the same as an absent member", "malformed", { url: null }),
    answer("null-size", "null means the same as an absent member", "malformed", { metadata: { ...METADATA, size: null } }),
    answer("null-alg", "null means the same as an absent member", "malformed", { alg: null }),
    answer("null-expires-ts", "null means the same as an absent member", "malformed", { expires_ts: null }),
    answer("null-metadata", "null means the same as an absent member", "malformed", { metadata: null }),
    answer("null-content-type", "null means the same as an absent member", "malformed", about({ content_type: null })),
    answer("null", "JSON, but no object", "malformed", "null"),
    answer("url-is-a-number", "url is text", "malformed", { url: 5 }),
    answer("url-is-an-array", "url is text", "malformed", { url: [FULL.url] }),
    answer("alg-is-a-number", "alg is text", "malformed", { alg: 5 }),
    answer("key-is-a-number", "key is text", "malformed", { key: 5 }),
    answer("content-type-is-a-number", "content_type is text", "malformed", about({ content_type: 5 })),
    answer("metadata-is-text", "metadata is an object", "malformed", { metadata: JSON.stringify(METADATA) }),
    answer("disposition-is-a-number", "content_disposition is text", "malformed", { metadata: { ...METADATA, content_disposition: 5 } }),
    answer("negative-size", "a size is no negative number", "malformed", { metadata: { ...METADATA, size: -1 } }),
    answer("fractional-size", "a size is a whole number", "malformed", { metadata: { ...METADATA, size: 5.5 } }),
    answer("size-is-text", "metadata.size is a number", "malformed", { metadata: { ...METADATA, size: "5" } }),
    answer("size-is-a-boolean", "metadata.size is a number", "malformed", about({ size: true })),
    answer("expires-ts-is-a-boolean", "expires_ts is a number", "malformed", { expires_ts: true }),
    answer("expires-in-ms-is-a-boolean", "expires_in_ms is a number", "malformed", { expires_in_ms: false }),
    answer("too-large-object", "2^36: as many bytes as the keystream has", "malformed", { metadata: { ...METADATA, size: 2 ** 36 } }),
    answer("fractional-expires-ts", "a time is a whole number", "malformed", { expires_ts: 1790000000000.5 }),
    answer("fractional-expires-in-ms", "a duration is a whole number", "malformed", { expires_in_ms: 0.5 }),
    answer("negative-expires-ts", "a time is no negative number", "malformed", { expires_ts: -1 }),
    answer("expires-in-ms-is-text", "expires_in_ms is a number", "malformed", { expires_in_ms: "300000" }),
    answer("negative-expires-in-ms", "a duration is no negative number", "malformed", { expires_in_ms: -1 }),
    answer("too-large-expires-in-ms", "2^53: not every reader of JSON holds it exactly", "malformed", { expires_in_ms: 2 ** 53 }),
    answer("too-large-expires-ts", "2^53: not every reader of JSON holds it exactly", "malformed", { expires_ts: 2 ** 53 }),
    answer("too-long-content-type", "256 bytes", "malformed", { metadata: { ...METADATA, content_type: `a/${"b".repeat(254)}` } }),
    answer(
      "too-long-content-type-not-ascii",
      "256 bytes, but fewer characters",
      "malformed",
      about({ content_type: `a/b;c=${"\u00e9".repeat(125)}` }),
    ),
    answer("too-long", "16,385 bytes", "malformed", filled(16_385)),
    answer("too-long-not-ascii", "16,385 bytes, but fewer characters", "malformed", filled(16_385, "\u00e9")),
    answer("array-of-members", "the members in their order are not an object", "malformed", JSON.stringify(Object.values(FULL))),
    answer("metadata-is-an-array", "the members in their order are not an object", "malformed", { metadata: Object.values(METADATA) }),
    answer("more-behind", "more text behind the object", "malformed", `${JSON.stringify(FULL)}x`),
  ];
}
