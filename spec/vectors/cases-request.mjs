// Cases of what a client sends: identifiers, paths, opting in, ranges.

export function requestCases() {
  return [...mxcUris(), ...mediaRequests(), ...optIns(), ...ranges()];
}

function mxcUris() {
  const good = (name, comment, server_name, media_id) => ({
    kind: "mxc",
    name,
    comment,
    expect: "success",
    input: { uri: `mxc://${server_name}/${media_id}` },
    output: { server_name, media_id },
  });
  const bad = (name, comment, uri) => ({ kind: "mxc", name, comment, expect: "refused", input: { uri } });
  return [
    good("host", "a host name", "example.org", "AbC_-9"),
    good("host-and-port", "a host name with a port", "example.org:8448", "abc"),
    good("ipv4", "an IPv4 literal", "192.0.2.1", "abc"),
    good("ipv6-and-port", "an IPv6 literal with a port", "[2001:db8::1]:8448", "abc"),
    good("one-character", "the shortest media id", "example.org", "a"),
    good("longest-id", "a media id of 255 characters", "example.org", "a".repeat(255)),
    bad("id-too-long", "a media id of 256 characters", `mxc://example.org/${"a".repeat(256)}`),
    bad("no-id", "no media id", "mxc://example.org"),
    bad("empty-id", "an empty media id", "mxc://example.org/"),
    bad("id-with-dot", "a media id holds only A-Z a-z 0-9 _ -", "mxc://example.org/a.png"),
    bad("id-dots", "a path that leads elsewhere", "mxc://example.org/.."),
    bad("id-encoded-slash", "no percent-encoding in a media id", "mxc://example.org/a%2Fb"),
    bad("two-slashes", "more than one segment", "mxc://example.org/a/b"),
    bad("empty-server", "no server name", "mxc:///abc"),
    bad("server-with-user", "a user name in front of the host", "mxc://a@example.org/abc"),
    bad("server-dots", "a server name that a URL's path would resolve away", "mxc://../abc"),
    bad("server-not-ascii", "server names are ASCII", "mxc://ex\u00e4mple.org/abc"),
    bad("server-port-text", "a port is a number", "mxc://example.org:port/abc"),
    bad("server-open-bracket", "an IPv6 literal has two brackets", "mxc://[2001:db8::1/abc"),
    bad("upper-case-scheme", "the scheme is lower case", "MXC://example.org/abc"),
    bad("other-scheme", "another scheme", "https://example.org/abc"),
    bad("query", "no query", "mxc://example.org/abc?x=y"),
  ];
}

function mediaRequests() {
  const MEDIA = "/_matrix/client/v1/media";
  const good = (name, comment, path, query, output) => ({
    kind: "media-request",
    name,
    comment,
    expect: "success",
    input: { path: `${MEDIA}${path}`, query },
    output: { server_name: "example.org", media_id: "abc", ...output },
  });
  const refused = (name, comment, path, query, errcode = "M_INVALID_PARAM", media = MEDIA) => ({
    kind: "media-request",
    name,
    comment,
    expect: "refused",
    input: { path: `${media}${path}`, query },
    output: { status: 400, errcode },
  });
  const other = (name, comment, path) => ({ kind: "media-request", name, comment, expect: "other", input: { path, query: "" } });
  const thumbnail = "/thumbnail/example.org/abc";
  const download = "/download/example.org/abc";
  const V3 = "/_matrix/media/v3";
  const legacy = (name, comment, path, query, { allow_remote = true, allow_redirect = false, ...output } = {}, media = V3) => ({
    ...good(name, comment, "", query, { variant: "original", ...output, legacy: { allow_remote, allow_redirect } }),
    input: { path: `${media}${path}`, query },
  });
  const refusedLegacy = (name, comment, path, query) => refused(name, comment, path, query, "M_INVALID_PARAM", V3);
  return [
    good("download", "a download", "/download/example.org/abc", "", { variant: "original" }),
    good("download-file-name", "the file name is the client's choice", "/download/example.org/abc/na%20me.png", "", {
      variant: "original",
      file_name: "na me.png",
    }),
    good("download-encoded-server", "percent-encoding in the server name", "/download/example.org%3A8448/abc", "", {
      server_name: "example.org:8448",
      variant: "original",
    }),
    good(
      "download-unknown-parameters",
      "unknown parameters are never an error",
      "/download/example.org/abc",
      "x=y&x=z&allow_redirect=true",
      { variant: "original" },
    ),
    good("thumbnail", "a thumbnail", thumbnail, "width=32&height=64", { variant: { width: 32, height: 64 } }),
    good("thumbnail-all", "a thumbnail with all its parameters", thumbnail, "width=32&height=64&method=crop&animated=true", {
      variant: { width: 32, height: 64, method: "crop", animated: true },
    }),
    legacy("legacy-download", "a download of the older endpoint", download, ""),
    legacy("legacy-r0", "its first version", download, "", {}, "/_matrix/media/r0"),
    legacy("legacy-v1", "another version", `${download}/name.png`, "", { file_name: "name.png" }, "/_matrix/media/v1"),
    legacy("legacy-thumbnail", "a thumbnail of the older endpoint", thumbnail, "width=32&height=64", {
      variant: { width: 32, height: 64 },
    }),
    legacy("legacy-not-remote", "only what the homeserver has", download, "allow_remote=false", { allow_remote: false }),
    legacy("legacy-remote", "the default, said", download, "allow_remote=true"),
    legacy("legacy-redirect", "the client can follow", download, "allow_redirect=true", { allow_redirect: true }),
    legacy("legacy-no-redirect", "the default, said", download, "allow_redirect=false"),
    legacy("legacy-both", "both, beside a parameter that nobody knows", download, "x=y&allow_remote=false&allow_redirect=true", {
      allow_remote: false,
      allow_redirect: true,
    }),
    good(
      "parameters-of-legacy",
      "parameters of the older endpoint mean nothing here, whatever they say",
      "/download/example.org/abc",
      "allow_remote=no&allow_redirect=1&allow_redirect=2",
      { variant: "original" },
    ),
    refusedLegacy("legacy-remote-not-a-boolean", "true or false", download, "allow_remote=0"),
    refusedLegacy("legacy-redirect-empty", "true or false", download, "allow_redirect="),
    refusedLegacy("legacy-remote-twice", "given twice, and which one is meant is open", download, "allow_remote=false&allow_remote=false"),
    refusedLegacy(
      "legacy-redirect-twice",
      "given twice, and which one is meant is open",
      download,
      "allow_redirect=true&allow_redirect=false",
    ),
    refusedLegacy("legacy-bad-id", "not a media id", "/download/example.org/a.b", ""),
    refused("bad-server", "not a server name", "/download/a@b/abc", ""),
    refused("bad-id", "not a media id", "/download/example.org/a.b", ""),
    refused("encoded-slash", "a slash in the media id, encoded", "/download/example.org/a%2Fb", ""),
    refused("encoded-dots", "a path that leads elsewhere, encoded", "/download/example.org/%2E%2E", ""),
    refused("not-utf-8", "bytes that are no text", "/download/example.org/%ff", ""),
    refused("empty-id", "an empty media id", "/download/example.org/", ""),
    refused("no-width", "a thumbnail needs both dimensions", thumbnail, "height=64", "M_MISSING_PARAM"),
    refused("no-height", "a thumbnail needs both dimensions", thumbnail, "width=32", "M_MISSING_PARAM"),
    refused("width-not-a-number", "a dimension is a whole number", thumbnail, "width=1.5&height=1"),
    refused("width-with-a-sign", "a dimension has digits only", thumbnail, "width=%2B32&height=64"),
    refused("height-with-a-space", "a dimension has digits only", thumbnail, "width=32&height=+64"),
    refused("width-beyond-32-bits", "a dimension is below 2^32", thumbnail, "width=4294967296&height=64"),
    refused("width-twice", "given twice, and which one is meant is open", thumbnail, "width=1&width=1&height=1"),
    refused("unknown-method", "crop or scale", thumbnail, "width=1&height=1&method=fit"),
    refused("unknown-animated", "true or false", thumbnail, "width=1&height=1&animated=1"),
    refused(
      "timeout-twice",
      "a parameter that goes to the homeserver is given twice",
      "/download/example.org/abc",
      "timeout_ms=1&timeout_ms=2",
    ),
    other("no-id", "too few segments", `${MEDIA}/download/example.org`),
    other("extra-segment", "too many segments", `${MEDIA}/download/example.org/abc/d/e`),
    other("thumbnail-file-name", "thumbnails have no file name", `${MEDIA}/thumbnail/example.org/abc/d`),
    other("preview", "another endpoint", `${MEDIA}/preview_url`),
    other("legacy-other-version", "a version that there never was", "/_matrix/media/v2/download/example.org/abc"),
    other("legacy-no-version", "no version", "/_matrix/media/download/example.org/abc"),
    other("lookalike", "another path that only begins alike", "/_matrix/client/v1/media-download/example.org/abc"),
  ];
}

function optIns() {
  const query = (parameters) => parameters.replaceAll("p.", "org.matrix.msc4097.");
  const yes = (name, comment, parameters, delivery, verbatim = false) => ({
    kind: "opt-in",
    name,
    comment,
    expect: "opted_in",
    input: { query: query(parameters) },
    output: { delivery, alg: "chacha20", verbatim },
  });
  const no = (name, comment, parameters) => ({
    kind: "opt-in",
    name,
    comment,
    expect: "not_opted_in",
    input: { query: query(parameters) },
  });
  /** The client opted in, and the origin cannot serve it as it asks. */
  const plainly = (name, comment, parameters) => ({
    kind: "opt-in",
    name,
    comment,
    expect: "served_plainly",
    input: { query: query(parameters) },
    output: { plain: "not-supported" },
  });
  /** The client has a session. */
  const session = (name, comment, parameters, alg, id) => ({
    kind: "opt-in",
    name,
    comment,
    expect: "opted_in",
    input: { query: query(`p.delivery=session&${parameters}`) },
    output: { delivery: "session", alg, session: id },
  });
  const id = "A".repeat(60);
  return [
    session("session", "a redirect without an answer", `p.session=${id}&p.alg=a256ctr`, "a256ctr", id),
    session("session-default-alg", "chacha20 where none is named", `p.session=${id}`, "chacha20", id),
    session("session-without-id", "no session, which is stale", "p.alg=a256ctr", "a256ctr", null),
    session("session-malformed-id", "a malformed id is a stale session", "p.session=x&p.alg=a256ctr", "a256ctr", null),
    session("session-verbatim", "verbatim means nothing with a session", `p.session=${id}&p.alg=a256ctr&p.verbatim=true`, "a256ctr", id),
    plainly("session-two-algs", "no answer could name the algorithm", `p.delivery=session&p.session=${id}&p.alg=a256ctr,chacha20`),
    plainly("session-twice", "given twice, and which one is meant is open", `p.delivery=session&p.session=${id}&p.session=${id}`),
    yes("redirect", "the algorithm is chacha20 where none is named", "p.delivery=redirect", "redirect"),
    yes("json", "the other delivery", "p.delivery=json&p.alg=chacha20", "json"),
    yes("unknown-alg-first", "the first algorithm that the origin knows", "p.delivery=json&p.alg=future,chacha20", "json"),
    yes("spaces-in-alg", "spaces around names are ignored", "p.delivery=json&p.alg=future,%20chacha20%20", "json"),
    yes("verbatim", "the object is said to be ciphertext already", "p.delivery=json&p.verbatim=true", "json", true),
    yes("verbatim-not-true", "only the word true is true", "p.delivery=json&p.verbatim=yes", "json"),
    yes("among-others", "beside other parameters", "width=1&p.delivery=redirect&height=1&session=x", "redirect"),
    no("nothing", "no parameters", ""),
    no("others-only", "other parameters", "allow_redirect=true&timeout_ms=5"),
    no("alg-only", "an algorithm without a delivery", "p.alg=chacha20"),
    no("verbatim-only", "verbatim without a delivery", "p.verbatim=true"),
    no("twice-without-delivery", "without a delivery the other parameters mean nothing", "p.alg=chacha20&p.alg=chacha20"),
    plainly("empty-delivery", "a delivery without a value", "p.delivery="),
    plainly("unknown-delivery", "a delivery of a later version", "p.delivery=carrier-pigeon"),
    plainly("upper-case-delivery", "names are compared as they are", "p.delivery=REDIRECT"),
    plainly("unknown-algs", "no algorithm that the origin knows", "p.delivery=json&p.alg=rot13,aes"),
    plainly("empty-alg", "an empty list of algorithms", "p.delivery=json&p.alg="),
    plainly("none-as-alg", "none is nothing to ask for", "p.delivery=json&p.alg=none"),
    plainly("delivery-twice", "given twice, and which one is meant is open", "p.delivery=json&p.delivery=json"),
    plainly("alg-twice", "given twice, and which one is meant is open", "p.delivery=json&p.alg=chacha20&p.alg=chacha20"),
    plainly("verbatim-twice", "given twice, and which one is meant is open", "p.delivery=json&p.verbatim=true&p.verbatim=true"),
  ];
}

function ranges() {
  const part = (name, comment, range, size, first, last) => ({
    kind: "range",
    name,
    comment,
    expect: "part",
    input: { range, size },
    output: { content_range: `bytes ${first}-${last}/${size}`, length: last - first + 1 },
  });
  const whole = (name, comment, range, size = 1000) => ({
    kind: "range",
    name,
    comment,
    expect: "whole",
    input: { range, size },
    output: { length: size },
  });
  const not = (name, comment, range, size) => ({ kind: "range", name, comment, expect: "unsatisfiable", input: { range, size } });
  return [
    part("first-bytes", "the first hundred bytes", "bytes=0-99", 1000, 0, 99),
    part("safari", "the probe that Safari makes before it plays", "bytes=0-1", 1000, 0, 1),
    part("from-start", "everything, asked for as a range", "bytes=0-", 1000, 0, 999),
    part("from-middle", "from the middle to the end", "bytes=100-", 1000, 100, 999),
    part("suffix", "the last hundred bytes", "bytes=-100", 1000, 900, 999),
    part("long-suffix", "a suffix longer than the object", "bytes=-2000", 1000, 0, 999),
    part("cut", "a range that ends beyond the object", "bytes=990-5000", 1000, 990, 999),
    part("huge-end", "an end beyond 64 bits", "bytes=1-99999999999999999999", 1000, 1, 999),
    part("last-byte", "the last byte", "bytes=999-999", 1000, 999, 999),
    part("large-object", "offsets beyond 32 bits", "bytes=5000000000-5000000099", 6000000000, 5000000000, 5000000099),
    part("unit-of-other-case", "units are compared without case", "Bytes=0-1", 1000, 0, 1),
    whole("none", "no Range header", null),
    whole("empty", "an empty header", ""),
    whole("several", "several ranges are answered whole", "bytes=0-1,5-6"),
    whole("other-unit", "another unit", "items=0-1"),
    whole("no-range", "a unit without a range", "bytes"),
    whole("no-numbers", "neither first nor last byte", "bytes=-"),
    whole("reversed", "the last byte lies before the first", "bytes=5-2"),
    whole("letters", "not numbers", "bytes=a-b"),
    whole("signs", "signs are no digits", "bytes=+1-2"),
    whole(
      "reversed-beyond-64-bits",
      "the last byte lies before the first, both beyond 64 bits",
      "bytes=99999999999999999999-88888888888888888888",
    ),
    whole("empty-object", "everything of an object of no bytes", "bytes=0-", 0),
    whole("empty-object-suffix", "the last bytes of an object of no bytes", "bytes=-5", 0),
    whole("empty-object-from-middle", "any range of an object of no bytes", "bytes=5-9", 0),
    not("beyond", "the first byte lies beyond the object", "bytes=2000-3000", 1000),
    not("at-the-end", "the first byte lies just beyond the object", "bytes=1000-", 1000),
    not("no-last-bytes", "the last zero bytes", "bytes=-0", 1000),
    not("beyond-64-bits", "both bytes lie beyond 64 bits", "bytes=88888888888888888888-99999999999999999999", 1000),
  ];
}
