// Cases for clients: which answers to follow, and whole downloads.
import { base64url, bytes32, counting, hex, seal, sha256, xor } from "./reference.mjs";

const EDGE = "https://media.example.net";
const TOKEN = base64url(counting(32, 0x20));
const KEY = counting(32);

export function clientCases() {
  return [...answers(), ...downloads()];
}

const METADATA = { size: 5, content_type: "image/png", content_disposition: "inline; filename=x.png" };
const ANSWER = { url: `${EDGE}/${TOKEN}`, alg: "chacha20", key: base64url(KEY), expires_ts: 1790000000000, metadata: METADATA };

function answers() {
  const answer = (name, comment, expect, changes = {}, { edge = EDGE, verbatim = false, read = {} } = {}) => {
    const merged = typeof changes === "string" ? undefined : { ...ANSWER, ...changes };
    const { url, alg, key, expires_ts, expires_in_ms, metadata } = { ...merged, ...read };
    return {
      kind: "answer",
      name,
      comment,
      expect,
      input: { edge, verbatim, body: merged ? JSON.stringify(merged) : changes },
      output: expect === "success" ? { url, alg, key, expires_ts, expires_in_ms, metadata } : undefined,
    };
  };
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
    answer("null-disposition", "null means the same as an absent member", "success", { metadata: { ...METADATA, content_disposition: null } }, { read: { metadata: { size: 5, content_type: "image/png" } } }),
    answer("none-with-null-key", "null means the same as an absent member", "success", { alg: "none", key: null }, { ...plain, read: none }),
    answer("empty-object", "an object without bytes", "success", { metadata: { ...METADATA, size: 0 } }),
    answer("largest-object", "one byte less than the keystream has", "success", { metadata: { ...METADATA, size: 2 ** 36 - 1 } }),
    answer("longest-content-type", "255 bytes", "success", { metadata: { ...METADATA, content_type: `a/${"b".repeat(253)}` } }),
    answer("longest-answer", "16,384 bytes", "success", { later: "x".repeat(16_384 - JSON.stringify({ ...ANSWER, later: "" }).length) }),
    answer("expires-in-ms", "how long the link works, beside its end", "success", { expires_in_ms: 300_000 }),
    answer("null-expires-in-ms", "null means the same as an absent member", "success", { expires_in_ms: null }, { read: { expires_in_ms: undefined } }),
    answer("end-long-ago", "a client does not judge an answer by its own clock", "success", { expires_ts: 1 }),

    answer("none-not-accepted", "a plain link, which this client did not ask for", "unexpected_none", none),
    answer("none-with-key", "a plain link has no key", "key", { alg: "none" }, plain),
    answer("none-with-key-not-accepted", "of two reasons, the first in the list of section 5", "unexpected_none", { alg: "none" }),
    answer("foreign-host-and-no-key", "of two reasons, the first in the list of section 5", "foreign_url", { ...at("https://media.example.org"), key: undefined }),
    answer("unknown-algorithm-without-key", "of two reasons, the first in the list of section 5", "unknown_algorithm", { alg: "rot13", key: undefined }),
    answer("unknown-algorithm", "an algorithm that this client did not offer", "unknown_algorithm", { alg: "rot13" }),
    answer("algorithm-of-other-case", "names are compared as they are", "unknown_algorithm", { alg: "ChaCha20" }),

    answer("foreign-host", "a link to another host", "foreign_url", at("https://media.example.org")),
    answer("host-as-prefix", "a host that begins like the edge", "foreign_url", at(`${EDGE}.evil.example`)),
    answer("edge-as-user", "the edge as the user name of another host", "foreign_url", at(`${EDGE}@evil.example`)),
    answer("other-port", "another port of the same host", "foreign_url", at(`${EDGE}:8443`)),
    answer("http-instead-of-https", "another scheme", "foreign_url", at("http://media.example.net")),
    answer("dot-segments", "a path that leads elsewhere", "foreign_url", at(`${EDGE}/..`)),
    answer("extra-segment", "more than a token behind the edge", "foreign_url", { url: `${EDGE}/${TOKEN}/x` }),
    answer("with-query", "a query behind the token", "foreign_url", { url: `${EDGE}/${TOKEN}?x=y` }),
    answer("with-fragment", "a fragment behind the token", "foreign_url", { url: `${EDGE}/${TOKEN}#x` }),
    answer("short-token", "42 characters are no token", "foreign_url", { url: `${EDGE}/${TOKEN.slice(1)}` }),
    answer("sealed-token", "a token with a sealed part is opaque to a client", "success", { url: `${EDGE}/${TOKEN}.AAAA` }),
    answer("relative-url", "a link without a host", "foreign_url", { url: `/${TOKEN}` }),
    answer("insecure", "plain http elsewhere than on this machine, although the edge says so", "insecure_url", ...loopback("http://media.example.net")),
    answer("lookalike-localhost", "a host that only begins like this machine's", "insecure_url", ...loopback("http://localhost.evil.example")),
    answer("lookalike-loopback", "a host that only begins like this machine's", "insecure_url", ...loopback("http://127.0.0.1.evil.example")),
    answer("localhost-as-user", "this machine as the user name of another host", "insecure_url", ...loopback("http://localhost:80@evil.example")),

    answer("no-key", "an encrypted link without a key", "key", { key: undefined }),
    answer("null-key", "null means the same as an absent member", "key", { key: null }),
    answer("short-key", "31 bytes", "key", { key: base64url(counting(31)) }),
    answer("long-key", "33 bytes", "key", { key: base64url(counting(33)) }),
    answer("padded-key", "base64url is unpadded here", "key", { key: `${base64url(KEY)}=` }),
    answer("standard-base64-key", "the alphabet of standard base64", "key", { key: Buffer.alloc(32, 0xff).toString("base64").slice(0, 43) }),
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
    answer("key-is-a-number", "key is text", "malformed", { key: 5 }),
    answer("disposition-is-a-number", "content_disposition is text", "malformed", { metadata: { ...METADATA, content_disposition: 5 } }),
    answer("negative-size", "a size is no negative number", "malformed", { metadata: { ...METADATA, size: -1 } }),
    answer("fractional-size", "a size is a whole number", "malformed", { metadata: { ...METADATA, size: 5.5 } }),
    answer("size-is-text", "metadata.size is a number", "malformed", { metadata: { ...METADATA, size: "5" } }),
    answer("too-large-object", "as many bytes as the keystream has", "malformed", { metadata: { ...METADATA, size: 2 ** 36 } }),
    answer("fractional-expires-ts", "a time is a whole number", "malformed", { expires_ts: 1790000000000.5 }),
    answer("negative-expires-ts", "a time is no negative number", "malformed", { expires_ts: -1 }),
    answer("expires-in-ms-is-text", "expires_in_ms is a number", "malformed", { expires_in_ms: "300000" }),
    answer("negative-expires-in-ms", "a duration is no negative number", "malformed", { expires_in_ms: -1 }),
    answer("too-large-expires-in-ms", "2^53: not every reader of JSON holds it exactly", "malformed", { expires_in_ms: 2 ** 53 }),
    answer("too-large-expires-ts", "2^53: not every reader of JSON holds it exactly", "malformed", { expires_ts: 2 ** 53 }),
    answer("too-long-content-type", "256 bytes", "malformed", { metadata: { ...METADATA, content_type: `a/${"b".repeat(254)}` } }),
    answer("too-long", "16,385 bytes", "malformed", { later: "x".repeat(16_385 - JSON.stringify({ ...ANSWER, later: "" }).length) }),
    answer("array-of-members", "the members in their order are not an object", "malformed", JSON.stringify([...Object.values(ANSWER)])),
    answer("metadata-is-an-array", "the members in their order are not an object", "malformed", { metadata: Object.values(METADATA) }),
    answer("more-behind", "more text behind the object", "malformed", `${JSON.stringify(ANSWER)}x`),
  ];
}

function downloads() {
  const text = Buffer.from("Whoever is handed only the link gets ciphertext.\n");
  const long = Buffer.concat(Array.from({ length: 20 }, () => text));
  /**
   * `asked` and `given` are ranges [start, end); without them everything. `range` is the header's text, if it is not `first-last`.
   * `headers` replaces or, with undefined, removes; `sealed` changes the sealed metadata; `more` is text behind the body.
   */
  const download = (name, comment, expect, { plaintext, asked, range, given = asked, key = KEY, answer = {}, sealed = {}, cut = 0, more = "", headers = {} }) => {
    const size = plaintext.length;
    const [start, end] = given ?? [0, size];
    const metadata = { size, content_type: "text/plain", content_disposition: 'inline; filename="note.txt"' };
    const plain = plaintext.subarray(start, end);
    const stored = answer.alg === "none";
    const body = Buffer.concat([stored ? plain : xor(key, "body", start, plain), Buffer.from(more)]);
    // What a client that releases bytes as they come has released when it finds the fault.
    const released = plaintext.subarray(...(asked ?? [0, size - cut]));
    const nothing = !["success", "truncated"].includes(expect);
    return {
      kind: "download",
      name,
      comment,
      expect,
      input: {
        edge: EDGE,
        answer: JSON.stringify({ ...ANSWER, metadata, ...answer }),
        range: range ?? (asked ? `bytes=${asked[0]}-${asked[1] - 1}` : null),
        status: given ? 206 : 200,
        headers: {
          "content-length": String(body.length),
          "content-range": given && `bytes ${start}-${end - 1}/${size}`,
          "org-matrix-msc4097-metadata": stored ? undefined : seal(key, JSON.stringify({ ...metadata, ...sealed })),
          ...headers,
        },
        body: hex(body.subarray(0, body.length - cut)),
      },
      output:
        expect === "surplus"
          ? {}
          : {
              plaintext: expect === "success" ? released.toString("utf8") : undefined,
              released_sha256: sha256(nothing ? "" : released),
            },
    };
  };
  const whole = { plaintext: text };
  const part = { plaintext: long, asked: [100, 300] };
  const METADATA_HEADER = "org-matrix-msc4097-metadata";
  const link = (kind) => ({ "org-matrix-msc4097-link": kind });
  const none = { alg: "none", key: undefined };
  const unsized = { "content-length": undefined };
  return [
    download("whole", "the example of the specification: a whole object", "success", whole),
    download("from-the-middle", "a range from the middle of a block on", "success", part),
    download("last-byte", "a range of one byte", "success", { plaintext: long, asked: [long.length - 1, long.length] }),
    download("open-range", "a range without an end", "success", { plaintext: long, asked: [100, 980], range: "bytes=100-" }),
    download("suffix-range", "the last bytes", "success", { plaintext: long, asked: [880, 980], range: "bytes=-100" }),
    download("clamped-range", "a range that ends behind the object ends with it", "success", { plaintext: long, asked: [900, 980], range: "bytes=900-4999" }),
    download("long-suffix-range", "more last bytes than there are: all of them", "success", { plaintext: long, asked: [0, 980], range: "bytes=-4999" }),
    download("range-answered-whole", "200 instead of a range: the client takes its part of the whole", "success", { ...part, given: null }),
    download("suffix-range-answered-whole", "200 instead of a range: the client takes its part of the whole", "success", { plaintext: long, asked: [880, 980], range: "bytes=-100", given: null }),
    download("empty", "an object of no bytes", "success", { plaintext: Buffer.alloc(0) }),
    download("empty-with-range", "an object of no bytes has no part: it comes whole", "success", { plaintext: Buffer.alloc(0), range: "bytes=0-" }),
    download("no-length", "a body without Content-Length: the answer says its length", "success", { ...whole, headers: unsized }),
    download("part-without-length", "a 206 without Content-Length: Content-Range says its length", "success", { ...part, headers: unsized }),
    download("marked-encrypted", "the edge says that the body is encrypted", "success", { ...whole, headers: link("encrypted") }),
    download("identity", "identity is no content coding", "success", { ...whole, headers: { "content-encoding": "identity" } }),
    download("sealed-unknown-member", "only the three members are compared", "success", { ...whole, sealed: { later: true } }),
    download("sealed-null-disposition", "null means the same as an absent member", "success", {
      ...whole,
      answer: { metadata: { size: text.length, content_type: "text/plain" } },
      sealed: { content_disposition: null },
    }),
    download("none", "a link without a key gives the bytes as they are stored", "success", { ...whole, answer: none }),
    download("none-part", "a range of a link without a key", "success", { ...part, answer: none }),
    download("none-marked-verbatim", "the edge says that the body is as stored", "success", { ...whole, answer: none, headers: link("verbatim") }),

    download("marked-plain", "the edge says that the body is not encrypted", "other_link", { ...whole, headers: link("plain") }),
    download("marked-verbatim", "the edge says that the body is as stored, the answer has a key", "other_link", { ...whole, headers: link("verbatim") }),
    download("marked-twice", "two values, combined by an HTTP library", "other_link", { ...whole, headers: link("encrypted, encrypted") }),
    download("marked-plain-without-metadata", "of two faults, the first in the list of section 9", "other_link", { ...whole, headers: { ...link("plain"), [METADATA_HEADER]: undefined } }),
    download("none-marked-encrypted", "the edge says that the body is encrypted, the answer has no key", "other_link", { ...whole, answer: none, headers: link("encrypted") }),
    download("wrong-key", "the edge encrypted with another key", "wrong_key", { ...whole, key: bytes32("another key") }),
    download("no-metadata", "the sealed metadata is missing", "no_metadata", { ...whole, headers: { [METADATA_HEADER]: undefined } }),
    download("malformed-metadata", "the sealed metadata is cut", "malformed_metadata", { ...whole, headers: { [METADATA_HEADER]: "AAAA" } }),
    download("metadata-twice", "two values, combined by an HTTP library", "malformed_metadata", { ...whole, headers: { [METADATA_HEADER]: "A".repeat(1366) + ", " + "A".repeat(1366) } }),
    download("other-metadata", "the sealed metadata is not that of the answer", "other_metadata", { ...whole, sealed: { size: text.length + 1 } }),
    download("other-content-type", "the sealed media type is not that of the answer", "other_metadata", { ...whole, sealed: { content_type: "text/html" } }),
    download("other-disposition", "the sealed disposition is not that of the answer", "other_metadata", { ...whole, sealed: { content_disposition: "inline" } }),
    download("absent-disposition", "the answer has a disposition, the sealed metadata has none", "other_metadata", { ...whole, sealed: { content_disposition: undefined } }),
    download("compressed", "a body with a content coding has no offsets", "encoded", { ...whole, headers: { "content-encoding": "gzip" } }),
    download("none-compressed", "without a key, too, a body with a content coding has no offsets", "encoded", { ...whole, answer: none, headers: { "content-encoding": "gzip" } }),
    download("other-length", "the response is about another length than the answer", "other_size", { ...whole, headers: { "content-length": "48" } }),
    download("none-other-length", "without a key, too, the length is checked", "other_size", { ...whole, answer: none, headers: { "content-length": "48" } }),
    download("other-size", "the range is of an object of another length than the answer's", "other_size", { ...part, headers: { "content-range": "bytes 100-299/979" } }),
    download("part-other-length", "a 206 whose body has not the length of its range", "other_size", { ...part, headers: { "content-length": "199" } }),
    download("other-range", "another range than the one that was asked for", "other_range", { ...part, given: [101, 301] }),
    download("shorter-range", "a range that ends before the one that was asked for", "other_range", { ...part, given: [100, 299] }),
    download("shorter-open-range", "an open range ends with the object", "other_range", { plaintext: long, asked: [100, 980], range: "bytes=100-", given: [100, 979] }),
    download("unasked-range", "a range that nobody asked for", "other_range", { plaintext: long, given: [100, 300] }),
    download("no-content-range", "a 206 that does not say which range it is", "other_range", { ...part, headers: { "content-range": undefined } }),
    download("unknown-size", "a 206 that does not say how long the object is", "other_range", { ...part, headers: { "content-range": "bytes 100-299/*" } }),
    download("range-of-other-unit", "a range of something else than bytes", "other_range", { ...part, headers: { "content-range": "lines 100-299/980" } }),
    download("range-beyond-answered-whole", "200 instead of a range that has no byte of the object", "unsatisfiable", { plaintext: long, range: "bytes=980-" }),
    download("cut", "the connection ends three bytes early: what was released is not the object", "truncated", { plaintext: long, cut: 3 }),
    download("cut-without-length", "the body ends early, and no Content-Length said so", "truncated", { plaintext: long, cut: 3, headers: unsized }),
    download("surplus", "a body that is longer than the answer says", "surplus", { ...whole, more: "x", headers: unsized }),
    download("none-surplus", "a body that is longer than the answer says", "surplus", { ...whole, answer: none, more: "x", headers: unsized }),
  ];
}
