// All other requests go to the homeserver and back unchanged: methods, lengths, bodies, headers, statuses, upgrades.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";

import { Source, expectSlice, sha256 } from "../support/bytes.mjs";
import { media, raw, respond } from "../support/homeserver.mjs";
import { startWorker } from "../support/worker.mjs";
import { SERVER_NAME, expectError, readUntilBroken, startRig, until } from "./rig.mjs";

const UPLOAD_BYTES = 40 * 1024 * 1024;

describe("pass-through", () => {
  let rig;
  before(async () => (rig = await startRig()));
  after(() => rig.stop());

  // Returns what arrived: method, headers, and length and hash of the body.
  const echo = async (exchange) => {
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of exchange.request) {
      hash.update(chunk);
      length += chunk.length;
    }
    const { method, headers, url } = exchange.request;
    await respond(200, {}, { method, headers, url, length, hash: hash.digest("hex") })(exchange);
  };
  const echoed = async (path, init) => (await rig.get(path, init)).json();

  it("keeps an upload's length, type and bytes", async () => {
    const source = new Source("upload", UPLOAD_BYTES);
    rig.homeserver.on("POST", "/_matrix/media/v3/upload", echo);
    const path = "/_matrix/media/v3/upload?filename=a%20b.bin";
    const { headers, length, hash, url } = await echoed(path, {
      method: "POST",
      body: source.slice(),
      headers: { "Content-Type": "image/png" },
    });
    assert.deepEqual([length, hash], [UPLOAD_BYTES, await sha256(source)]);
    assert.equal(headers["content-length"], String(UPLOAD_BYTES), "Synapse refuses uploads without it");
    assert.equal(headers["transfer-encoding"], undefined);
    assert.equal(headers["content-type"], "image/png");
    assert.equal(url, path);
  });

  it("keeps an upload of unknown length in chunks", async () => {
    rig.homeserver.on("PUT", "/_matrix/media/v3/upload/example.org/id", echo);
    const source = new Source("chunked upload", 300_000);
    const body = ReadableStream.from(source.chunks());
    const { headers, hash } = await echoed("/_matrix/media/v3/upload/example.org/id", { method: "PUT", body, duplex: "half" });
    assert.equal(headers["content-length"], undefined);
    assert.equal(hash, await sha256(source));
  });

  it("keeps every method, with and without a body", async () => {
    rig.homeserver.on("*", "/_matrix/echo", echo);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT", "SEARCH", "PURGE", "MKCOL"]) {
      const response = await rig.verbatim("/_matrix/echo", { method, headers: { "Content-Length": "0" } });
      assert.deepEqual([JSON.parse(response.body).method, JSON.parse(response.body).length], [method, 0]);
      if (method === "GET") continue;
      const withBody = JSON.parse(
        (await rig.verbatim("/_matrix/echo", { method, body: "12345", headers: { "Content-Length": "5" } })).body,
      );
      assert.deepEqual([withBody.method, withBody.length, withBody.headers["content-length"]], [method, 5, "5"], method);
    }
    const head = await rig.verbatim("/_matrix/echo", { method: "HEAD" });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.equal(rig.homeserver.requests.at(-1).method, "HEAD");
  });

  it("never changes the method: the platform refuses methods that it does not know", async () => {
    const before = rig.homeserver.requests.length;
    const answer = await new Promise((done, fail) => {
      const socket = connect(rig.worker.port, "127.0.0.1", () =>
        socket.write(`FOO /_matrix/echo HTTP/1.1\r\nHost: localhost:${rig.worker.port}\r\nConnection: close\r\n\r\n`),
      );
      let text = "";
      socket
        .on("data", (chunk) => (text += chunk))
        .once("end", () => done(text))
        .once("error", fail);
    });
    const arrived = rig.homeserver.requests.slice(before).map(({ method }) => method);
    assert.ok(
      arrived.every((method) => method === "FOO"),
      `FOO became ${arrived}`,
    );
    if (arrived.length === 0) assert.match(answer, /^HTTP\/1\.1 (400|405|501) /);
  });

  it("keeps the spelling of path and query", async () => {
    rig.homeserver.on("*", /^\/_matrix\//, echo);
    const paths = [
      "/_matrix/client/v3/rooms/!a:example.org/send/m.room.message/1%2F2?x=%2F&y=+&z=%20&x=2&empty=&bare&%C3%BC=ü".replace("ü", "%FF"),
      "/_matrix/client/v3/profile/@a%3Aexample.org",
      "/_matrix//double//slash/",
      "/_matrix/x?org.matrix.msc4097.delivery=json",
      "/_matrix/x?a=b?c=d",
      "/_matrix/x?",
      `/_matrix/x?long=${"y".repeat(8_000)}`,
    ];
    for (const path of paths) assert.equal(JSON.parse((await rig.verbatim(path)).body).url, path);
  });

  it("keeps the client's headers", async () => {
    rig.homeserver.on("*", "/_matrix/echo", echo);
    const headers = {
      Authorization: 'X-Matrix origin="a.org",key="ed25519:1",sig="x"',
      Cookie: "a=b; c=d",
      "If-None-Match": '"x"',
      Range: "bytes=0-1",
      "X-Custom": "1",
      Accept: "multipart/mixed",
      "User-Agent": "test/1",
    };
    const sent = await echoed("/_matrix/echo", { token: null, headers });
    for (const [name, value] of Object.entries(headers)) assert.equal(sent.headers[name.toLowerCase()], value, name);
  });

  it("keeps every status, header and body of the homeserver", async () => {
    for (const status of [200, 201, 202, 204, 206, 207, 299, 304, 400, 401, 404, 418, 429, 451, 500, 503, 599]) {
      const body = status === 204 || status === 304 ? "" : `body of ${status}`;
      rig.homeserver.on(
        "GET",
        "/_matrix/any",
        respond(
          status,
          {
            "Content-Type": "application/x-any",
            ETag: '"e"',
            "Cache-Control": "max-age=5",
            "X-Custom": "1",
            "Retry-After": "3",
            "Content-Range": "bytes 0-1/9",
          },
          body,
        ),
      );
      const response = await rig.get("/_matrix/any");
      assert.equal(response.status, status);
      const kept = ["content-type", "etag", "cache-control", "x-custom", "retry-after", "content-range"].map((name) =>
        response.headers.get(name),
      );
      assert.deepEqual(kept, ["application/x-any", '"e"', "max-age=5", "1", "3", "bytes 0-1/9"], `${status}`);
      assert.equal(await response.text(), body);
      if (body) assert.equal(response.headers.get("content-length"), String(body.length));
    }
    rig.homeserver.on("GET", "/_matrix/cookies", (exchange) => {
      exchange.response.writeHead(
        200,
        [
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
          ["Content-Length", "0"],
        ].flat(),
      );
      exchange.end();
    });
    assert.deepEqual((await rig.get("/_matrix/cookies")).headers.getSetCookie(), ["a=1", "b=2"]);
  });

  it("returns 502 for an invalid status", async () => {
    for (const status of [600, 999]) {
      rig.homeserver.on("GET", "/_matrix/odd", raw(`HTTP/1.1 ${status} Odd\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody`));
      const { error } = await expectError(await rig.get("/_matrix/odd"), 502, "M_UNKNOWN");
      assert.match(error, new RegExp(`${status}`));
    }
  });

  it("leaves redirects to the client", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      rig.homeserver.on("*", "/_matrix/from", respond(status, { Location: `${rig.homeserver.url}/_matrix/to` }, "moved"));
      for (const method of ["GET", "POST"]) {
        const response = await rig.get("/_matrix/from", { method, ...(method === "POST" && { body: "x" }) });
        assert.deepEqual(
          [response.status, response.headers.get("location"), await response.text()],
          [status, `${rig.homeserver.url}/_matrix/to`, "moved"],
        );
      }
    }
    assert.equal(rig.homeserver.count({ path: "/_matrix/to" }), 0);
  });

  it("keeps a compressed body", async () => {
    const bytes = gzipSync("compressed ".repeat(500));
    rig.homeserver.on("GET", "/_matrix/gzip", respond(200, { "Content-Encoding": "gzip", "Content-Type": "application/x-any" }, bytes));
    const response = await rig.verbatim("/_matrix/gzip", { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.deepEqual(response.body, bytes);
  });

  it("streams, and breaks off when the homeserver does", async () => {
    const source = new Source("streamed", 20_000_000);
    rig.homeserver.on("GET", "/_matrix/stream", media(source, { auth: false, chunked: true }));
    await expectSlice((await rig.get("/_matrix/stream")).body, source);
    for (const options of [{}, { chunked: true }]) {
      rig.homeserver.on("GET", "/_matrix/stream", media(source, { auth: false, stopAfter: 100_000, ...options }));
      const { broken } = await readUntilBroken(await rig.get("/_matrix/stream"));
      assert.ok(broken, JSON.stringify(options));
    }
    let goOn;
    rig.homeserver.on("GET", "/_matrix/stream", async (exchange) => {
      exchange.head(200, { "Content-Type": "application/x-any" });
      await exchange.send(Buffer.from("first"));
      await new Promise((done) => (goOn = done));
      await exchange.send(Buffer.from("second"));
      exchange.end();
    });
    const reader = (await rig.get("/_matrix/stream")).body.getReader();
    assert.equal(Buffer.from((await reader.read()).value).toString(), "first", "before the second arrives");
    goOn();
    assert.equal(Buffer.from((await reader.read()).value).toString(), "second");
  });
});

describe("an upgrade", () => {
  it("to a WebSocket reaches the homeserver", async () => {
    const server = createServer();
    const frames = [];
    server.on("upgrade", (request, socket) => {
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.on("data", (data) => frames.push(data)).on("error", () => {});
      // One unmasked text frame.
      socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const worker = await startWorker({
      vars: { HOMESERVER_URL: `http://127.0.0.1:${server.address().port}`, SERVER_NAME },
      secrets: { HOMESERVER_TOKEN: "syt_service_of_an_upgrade" },
      direct: true,
    });
    try {
      const socket = new WebSocket(`${worker.origin.replace("http", "ws")}/_matrix/client/unstable/socket`);
      const message = await new Promise((done, fail) => {
        socket.onmessage = ({ data }) => done(data);
        socket.onerror = () => fail(new Error("the WebSocket failed"));
      });
      assert.equal(message, "hello");
      socket.send("and back");
      await until("the client's frame at the homeserver", () => frames.length > 0);
      socket.close();
    } finally {
      await worker.stop({ graceMs: 0 });
      server.closeAllConnections();
      server.close();
    }
  });
});
