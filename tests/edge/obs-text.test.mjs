// Header values with bytes above 127 (obs-text, RFC 9110 section 5.5): raw UTF-8, which many servers write, and ISO-8859-1. One such
// byte must not cost the whole value. Our own values are ASCII.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { parseDisposition } from "../support/disposition.mjs";
import { raw, respond } from "../support/homeserver.mjs";
import { drain, expectPlain, isAnswer, optIn, startRig } from "./rig.mjs";

// One character stands for each byte of a header, as Node reads headers.
const utf8 = (text) => Buffer.from(text, "utf8").toString("latin1");
const NAME = "naïve фото.png";

// Serves an object with exactly these header bytes. Node itself would write some of them as UTF-8.
const verbatim = (source, headers) => (exchange) => {
  const known = headers.ETag !== undefined && exchange.request.headers["if-none-match"] === headers.ETag;
  exchange.record.status = known ? 304 : 200;
  const lines = Object.entries({ "Content-Length": source.size, Connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  const head = Buffer.from(`HTTP/1.1 ${exchange.record.status} -\r\n${lines.join("")}\r\n`, "latin1");
  return raw(known || exchange.isHead ? head : Buffer.concat([head, source.slice()]))(exchange);
};

const ascii = (value) => assert.match(value, /^[\x20-\x7e]*$/);

describe("header values with bytes above 127", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  const store = (headers) => {
    const stored = rig.store();
    return stored.answers(verbatim(stored.source, headers));
  };
  const named = (bytes, type = "image/png") =>
    store({ "Content-Type": type, "Content-Disposition": `inline; filename="${bytes}"`, ETag: "1" });
  const disposition = (response) => {
    const header = response.headers.get("content-disposition");
    ascii(header);
    return parseDisposition(header);
  };

  it("keep a file name in raw UTF-8", async () => {
    const stored = named(utf8(NAME));
    const response = await rig.get(stored);
    assert.deepEqual(disposition(response), { type: "inline", filename: NAME });
    await expectPlain(response, stored);
    await rig.cached(stored);
    assert.deepEqual(disposition(await rig.get(stored)), { type: "inline", filename: NAME }, "from the cache");
    const { metadata } = await rig.answer(stored);
    assert.deepEqual(parseDisposition(metadata.content_disposition), { type: "inline", filename: NAME });
  });

  it("keep the readable part of a file name in ISO-8859-1", async () => {
    const { type, filename } = disposition(await rig.get(named("na\xefve.png")));
    assert.equal(type, "inline");
    assert.match(filename, /^na.ve\.png$/);
  });

  it("keep a media type without its unwritable parameters", async () => {
    for (const type of [`image/png; name="${utf8(NAME)}"`, "image/png; name=\xef"]) {
      const response = await rig.get(named("x.png", type));
      assert.equal(response.headers.get("content-type"), "image/png");
      assert.deepEqual(disposition(response), { type: "inline", filename: "x.png" });
    }
    assert.equal((await rig.get(named("x.png", "image/p\xefng"))).headers.get("content-type"), "application/octet-stream");
  });

  it("repeat an ETag byte for byte", async () => {
    const etag = utf8('"é"');
    const stored = store({ ETag: etag });
    await rig.cached(stored);
    await expectPlain(await rig.get(stored), stored);
    assert.deepEqual(stored.asked, ["HEAD conditional"]);
    assert.equal(stored.requests[0].headers["if-none-match"], etag);
    assert.equal(stored.requests[0].status, 304);
  });

  it("prevent links and conditions if an ETag cannot be repeated, because it proves nothing", async () => {
    const stored = store({ ETag: '"\xe9"' });
    for (const query of ["", optIn("json")]) {
      const response = await rig.get(stored, { query });
      assert.deepEqual([response.status, isAnswer(response)], [200, false]);
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(stored.source.slice()));
      await rig.quiet();
    }
    assert.ok(
      stored.asked.every((asked) => !asked.includes("conditional")),
      stored.asked.join(),
    );
  });

  it("relay a redirect as the URL that it stands for", async () => {
    for (const query of ["", optIn("json")]) {
      const stored = rig.store().answers(respond(307, { Location: utf8("https://cdn.example/фото?a=é") }));
      const response = await rig.get(stored, { query });
      const location = "https://cdn.example/%D1%84%D0%BE%D1%82%D0%BE?a=%C3%A9";
      assert.deepEqual([response.status, response.headers.get("location")], [307, location]);
    }
  });

  it("relay an error's headers byte for byte", async () => {
    const sent = utf8('Bearer realm="фото"');
    const stored = rig.store().answers(respond(401, { "WWW-Authenticate": sent }, { errcode: "M_UNKNOWN_TOKEN", error: "" }));
    const { status, headers } = await rig.verbatim(stored.path, { headers: { Authorization: `Bearer ${rig.user}` } });
    assert.deepEqual([status, headers["www-authenticate"]], [401, sent]);
  });

  it("are not treated as absent if they describe the body", async () => {
    for (const headers of [{ "Content-Encoding": "gzip\xe9" }]) {
      const response = await rig.get(store(headers), { query: optIn("json") });
      assert.equal(isAnswer(response), false, Object.keys(headers)[0]);
      await drain(response);
    }
  });

  it("of a request are ignored if they break the grammar", async () => {
    const stored = rig.store();
    for (const [name, value] of [
      ["Range", "bytes=0-1\xe9"],
      ["If-Range", '"\xe9"'],
      ["If-None-Match", utf8('"é"')],
    ]) {
      const headers = { Authorization: `Bearer ${rig.user}`, Range: "bytes=0-1,5-6", [name]: value };
      const { status, body } = await rig.verbatim(stored.path, { headers });
      assert.deepEqual([status, body.length], [200, stored.size], name);
    }
  });
});
