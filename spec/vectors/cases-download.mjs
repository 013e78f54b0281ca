// Cases of whole downloads: what a client makes of the response to a link.
import { ANSWER, EDGE, KEY } from "./cases-answer.mjs";
import { bytes32, hex, seal, sha256, xor } from "./reference.mjs";

export function downloadCases() {
  const text = Buffer.from("Whoever is handed only the link gets ciphertext.\n");
  const long = Buffer.concat(Array.from({ length: 20 }, () => text));
  /**
   * `asked` and `given` are ranges [start, end); without them everything. `range` is the header's text, if it is not `first-last`.
   * `plaintext` is the object, or the bytes from `at` on of an object of `size` bytes. `headers` replaces or, with undefined, removes; an array is a
   * header that comes several times. `sealed` changes the sealed metadata; `more` is text behind the body; `cut` is how much is missing at its end.
   */
  const download = (
    name,
    comment,
    expect,
    {
      plaintext,
      at = 0,
      size = plaintext.length,
      asked,
      range,
      given = asked,
      key = KEY,
      answer = {},
      sealed = {},
      cut = 0,
      more = "",
      headers = {},
    },
  ) => {
    const [start, end] = given ?? [0, size];
    const metadata = { size, content_type: "text/plain", content_disposition: 'inline; filename="note.txt"' };
    const slice = (first, last) => plaintext.subarray(first - at, last - at);
    const plain = slice(start, end);
    const stored = answer.alg === "none";
    const body = Buffer.concat([stored ? plain : xor(key, "body", start, plain), Buffer.from(more)]);
    // What a client that releases bytes as they come has released when it finds the fault.
    const [first, last] = asked ?? [0, size];
    const released = slice(first, last - cut);
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
          "content-range": (given ?? undefined) && `bytes ${start}-${end - 1}/${size}`,
          "org-matrix-msc4097-link": stored ? "verbatim" : "encrypted",
          "org-matrix-msc4097-metadata": stored ? undefined : seal(key, JSON.stringify({ ...metadata, ...sealed })),
          ...headers,
        },
        body: hex(body.subarray(0, body.length - cut)),
      },
      output:
        expect === "surplus"
          ? undefined
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
  const gzip = { "content-encoding": "gzip" };
  const range = (text) => ({ "content-range": text });
  const empty = { plaintext: Buffer.alloc(0) };
  const sealedMetadata = seal(
    KEY,
    JSON.stringify({ size: text.length, content_type: "text/plain", content_disposition: 'inline; filename="note.txt"' }),
  );
  const FIRST = "of two faults, the first in the list of section 9.4";
  const TWICE = "two values: nobody can say which one counts";
  const COMBINED = "two values, combined by an HTTP library";
  const none = { alg: "none", key: undefined };
  const unsized = { "content-length": undefined };
  return [
    download("whole", "the example of the specification: a whole object", "success", whole),
    download("from-the-middle", "a range from the middle of a block on", "success", part),
    download("last-byte", "a range of one byte", "success", { plaintext: long, asked: [long.length - 1, long.length] }),
    download("open-range", "a range without an end", "success", { plaintext: long, asked: [100, 980], range: "bytes=100-" }),
    download("suffix-range", "the last bytes", "success", { plaintext: long, asked: [880, 980], range: "bytes=-100" }),
    download("clamped-range", "a range that ends behind the object ends with it", "success", {
      plaintext: long,
      asked: [900, 980],
      range: "bytes=900-4999",
    }),
    download("long-suffix-range", "more last bytes than there are: all of them", "success", {
      plaintext: long,
      asked: [0, 980],
      range: "bytes=-4999",
    }),
    download("range-answered-whole", "200 instead of a range: the client takes its part of the whole", "success", { ...part, given: null }),
    download("suffix-range-answered-whole", "200 instead of a range: the client takes its part of the whole", "success", {
      plaintext: long,
      asked: [880, 980],
      range: "bytes=-100",
      given: null,
    }),
    download("empty", "an object of no bytes", "success", { plaintext: Buffer.alloc(0) }),
    download("empty-with-range", "an object of no bytes has no part: it comes whole", "success", {
      plaintext: Buffer.alloc(0),
      range: "bytes=0-",
    }),
    download("no-length", "a body without Content-Length: the answer says its length", "success", { ...whole, headers: unsized }),
    download("part-without-length", "a 206 without Content-Length: Content-Range says its length", "success", {
      ...part,
      headers: unsized,
    }),
    download("last-byte-of-the-largest-object", "offsets beyond 32 bits", "success", {
      plaintext: Buffer.from("x"),
      at: 2 ** 36 - 2,
      size: 2 ** 36 - 1,
      asked: [2 ** 36 - 2, 2 ** 36 - 1],
    }),
    download("suffix-of-the-largest-object", "offsets beyond 32 bits", "success", {
      plaintext: Buffer.from("xyz"),
      at: 2 ** 36 - 4,
      size: 2 ** 36 - 1,
      asked: [2 ** 36 - 4, 2 ** 36 - 1],
      range: "bytes=-3",
    }),
    download("unit-of-other-case", "units are compared without case", "success", { ...part, headers: range("Bytes 100-299/980") }),
    download("whole-as-a-range", "everything, asked for as a range", "success", { plaintext: long, asked: [0, 980], range: "bytes=0-" }),
    download("open-range-answered-whole", "200 instead of a range: the client takes its part of the whole", "success", {
      plaintext: long,
      asked: [100, 980],
      range: "bytes=100-",
      given: null,
    }),
    download("answered-whole-without-length", "200 instead of a range, without Content-Length: the answer says the length", "success", {
      ...part,
      given: null,
      headers: unsized,
    }),
    download("identity-of-other-case", "codings are compared without case", "success", {
      ...whole,
      headers: { "content-encoding": "Identity" },
    }),
    download("identity", "identity is no content coding", "success", { ...whole, headers: { "content-encoding": "identity" } }),
    download("sealed-unknown-member", "only the three members are compared", "success", { ...whole, sealed: { later: true } }),
    download("sealed-null-disposition", "null means the same as an absent member", "success", {
      ...whole,
      answer: { metadata: { size: text.length, content_type: "text/plain" } },
      sealed: { content_disposition: null },
    }),
    download("none", "a link without a key gives the bytes as they are stored", "success", { ...whole, answer: none }),
    download("none-part", "a range of a link without a key", "success", { ...part, answer: none }),
    download("none-answered-whole", "200 instead of a range, without a key", "success", { ...part, answer: none, given: null }),
    download("none-with-metadata", "without a key the sealed metadata is not read", "success", {
      ...whole,
      answer: none,
      headers: { [METADATA_HEADER]: "AAAA" },
    }),
    download("none-empty", "an object of no bytes", "success", { ...empty, answer: none }),

    download("marked-plain", "the edge says that the body is not encrypted", "other_link", { ...whole, headers: link("plain") }),
    download("marked-verbatim", "the edge says that the body is as stored, the answer has a key", "other_link", {
      ...whole,
      headers: link("verbatim"),
    }),
    download("not-marked", "the edge does not say what the body is", "other_link", { ...whole, headers: link(undefined) }),
    download("marked-with-nothing", "the edge does not say what the body is", "other_link", { ...whole, headers: link("") }),
    download("mark-of-other-case", "values are compared as they are", "other_link", { ...whole, headers: link("Encrypted") }),
    download("marked-twice", TWICE, "other_link", { ...whole, headers: link(["encrypted", "encrypted"]) }),
    download("marked-twice-combined", COMBINED, "other_link", { ...whole, headers: link("encrypted, encrypted") }),
    download("marked-as-two-things", TWICE, "other_link", { ...whole, headers: link(["encrypted", "plain"]) }),
    download("none-not-marked", "the edge does not say what the body is", "other_link", {
      ...whole,
      answer: none,
      headers: link(undefined),
    }),
    download("none-marked-plain", "the target of a plain redirect, which is no answer's link", "other_link", {
      ...whole,
      answer: none,
      headers: link("plain"),
    }),
    download("none-marked-twice", TWICE, "other_link", { ...whole, answer: none, headers: link(["verbatim", "verbatim"]) }),
    download("not-marked-and-wrong-key", FIRST, "other_link", { ...whole, key: bytes32("another key"), headers: link(undefined) }),
    download("part-not-marked", "a 206 is marked like a 200", "other_link", { ...part, headers: link(undefined) }),
    download("marked-plain-without-metadata", FIRST, "other_link", {
      ...whole,
      headers: { ...link("plain"), [METADATA_HEADER]: undefined },
    }),
    download("none-marked-encrypted", "the edge says that the body is encrypted, the answer has no key", "other_link", {
      ...whole,
      answer: none,
      headers: link("encrypted"),
    }),
    download("wrong-key", "the edge encrypted with another key", "wrong_key", { ...whole, key: bytes32("another key") }),
    download("no-metadata", "the sealed metadata is missing", "no_metadata", { ...whole, headers: { [METADATA_HEADER]: undefined } }),
    download("malformed-metadata", "the sealed metadata is cut", "malformed_metadata", {
      ...whole,
      headers: { [METADATA_HEADER]: "AAAA" },
    }),
    download("metadata-twice", TWICE, "malformed_metadata", { ...whole, headers: { [METADATA_HEADER]: [sealedMetadata, sealedMetadata] } }),
    download("metadata-twice-combined", COMBINED, "malformed_metadata", {
      ...whole,
      headers: { [METADATA_HEADER]: `${sealedMetadata}, ${sealedMetadata}` },
    }),
    download("empty-metadata", "the sealed metadata is empty", "malformed_metadata", { ...whole, headers: { [METADATA_HEADER]: "" } }),
    download("part-wrong-key", "the edge encrypted with another key", "wrong_key", { ...part, key: bytes32("another key") }),
    download("part-no-metadata", "the sealed metadata is missing", "no_metadata", { ...part, headers: { [METADATA_HEADER]: undefined } }),
    download("no-metadata-and-compressed", FIRST, "no_metadata", { ...whole, headers: { ...gzip, [METADATA_HEADER]: undefined } }),
    download("wrong-key-and-other-length", FIRST, "wrong_key", {
      ...whole,
      key: bytes32("another key"),
      headers: { "content-length": "48" },
    }),
    download("other-metadata-and-compressed", FIRST, "other_metadata", { ...whole, sealed: { content_type: "text/html" }, headers: gzip }),
    download("other-metadata", "the sealed metadata is not that of the answer", "other_metadata", {
      ...whole,
      sealed: { size: text.length + 1 },
    }),
    download("other-content-type", "the sealed media type is not that of the answer", "other_metadata", {
      ...whole,
      sealed: { content_type: "text/html" },
    }),
    download("other-disposition", "the sealed disposition is not that of the answer", "other_metadata", {
      ...whole,
      sealed: { content_disposition: "inline" },
    }),
    download("disposition-not-in-the-answer", "the sealed metadata has a disposition, the answer has none", "other_metadata", {
      ...whole,
      answer: { metadata: { size: text.length, content_type: "text/plain" } },
    }),
    download("sealed-size-is-a-boolean", "the key does not fit: size is a number", "wrong_key", {
      ...whole,
      sealed: { size: true },
    }),
    download("sealed-null-content-type", "the key does not fit: content_type is required", "wrong_key", {
      ...whole,
      sealed: { content_type: null },
    }),
    download("absent-disposition", "the answer has a disposition, the sealed metadata has none", "other_metadata", {
      ...whole,
      sealed: { content_disposition: undefined },
    }),
    download("compressed", "a body with a content coding has no offsets", "encoded", { ...whole, headers: gzip }),
    download("encoded-twice", "one of two codings is none", "encoded", { ...whole, headers: { "content-encoding": ["identity", "gzip"] } }),
    download("compressed-and-other-length", FIRST, "encoded", { ...whole, headers: { ...gzip, "content-length": "48" } }),
    download("compressed-and-other-range", FIRST, "encoded", { ...part, given: [101, 301], headers: gzip }),
    download("none-compressed", "without a key, too, a body with a content coding has no offsets", "encoded", {
      ...whole,
      answer: none,
      headers: gzip,
    }),
    download("other-length", "the response is about another length than the answer", "other_size", {
      ...whole,
      headers: { "content-length": "48" },
    }),
    download("length-with-sign", "signs are no digits", "other_size", { ...whole, headers: { "content-length": "+49" } }),
    download("part-length-with-sign", "signs are no digits", "other_size", { ...part, headers: { "content-length": "+200" } }),
    download("length-twice", TWICE, "other_size", { ...whole, headers: { "content-length": ["49", "49"] } }),
    download("length-twice-combined", COMBINED, "other_size", { ...whole, headers: { "content-length": "49, 49" } }),
    download("none-other-length", "without a key, too, the length is checked", "other_size", {
      ...whole,
      answer: none,
      headers: { "content-length": "48" },
    }),
    download("other-size", "the range is of an object of another length than the answer's", "other_size", {
      ...part,
      headers: range("bytes 100-299/979"),
    }),
    download("part-other-length", "a 206 whose body has not the length of its range", "other_size", {
      ...part,
      headers: { "content-length": "199" },
    }),
    download("none-other-size", "without a key, too, the length is checked", "other_size", {
      ...part,
      answer: none,
      headers: range("bytes 100-299/979"),
    }),
    download("other-size-and-range", FIRST, "other_size", { ...part, given: [101, 301], headers: range("bytes 101-300/981") }),
    download("other-length-and-range-beyond", FIRST, "other_size", {
      plaintext: long,
      range: "bytes=980-",
      headers: { "content-length": "979" },
    }),
    download("other-range", "another range than the one that was asked for", "other_range", { ...part, given: [101, 301] }),
    download("shorter-range", "a range that ends before the one that was asked for", "other_range", { ...part, given: [100, 299] }),
    download("longer-range", "a range that ends behind the one that was asked for", "other_range", { ...part, given: [100, 301] }),
    download("none-shorter-range", "without a key, too, the range is checked", "other_range", { ...part, answer: none, given: [100, 299] }),
    download("shorter-suffix-range", "a suffix ends with the object", "other_range", {
      plaintext: long,
      asked: [880, 980],
      range: "bytes=-100",
      given: [880, 979],
    }),
    download("longer-suffix-range", "a suffix begins as far from the end as it says", "other_range", {
      plaintext: long,
      asked: [880, 980],
      range: "bytes=-100",
      given: [879, 980],
    }),
    download("range-that-is-not-clamped", "Content-Range ends with the object", "other_range", {
      plaintext: long,
      asked: [900, 980],
      range: "bytes=900-4999",
      headers: range("bytes 900-4999/980"),
    }),
    download("range-of-the-empty-object", "an object of no bytes has no part", "other_range", {
      ...empty,
      range: "bytes=0-0",
      given: [0, 0],
      headers: range("bytes 0-0/0"),
    }),
    download("shorter-open-range", "an open range ends with the object", "other_range", {
      plaintext: long,
      asked: [100, 980],
      range: "bytes=100-",
      given: [100, 979],
    }),
    download("unasked-range", "a range that nobody asked for", "other_range", { plaintext: long, given: [100, 300] }),
    download("no-content-range", "a 206 that does not say which range it is", "other_range", {
      ...part,
      headers: { "content-range": undefined },
    }),
    download("content-range-twice", TWICE, "other_range", { ...part, headers: range(["bytes 100-299/980", "bytes 100-299/980"]) }),
    download("content-range-twice-combined", COMBINED, "other_range", { ...part, headers: range("bytes 100-299/980, bytes 100-299/980") }),
    download("content-range-reversed", "the last byte lies before the first", "other_range", {
      ...part,
      headers: range("bytes 299-100/980"),
    }),
    download("content-range-with-signs", "signs are no digits", "other_range", { ...part, headers: range("bytes +100-299/980") }),
    download("content-range-without-unit", "the unit is missing", "other_range", { ...part, headers: range("100-299/980") }),
    download("content-range-of-a-416", "a range that says only how long the object is", "other_range", {
      ...part,
      headers: range("bytes */980"),
    }),
    download("no-content-range-and-other-length", FIRST, "other_range", {
      ...part,
      headers: { "content-range": undefined, "content-length": "199" },
    }),
    download("unknown-size", "a 206 that does not say how long the object is", "other_range", {
      ...part,
      headers: { "content-range": "bytes 100-299/*" },
    }),
    download("range-of-other-unit", "a range of something else than bytes", "other_range", {
      ...part,
      headers: { "content-range": "lines 100-299/980" },
    }),
    download("range-beyond-answered-whole", "200 instead of a range that has no byte of the object", "unsatisfiable", {
      plaintext: long,
      range: "bytes=980-",
    }),
    download("none-range-beyond-answered-whole", "200 instead of a range that has no byte of the object", "unsatisfiable", {
      plaintext: long,
      answer: none,
      range: "bytes=980-",
    }),
    download("cut", "the connection ends three bytes early: what was released is not the object", "truncated", { plaintext: long, cut: 3 }),
    download("cut-without-length", "the body ends early, and no Content-Length said so", "truncated", {
      plaintext: long,
      cut: 3,
      headers: unsized,
    }),
    download("part-cut", "a range whose body ends early", "truncated", { ...part, cut: 3 }),
    download("none-cut", "a body without a key that ends early", "truncated", { plaintext: long, answer: none, cut: 3 }),
    download("cut-before-the-first-byte", "nothing came", "truncated", { ...whole, cut: text.length }),
    download("part-surplus", "a range whose body goes on", "surplus", { ...part, more: "x", headers: unsized }),
    download("empty-surplus", "bytes of an object that has none", "surplus", { ...empty, more: "x", headers: unsized }),
    download("surplus", "a body that is longer than the answer says", "surplus", { ...whole, more: "x", headers: unsized }),
    download("none-surplus", "a body that is longer than the answer says", "surplus", {
      ...whole,
      answer: none,
      more: "x",
      headers: unsized,
    }),
  ];
}
