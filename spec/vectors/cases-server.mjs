// Cases between origin and edge: redirect tokens, grants, pins, the metadata of a grant.
import { base64url, bytes32, counting } from "./reference.mjs";

export function serverCases() {
  return [...tokens(), ...grants(), ...pins(), ...mintedMetadata()];
}

function tokens() {
  const token = base64url(bytes32("a token"));
  const good = (name, comment, text) => ({ kind: "redirect-token", name, comment, expect: "success", input: { text } });
  const bad = (name, comment, text) => ({ kind: "redirect-token", name, comment, expect: "refused", input: { text } });
  return [
    good("random", "32 bytes", token),
    good("zeros", "32 bytes 0", "A".repeat(43)),
    good("all-ones", "characters that standard base64 has not", base64url(Buffer.alloc(32, 0xff))),
    good("sealed", "a sealed part of one byte", `${token}.AA`),
    good("sealed-longest", "2,048 characters in all", `${token}.${"A".repeat(2004)}`),
    bad("empty", "no characters", ""),
    bad("sealed-empty", "a dot and nothing behind it", `${token}.`),
    bad("sealed-alone", "no name before the dot", ".AAAA"),
    bad("sealed-two-dots", "two sealed parts", `${token}.AAAA.AAAA`),
    bad("sealed-stray-bits", "a sealed part in another text for the same bytes", `${token}.AB`),
    bad("sealed-padded", "a sealed part with padding", `${token}.AA==`),
    bad("sealed-percent-encoded", "the dot percent-encoded", `${token}%2EAAAA`),
    bad("sealed-too-long", "2,050 characters: the first length above the limit that base64url can have", `${token}.${"A".repeat(2006)}`),
    bad("sealed-short-name", "a name of 42 characters", `${token.slice(1)}.AAAA`),
    bad("short", "42 characters", token.slice(1)),
    bad("long", "44 characters", `${token}A`),
    bad("padded", "with padding", `${token}=`),
    bad("stray-bits", "43 characters whose last bits are not zero: another text for the same bytes", `${"A".repeat(42)}B`),
    bad("standard-base64", "the alphabet of standard base64", "/".repeat(43)),
    bad("dots", "characters of no base64", `${token.slice(2)}..`),
    bad("not-ascii", "43 bytes, but not of ASCII", `${"\u00e9".repeat(21)}A`),
  ];
}

const GRANT = {
  v: 1,
  content: "encrypted",
  alg: "chacha20",
  key: base64url(counting(32)),
  server_name: "example.org",
  media_id: "abc",
  pins: { size: 5 },
  metadata: '{"size":5,"content_type":"image/png","content_disposition":"inline; filename=x.png"}',
  etag: '"k3Vp0Zb1rXkQy9mD4sT8uA"',
  expires_ts: 1790000000000,
};

function grants() {
  const PATH = "/_matrix/client/v1/media";
  const record = (changes) => (typeof changes === "string" ? changes : JSON.stringify({ ...GRANT, ...changes }));
  const accepted = (name, comment, changes, output = {}) => ({
    kind: "grant",
    name,
    comment,
    expect: "accepted",
    input: { record: record(changes), now_ms: GRANT.expires_ts - 1 },
    output: { content: "encrypted", object: `${PATH}/download/example.org/abc`, size: 5, ...output },
  });
  const not =
    (expect) =>
    (name, comment, changes, now_ms = GRANT.expires_ts - 1) => ({
      kind: "grant",
      name,
      comment,
      expect,
      input: { record: record(changes), now_ms },
    });
  const refused = not("refused");
  const unencrypted = { alg: undefined, key: undefined };
  const thumbnail = (thumbnail) => ({ thumbnail });
  return [
    accepted("encrypted", "an encrypted original", {}),
    accepted("verbatim", "an object that is ciphertext already", { content: "verbatim", ...unencrypted }, { content: "verbatim" }),
    accepted("plain", "a plain link", { content: "plain", ...unencrypted }, { content: "plain" }),
    accepted("thumbnail", "a thumbnail", thumbnail({ width: 32, height: 64 }), {
      object: `${PATH}/thumbnail/example.org/abc?width=32&height=64`,
    }),
    accepted(
      "thumbnail-all",
      "a thumbnail with all its parameters",
      thumbnail({ width: 32, height: 64, method: "scale", animated: false }),
      {
        object: `${PATH}/thumbnail/example.org/abc?width=32&height=64&method=scale&animated=false`,
      },
    ),
    accepted("pinned-etag", "a store that tells an entity tag", { pins: { size: 5, etag: '"abc"' } }),
    not("expired")("expired", "the first moment that is too late", {}, GRANT.expires_ts),
    refused("other-version", "a record of a later version", { v: 2 }),
    refused("no-version", "a record without a version", { v: undefined }),
    refused("unknown-member", "a member that this version does not know", { later: true }),
    refused("unknown-content", "a content that this version does not know", { content: "compressed" }),
    refused("unknown-algorithm", "an algorithm that this version does not know", { alg: "rot13" }),
    refused("no-key", "an encrypted object without a key", { key: undefined }),
    refused("no-algorithm", "an encrypted object without an algorithm", { alg: undefined }),
    refused("short-key", "31 bytes", { key: base64url(counting(31)) }),
    refused("plain-with-key", "a plain link has no key", { content: "plain" }),
    refused("verbatim-with-key", "an object that is sent as it is has no key", { content: "verbatim" }),
    refused("bad-server-name", "not a server name", { server_name: "example/org" }),
    refused("bad-media-id", "not a media id", { media_id: "../abc" }),
    refused("unknown-method", "crop or scale", thumbnail({ width: 1, height: 1, method: "fit" })),
    refused("thumbnail-without-height", "a thumbnail has two dimensions", thumbnail({ width: 1 })),
    refused("no-size", "without a length there is no grant", { pins: {} }),
    refused("expiry-is-text", "expires_ts is a number", { expires_ts: "1790000000000" }),
    refused("not-json", "no JSON", "grant"),
    refused("cut", "JSON that was cut short", JSON.stringify(GRANT).slice(0, -1)),
    refused("empty", "nothing", ""),
  ];
}

function pins() {
  const pins = (expect) => (name, comment, pinned, headers) => ({ kind: "pins", name, comment, expect, input: { pins: pinned, headers } });
  const [same, changed] = [pins("same"), pins("changed")];
  const length = { "content-length": "5" };
  const tagged = { size: 5, etag: '"abc"' };
  return [
    same("length", "the length is that of mint", { size: 5 }, length),
    same(
      "length-of-a-part",
      "a part names the length of the whole",
      { size: 5 },
      { "content-length": "2", "content-range": "bytes 0-1/5" },
    ),
    same("etag", "length and entity tag are those of mint", tagged, { ...length, etag: '"abc"' }),
    same(
      "etag-of-synapse",
      "an unquoted tag, the same for everything: no help and no harm",
      { size: 5, etag: "1" },
      { ...length, etag: "1" },
    ),
    same("etag-weak", "a weak tag, told twice", { size: 5, etag: 'W/"abc"' }, { ...length, etag: 'W/"abc"' }),
    changed("etag-not-said", "the entity tag is gone: the evidence is missing", tagged, length),
    changed("etag-weak-now", "the same tag, but a weak one now", tagged, { ...length, etag: 'W/"abc"' }),
    changed("etag-unquoted-now", "another tag, of whatever form", tagged, { ...length, etag: "1" }),
    changed("etag-new", "no tag was told at mint", { size: 5 }, { ...length, etag: '"abc"' }),
    changed("other-length", "another length", { size: 5 }, { "content-length": "6" }),
    changed("other-etag", "another entity tag", tagged, { ...length, etag: '"abd"' }),
    changed("no-length", "a length that is not said", { size: 5 }, {}),
    changed("compressed", "the length of an encoding is not that of the object", { size: 5 }, { ...length, "content-encoding": "gzip" }),
    changed("part-of-unknown", "a part of an unknown whole", { size: 5 }, { "content-length": "5", "content-range": "bytes 0-4/*" }),
  ];
}

function mintedMetadata() {
  const minted = (name, comment, { content_type, content_disposition, file_name }, output) => ({
    kind: "metadata-mint",
    name,
    comment,
    expect: "success",
    input: { size: 5, content_type, content_disposition, file_name },
    output: { content_type, ...output },
  });
  const picture = { content_type: "image/png", content_disposition: "inline; filename=x.png" };
  return [
    minted("as-stored", "type, disposition and name of the homeserver", picture, { inline: true, file_name: "x.png" }),
    minted(
      "clients-name",
      "the name at the end of the path wins",
      { ...picture, file_name: "y.png" },
      { inline: true, file_name: "y.png" },
    ),
    minted("no-name", "no name at all", { ...picture, content_disposition: "inline" }, { inline: true }),
    minted("no-disposition", "nothing said is attachment", { content_type: "image/png" }, { inline: false }),
    minted(
      "active-type",
      "a type that a browser would run is never inline",
      { ...picture, content_type: "text/html" },
      { inline: false, file_name: "x.png" },
    ),
    minted(
      "encoded-name",
      "a name of RFC 8187",
      { ...picture, content_disposition: "attachment; filename*=utf-8''%E2%98%83.png" },
      { inline: false, file_name: "\u2603.png" },
    ),
    minted(
      "quoted-name",
      "semicolons and quotes in a name",
      { ...picture, content_disposition: 'attachment; filename="a;b \\"c\\".png"' },
      { inline: false, file_name: 'a;b "c".png' },
    ),
    minted(
      "long-name",
      "a long name is shortened and keeps its extension",
      { ...picture, file_name: `${"\u2603".repeat(500)}.tar` },
      {
        inline: true,
        file_name_starts: "\u2603".repeat(50),
        file_name_ends: "\u2603.tar",
      },
    ),
    minted(
      "long-type",
      "a type longer than 255 bytes gives way",
      { content_type: `image/${"x".repeat(300)}`, content_disposition: "inline" },
      {
        content_type: "application/octet-stream",
        inline: false,
      },
    ),
  ];
}
