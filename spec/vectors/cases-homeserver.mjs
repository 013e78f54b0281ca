// Cases of what a homeserver says to a client: the media config, and the heads of responses to a request for media.

const EDGE = "https://media.example.net";
const HOMESERVER = "https://matrix.example.org";
/** The first request of every `response` case, without this protocol's parameters. */
const MEDIA = `${HOMESERVER}/_matrix/client/v1/media/download/example.org/AbCdEf`;

export function homeserverCases() {
  return [...mediaConfigs(), ...responses()];
}

function mediaConfigs() {
  /** `about` is the member of this protocol, or with `config` the whole document. */
  const config = (name, comment, expect, about, { status = 200, delivery = "json", size = null, config, spelled = ["", ""] } = {}) => ({
    kind: "media-config",
    name,
    comment,
    expect,
    input: {
      status,
      config: config ?? JSON.stringify({ "m.upload.size": 50000000, "org.matrix.msc4097": about }).replace(...spelled),
      delivery,
      size,
    },
    output: expect === "opt_in" ? { edge: about.edge } : undefined,
  });
  const FULL = { deliveries: ["redirect", "json"], algs: ["chacha20"], edge: EDGE };
  const edge = (name, comment, expect, text) => config(name, comment, expect, { ...FULL, edge: text });
  const SIZES = { ...FULL, min_size: 65536, max_size: 4000000 };
  const sized = (name, comment, expect, size, about = SIZES) => config(name, comment, expect, about, { size });
  /** A document of so many bytes. */
  const filled = (bytes, letter = "x") => {
    const text = (later) => JSON.stringify({ "org.matrix.msc4097": FULL, later });
    const room = bytes - text("").length;
    const letters = letter.repeat(Math.floor(room / Buffer.byteLength(letter)));
    return { config: text(letters + "x".repeat(room - Buffer.byteLength(letters))) };
  };
  const FIRST = "of two reasons, the first in the list of section 9.1";
  const NULL = "null means the same as an absent member";
  return [
    config("full", "delivery, algorithm and edge fit", "opt_in", FULL),
    config("other-delivery", "the other delivery", "opt_in", FULL, { delivery: "redirect" }),
    config("edge-alone", "without lists the client learns by asking", "opt_in", { edge: EDGE }),
    config("null-members", NULL, "opt_in", { deliveries: null, algs: null, edge: EDGE, min_size: null, max_size: null }, { size: 1 }),
    config("unknown-member", "members of later versions are ignored", "opt_in", { ...FULL, session: { id: "x" } }),
    config("unknown-names", "names of later versions are ignored", "opt_in", {
      ...FULL,
      deliveries: ["session", "json"],
      algs: ["a256ctr", "chacha20"],
    }),
    config("names-that-are-not-text", "what is no name is a name that the client does not know", "opt_in", {
      ...FULL,
      deliveries: [5, "json"],
      algs: [null, "chacha20"],
    }),
    config("longest", "65,536 bytes", "opt_in", FULL, filled(65_536)),
    config("longest-not-ascii", "65,536 bytes, but fewer characters", "opt_in", FULL, filled(65_536, "\u00e9")),
    edge("edge-with-port", "a port that is not the scheme's own", "opt_in", "https://media.example.net:8443"),
    edge("localhost", "plain http is for this very machine", "opt_in", "http://localhost:8787"),
    edge("loopback-v4", "plain http is for this very machine", "opt_in", "http://127.0.0.1:8787"),
    edge("loopback-v6", "plain http is for this very machine", "opt_in", "http://[::1]:8787"),
    sized("smallest", "an object of min_size is linked", "opt_in", 65536),
    sized("largest", "an object of max_size is linked", "opt_in", 4000000),
    sized("unknown-size", "without knowing the size, the client asks", "opt_in", null),
    sized("without-limits", "an object without bytes, and no min_size", "opt_in", 0, FULL),
    sized("largest-object", "2^36 - 1: one byte less than the keystream has", "opt_in", 2 ** 36 - 1, FULL),
    sized("limits-are-text", "a limit that is no number counts as absent", "opt_in", 1, { ...FULL, min_size: "65536", max_size: "0" }),
    sized("limits-are-booleans", "a limit that is no number counts as absent", "opt_in", 5, { ...FULL, min_size: true, max_size: true }),
    sized("negative-limits", "a limit that is negative counts as absent", "opt_in", 1, { ...FULL, min_size: -1, max_size: -1 }),
    sized("fractional-min-size", "a limit that is not whole counts as absent", "opt_in", 1, { ...FULL, min_size: 65536.5 }),
    sized("fractional-max-size", "a limit that is not whole counts as absent", "opt_in", 5, { ...FULL, max_size: 0.5 }),
    sized("too-large-min-size", "a limit of 2^36 counts as absent", "opt_in", 1, { ...FULL, min_size: 2 ** 36 }),

    config("no-permission", "guests, for one, may not read it", "status", FULL, { status: 403 }),
    config("not-found", "an old homeserver", "status", FULL, { status: 404 }),
    config("other-success", "a config comes under 200", "status", FULL, { status: 201 }),
    config("error-that-is-no-json", FIRST, "status", undefined, { status: 502, config: "<html>" }),
    config("not-json", "a page instead of the config", "malformed", undefined, { config: "<html>" }),
    config("empty", "no body", "malformed", undefined, { config: "" }),
    config("array", "JSON, but no object", "malformed", undefined, { config: "[]" }),
    config("null", "JSON, but no object", "malformed", undefined, { config: "null" }),
    config("more-behind", "more text behind the object", "malformed", FULL, { spelled: [/$/, "x"] }),
    config("too-long", "65,537 bytes", "malformed", FULL, filled(65_537)),
    config("too-long-not-ascii", "65,537 bytes, but fewer characters", "malformed", FULL, filled(65_537, "\u00e9")),
    config("ordinary", "a homeserver that knows nothing of this", "absent", undefined),
    config("null-member", NULL, "absent", null),
    config("prefix-of-other-case", "names are compared as they are", "absent", undefined, {
      config: JSON.stringify({ "Org.Matrix.Msc4097": FULL }),
    }),
    config("true", "the member is an object", "malformed", true),
    config("member-is-text", "the member is an object", "malformed", JSON.stringify(FULL)),
    config("member-is-an-array", "the members in their order are not an object", "malformed", [EDGE, ["json"], ["chacha20"]]),
    config("no-edge", "edge is required", "malformed", { ...FULL, edge: undefined }),
    edge("null-edge", NULL, "malformed", null),
    edge("edge-is-a-boolean", "edge is text", "malformed", true),
    edge("edge-is-a-number", "edge is text", "malformed", 5),
    config("deliveries-is-text", "deliveries is an array", "malformed", { ...FULL, deliveries: "json" }),
    config("deliveries-is-an-object", "deliveries is an array", "malformed", { ...FULL, deliveries: { json: true } }),
    config("algs-is-text", "algs is an array", "malformed", { ...FULL, algs: "chacha20" }),
    config("malformed-and-insecure", FIRST, "malformed", { ...FULL, algs: "chacha20", edge: "http://media.example.net" }),

    edge("empty-edge", "no web origin", "edge", ""),
    edge("edge-without-scheme", "no web origin", "edge", "media.example.net"),
    edge("edge-of-other-scheme", "neither https nor http", "edge", "ftp://media.example.net"),
    edge("edge-with-path", "a web origin and more", "edge", `${EDGE}/media`),
    edge("edge-with-slash", "a web origin has no slash at its end", "edge", `${EDGE}/`),
    edge("edge-with-query", "a web origin and more", "edge", `${EDGE}?x`),
    edge("edge-with-fragment", "a web origin and more", "edge", `${EDGE}#x`),
    edge("edge-with-user", "a user name can make one host look like another", "edge", "https://user@media.example.net"),
    edge("edge-with-empty-user", "a user name, even an empty one", "edge", "https://@media.example.net"),
    edge("edge-with-too-large-port", "a port has 16 bits", "edge", `${EDGE}:65536`),
    edge("edge-with-underscore", "a server name has no underscore", "edge", "https://media_1.example.net"),
    edge("edge-with-dot-at-the-end", "links are compared with the edge as text, so it has one spelling", "edge", `${EDGE}.`),
    edge("edge-with-space", "white space around a URL", "edge", ` ${EDGE}`),
    edge("edge-with-backslash", "some readers take a backslash for a slash", "edge", "https:\\\\media.example.net"),
    edge("edge-of-other-case", "links are compared with the edge as text, so it has one spelling", "edge", "https://Media.example.net"),
    edge("scheme-of-other-case", "links are compared with the edge as text, so it has one spelling", "edge", "HTTPS://media.example.net"),
    edge("edge-with-default-port", "links are compared with the edge as text, so it has one spelling", "edge", `${EDGE}:443`),
    edge("edge-with-other-port-form", "links are compared with the edge as text, so it has one spelling", "edge", `${EDGE}:08443`),
    edge("insecure-edge-with-path", FIRST, "edge", "http://media.example.net/x"),
    edge("insecure-edge", "plain http to another machine", "insecure_edge", "http://media.example.net"),
    edge("lookalike-localhost", "a host that only begins like this machine's", "insecure_edge", "http://localhost.evil.example"),
    edge("lookalike-loopback", "a host that only begins like this machine's", "insecure_edge", "http://127.0.0.1.evil.example"),
    config("insecure-edge-and-other-delivery", FIRST, "insecure_edge", { ...FULL, deliveries: [], edge: "http://media.example.net" }),
    config("no-common-delivery", "the delivery is not listed", "delivery", { ...FULL, deliveries: ["redirect"] }),
    config("no-deliveries", "an empty list", "delivery", { ...FULL, deliveries: [] }),
    config("delivery-of-other-case", "names are compared as they are", "delivery", { ...FULL, deliveries: ["JSON"] }),
    config("no-common-delivery-nor-algorithm", FIRST, "delivery", { ...FULL, deliveries: [], algs: [] }),
    config("no-common-algorithm", "no algorithm of version 1 is listed", "algorithm", { ...FULL, algs: ["a256ctr"] }),
    config("no-algorithms", "an empty list", "algorithm", { ...FULL, algs: [] }),
    config("algorithm-of-other-case", "names are compared as they are", "algorithm", { ...FULL, algs: ["ChaCha20"] }),
    sized("no-common-algorithm-and-too-small", FIRST, "algorithm", 1, { ...SIZES, algs: [] }),
    sized("too-small", "one byte less than min_size", "too_small", 65535),
    sized("empty-object", "an object without bytes", "too_small", 0),
    sized("too-large", "one byte more than max_size", "too_large", 4000001),
    sized("nothing-is-linked", "a max_size of 0", "too_large", 1, { ...FULL, max_size: 0 }),
    sized("limits-cross", FIRST, "too_small", 50, { ...FULL, min_size: 100, max_size: 10 }),
    sized("too-large-object", "2^36: as many bytes as the keystream has", "too_large", 2 ** 36, FULL),
    sized("too-large-max-size", "a limit of 2^36 counts as absent, but no object of that size is linked", "too_large", 2 ** 36, {
      ...FULL,
      max_size: 2 ** 36,
    }),
  ];
}

function responses() {
  /** `redirects` are the locations that the client followed before. */
  const response = (name, comment, expect, status, headers = {}, { delivery = "json", range = null, redirects = [], output } = {}) => ({
    kind: "response",
    name,
    comment,
    expect,
    input: { homeserver: HOMESERVER, url: MEDIA, delivery, range, redirects, status, headers },
    output,
  });
  const ANSWER = "org-matrix-msc4097-answer";
  const answer = (value) => ({ [ANSWER]: value });
  const location = (value) => ({ location: value });
  const plain = (value) => ({ "org-matrix-msc4097-plain": value });
  const redirect = { delivery: "redirect" };
  const notOptedIn = { delivery: null };
  const STORE = "https://store.example.com/object?signature=x";
  const away = { redirects: [STORE] };
  const back = { redirects: [STORE, `${HOMESERVER}/back`] };
  const within = { redirects: ["/moved"] };
  const ranged = { range: "bytes=100-199" };
  const suffix = { range: "bytes=-100" };
  const contentRange = (value) => ({ "content-range": value });
  const goes = (url, access_token, more = {}) => ({ ...more, output: { url, access_token } });
  const hops = (count) => Array.from({ length: count }, (_, index) => `/hop${index + 1}`);
  return [
    response("json", "the answer of the delivery that was asked for", "answer", 200, answer("json")),
    response(
      "redirect",
      "the answer of the delivery that was asked for",
      "answer",
      307,
      { ...answer("redirect"), ...location(`${HOMESERVER}/never`) },
      redirect,
    ),
    response("redirect-without-location", "an answer's link is in its body", "answer", 307, answer("redirect"), redirect),
    response("answer-to-a-range", "a range is meant for the media", "answer", 200, answer("json"), ranged),
    response("answer-after-a-redirect", "a redirect within the homeserver's web origin", "answer", 200, answer("json"), within),
    response("answer-and-reason", "the reason for plain media means nothing on an answer", "answer", 200, {
      ...answer("json"),
      ...plain("too-small"),
    }),

    response("answer-to-plain", "the client did not opt in", "fails", 200, answer("json"), notOptedIn),
    response(
      "redirect-answer-to-plain",
      "the client did not opt in",
      "fails",
      307,
      { ...answer("redirect"), ...location(STORE) },
      notOptedIn,
    ),
    response("other-delivery", "another delivery than the one that was asked for", "fails", 307, {
      ...answer("redirect"),
      ...location(STORE),
    }),
    response("other-delivery-json", "another delivery than the one that was asked for", "fails", 200, answer("json"), redirect),
    response("unknown-delivery", "a delivery of a later version", "fails", 307, { ...answer("session"), ...location(STORE) }, redirect),
    response("delivery-of-other-case", "values are compared as they are", "fails", 200, answer("JSON")),
    response("empty-delivery", "a header without a value is there all the same", "fails", 200, answer("")),
    response("json-under-307", "the status of the other delivery", "fails", 307, { ...answer("json"), ...location(STORE) }),
    response("redirect-under-200", "the status of the other delivery", "fails", 200, answer("redirect"), redirect),
    response(
      "redirect-under-308",
      "a redirect, but not the one of an answer",
      "fails",
      308,
      { ...answer("redirect"), ...location(STORE) },
      redirect,
    ),
    response("json-under-206", "a part of an answer", "fails", 206, { ...answer("json"), "content-range": "bytes 100-199/1000" }, ranged),
    response("json-under-201", "another status", "fails", 201, answer("json")),
    response("answer-under-404", "an error that is marked as an answer", "fails", 404, answer("json")),
    response("answer-twice", "two values: nobody can say which one counts", "fails", 200, answer(["json", "json"])),
    response("answer-twice-combined", "two values, combined by an HTTP library", "fails", 200, answer("json, json")),
    response("answer-of-two-deliveries", "two values: nobody can say which one counts", "fails", 200, answer(["redirect", "json"])),
    response(
      "redirect-answer-twice",
      "two values: nobody can say which one counts",
      "fails",
      307,
      answer(["redirect", "redirect"]),
      redirect,
    ),

    response("media", "without the header the body is media, whatever it looks like", "media", 200, {
      "content-type": "application/json",
      "content-length": "280",
    }),
    response("media-to-plain", "what any client gets", "media", 200, { "content-type": "image/png" }, notOptedIn),
    response("media-without-length", "media of unknown length", "media", 200, { "content-type": "image/png" }),
    response("media-with-reason", "the origin says why the media are plain", "media", 200, plain("too-small"), {
      output: { plain: "too-small" },
    }),
    response("reason-of-a-later-version", "the reason is for people, so any word is one", "media", 200, plain("some-other-reason"), {
      output: { plain: "some-other-reason" },
    }),
    response("reason-to-plain", "the client did not opt in, so there is nothing to explain", "media", 200, plain("too-small"), notOptedIn),
    response("reason-from-elsewhere", "only the homeserver explains", "media", 200, plain("too-small"), away),
    response("part", "a range of plain media", "media", 206, { "content-range": "bytes 100-199/1000" }, ranged),
    response("clamped-part", "a range ends with the object", "media", 206, { "content-range": "bytes 100-149/150" }, ranged),
    response("suffix-part", "the last bytes of plain media", "media", 206, contentRange("bytes 900-999/1000"), suffix),
    response("part-with-unit-of-other-case", "units are compared without case", "media", 206, contentRange("Bytes 100-199/1000"), ranged),
    response(
      "range-answered-whole",
      "200 instead of a range: the client takes its part of the whole",
      "media",
      200,
      { "content-length": "1000" },
      ranged,
    ),
    response("empty-answered-whole", "an object of no bytes has no part: it comes whole", "media", 200, { "content-length": "0" }, ranged),
    response("answer-from-elsewhere", "only the homeserver gives answers", "media", 200, answer("json"), away),
    response("answer-from-elsewhere-to-plain", "only the homeserver gives answers", "media", 200, answer("json"), {
      ...away,
      ...notOptedIn,
    }),
    response("answer-twice-from-elsewhere", "elsewhere the header means nothing", "media", 200, answer(["json", "json"]), away),
    response(
      "answer-after-coming-back",
      "a redirect to another web origin, and back: it is too late for an answer",
      "media",
      200,
      answer("json"),
      back,
    ),

    response("part-of-nothing-asked", "a part that nobody asked for", "fails", 206, { "content-range": "bytes 100-199/1000" }),
    response("part-without-content-range", "a part that does not say which", "fails", 206, {}, ranged),
    response("other-part", "another part than the one that was asked for", "fails", 206, { "content-range": "bytes 200-299/1000" }, ranged),
    response("other-suffix-part", "other bytes than the last", "fails", 206, contentRange("bytes 800-899/1000"), suffix),
    response("longer-part", "a part that ends behind the one that was asked for", "fails", 206, contentRange("bytes 100-200/1000"), ranged),
    response("longer-suffix-part", "a part that begins before the last bytes", "fails", 206, contentRange("bytes 899-999/1000"), suffix),
    response("part-of-unknown-size", "a part of an object of unknown length", "fails", 206, contentRange("bytes 100-199/*"), ranged),
    response(
      "suffix-part-of-unknown-size",
      "nobody can say whether these bytes are the last",
      "fails",
      206,
      contentRange("bytes 900-999/*"),
      suffix,
    ),
    response("part-reversed", "the last byte lies before the first", "fails", 206, contentRange("bytes 199-100/1000"), ranged),
    response("part-beyond-its-object", "a part that ends behind its object", "fails", 206, contentRange("bytes 100-199/150"), ranged),
    response("part-without-unit", "the unit is missing", "fails", 206, contentRange("100-199/1000"), ranged),
    response("part-without-size", "the length of the object is missing", "fails", 206, contentRange("bytes 100-199"), ranged),
    response("part-of-other-unit", "a range of something else than bytes", "fails", 206, contentRange("lines 100-199/1000"), ranged),
    response(
      "part-with-equals-sign",
      "the form of a Range, not of a Content-Range",
      "fails",
      206,
      contentRange("bytes=100-199/1000"),
      ranged,
    ),
    response("part-with-signs", "signs are no digits", "fails", 206, contentRange("bytes +100-199/1000"), ranged),
    response("part-of-a-416", "a range that says only how long the object is", "fails", 206, contentRange("bytes */1000"), ranged),
    response(
      "content-range-twice",
      "two values: nobody can say which one counts",
      "fails",
      206,
      contentRange(["bytes 100-199/1000", "bytes 100-199/1000"]),
      ranged,
    ),
    response(
      "range-beyond-answered-whole",
      "200 instead of a range that has no byte of the object",
      "unsatisfiable",
      200,
      { "content-length": "100" },
      ranged,
    ),

    ...[301, 302, 303, 307, 308].map((status) =>
      response(`plain-${status}`, "a plain redirect to another web origin", "redirect", status, location(STORE), goes(STORE, false)),
    ),
    ...[301, 302, 303, 307, 308].map((status) => response(`${status}-without-location`, "a redirect to nowhere", "fails", status)),
    response(
      "plain-redirect-to-plain",
      "a client that did not opt in follows it too",
      "redirect",
      307,
      location(STORE),
      goes(STORE, false, notOptedIn),
    ),
    response(
      "plain-redirect-while-redirect",
      "a 307 without the answer header, though that delivery was asked for",
      "redirect",
      307,
      location(STORE),
      goes(STORE, false, redirect),
    ),
    response(
      "redirect-within",
      "the access token stays on the homeserver's web origin",
      "redirect",
      307,
      location(`${HOMESERVER}/moved`),
      goes(`${HOMESERVER}/moved`, true),
    ),
    response("relative-path", "a location without a host", "redirect", 308, location("/moved?x=y"), goes(`${HOMESERVER}/moved?x=y`, true)),
    response(
      "relative-host",
      "a location without a scheme",
      "redirect",
      308,
      location("//store.example.com/object"),
      goes("https://store.example.com/object", false),
    ),
    response(
      "relative-segment",
      "a location that replaces the last segment",
      "redirect",
      308,
      location("Other"),
      goes(`${HOMESERVER}/_matrix/client/v1/media/download/example.org/Other`, true),
    ),
    response(
      "relative-elsewhere",
      "a location is relative to the server that sends it",
      "redirect",
      307,
      location("/other"),
      goes("https://store.example.com/other", false, away),
    ),
    response(
      "redirect-to-other-port",
      "another port is another web origin",
      "redirect",
      307,
      location(`${HOMESERVER}:8448/x`),
      goes(`${HOMESERVER}:8448/x`, false),
    ),
    response(
      "redirect-to-lookalike",
      "a host that only begins like the homeserver's",
      "redirect",
      307,
      location(`${HOMESERVER}.evil.example/x`),
      goes(`${HOMESERVER}.evil.example/x`, false),
    ),
    response(
      "redirect-to-sub-domain",
      "a name under the homeserver's is another web origin",
      "redirect",
      307,
      location("https://media.matrix.example.org/x"),
      goes("https://media.matrix.example.org/x", false),
    ),
    response(
      "redirect-back",
      "once away, the access token never goes along again",
      "redirect",
      307,
      location(`${HOMESERVER}/back`),
      goes(`${HOMESERVER}/back`, false, away),
    ),
    response(
      "redirect-after-coming-back",
      "once away, the access token never goes along again",
      "redirect",
      307,
      location(`${HOMESERVER}/again`),
      goes(`${HOMESERVER}/again`, false, back),
    ),
    response(
      "redirect-answer-from-elsewhere",
      "elsewhere an answer's 307 is a plain redirect",
      "redirect",
      307,
      { ...answer("redirect"), ...location("https://cdn.example.com/x") },
      goes("https://cdn.example.com/x", false, { ...away, ...redirect }),
    ),
    response(
      "redirect-answer-from-elsewhere-without-location",
      "elsewhere an answer's 307 is a plain redirect, and leads nowhere",
      "fails",
      307,
      answer("redirect"),
      { ...away, ...redirect },
    ),
    response(
      "tenth-redirect",
      "ten in a row are followed",
      "redirect",
      307,
      location("/hop10"),
      goes(`${HOMESERVER}/hop10`, true, { redirects: hops(9) }),
    ),
    response("eleventh-redirect", "ten in a row are enough", "fails", 307, location("/hop11"), { redirects: hops(10) }),
    response("media-after-ten-redirects", "ten in a row are followed", "media", 200, {}, { redirects: hops(10) }),
    response("redirect-to-http", "from https to http", "fails", 307, location("http://store.example.com/object")),
    response(
      "redirect-to-http-elsewhere",
      "from https to http, not from the homeserver",
      "fails",
      307,
      location("http://cdn.example.com/object"),
      away,
    ),
    response(
      "redirect-to-http-on-this-machine",
      "from https to http, even to this very machine",
      "fails",
      307,
      location("http://localhost/object"),
    ),
    response("redirect-to-other-scheme", "neither https nor http", "fails", 307, location("ftp://store.example.com/object")),
    response(
      "redirect-with-user",
      "a user name can make one host look like another",
      "fails",
      307,
      location("https://user@store.example.com/object"),
    ),
    response("redirect-with-empty-user", "a user name, even an empty one", "fails", 307, location("https://@store.example.com/object")),
    response(
      "redirect-with-empty-user-and-password",
      "a user name, even an empty one",
      "fails",
      307,
      location("https://:@store.example.com/object"),
    ),
    response("relative-host-with-empty-user", "a user name, even an empty one", "fails", 307, location("//@store.example.com/object")),
    response("redirect-to-too-large-port", "a port has 16 bits", "fails", 307, location("https://store.example.com:65536/object")),
    response(
      "location-twice",
      "two values: nobody can say which one counts",
      "fails",
      307,
      location([STORE, "https://other.example.com/"]),
    ),

    response("beyond-the-end", "the object has no byte of the range", "unsatisfiable", 416, { "content-range": "bytes */100" }, ranged),
    response("beyond-an-unknown-end", "a 416 that does not say how long the object is", "unsatisfiable", 416, {}, ranged),
    response(
      "beyond-the-end-elsewhere",
      "the object has no byte of the range",
      "unsatisfiable",
      416,
      { "content-range": "bytes */100" },
      { ...ranged, ...away },
    ),
    response(
      "empty-object",
      "an object of no bytes has no part: ask without the range",
      "empty",
      416,
      { "content-range": "bytes */0" },
      ranged,
    ),
    response("empty-object-with-unit-of-other-case", "units are compared without case", "empty", 416, contentRange("Bytes */0"), ranged),
    response("no-lines", "a 416 about something else than bytes", "unsatisfiable", 416, contentRange("lines */0"), ranged),
    response("416-with-a-part", "a part of an object that has no bytes", "unsatisfiable", 416, contentRange("bytes 100-199/0"), ranged),
    response(
      "empty-object-twice",
      "two values: nobody can say which one counts",
      "unsatisfiable",
      416,
      contentRange(["bytes */0", "bytes */0"]),
      ranged,
    ),
    response("416-without-a-range", "nobody asked for a range", "fails", 416, { "content-range": "bytes */100" }),
    response("416-of-an-empty-object-without-a-range", "nobody asked for a range", "fails", 416, { "content-range": "bytes */0" }),
    response(
      "too-many-requests",
      "the client waits before it asks again",
      "fails",
      429,
      { "retry-after": "7" },
      { output: { retry_after_secs: 7 } },
    ),
    response("too-many-requests-without-a-time", "the homeserver does not say for how long", "fails", 429),
    ...[204, 300, 304, 400, 401, 403, 404, 500, 502, 503, 504].map((status) =>
      response(`status-${status}`, "neither media nor a redirect: never a reason to opt out, nor to ask again", "fails", status),
    ),
    response("refused-reason", "a reason for plain media is no media", "fails", 403, plain("too-small")),
    response("304-with-location", "not a redirect", "fails", 304, location(STORE)),
    response("305-with-location", "a status that no client follows", "fails", 305, location(STORE)),
    response("error-elsewhere", "the error of another server", "fails", 403, {}, away),
  ];
}
