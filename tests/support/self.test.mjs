// The tools of the tests work: faults really happen, the search finds secrets, and the second cipher follows RFC 8439.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { get, request as sendRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";

import { optIn, readAnswer } from "./answer.mjs";
import { Bytes, Source, expectSlice, sha256 } from "./bytes.mjs";
import { METADATA_NONCE, decrypt, decryptStream, keystream, unsealMetadata } from "./cipher.mjs";
import { hangUp, matrixError, media, raw, respond, silence, startHomeserver } from "./homeserver.mjs";
import { startMeter } from "./meter.mjs";
import { run, start, tempDir } from "./process.mjs";
import { searchSecrets, secretsOfKeyStore } from "./secrets.mjs";

const NODE = process.execPath;

describe("process", () => {
  it("ends a whole group, even if it resists", async () => {
    const stubborn = `process.on("SIGTERM", () => {}); require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"]); console.log("up"); setInterval(() => {}, 1e6)`;
    const running = await start(NODE, ["-e", stubborn], { name: "stubborn", ready: (self) => self.output().includes("up") });
    assert.equal((await running.processes()).length, 2);
    await running.stop({ graceMs: 200 });
    assert.equal((await running.processes()).length, 0);
  });

  it("shows the last output of a process that does not become ready", async () => {
    const failing = start(NODE, ["-e", "console.error('the reason'); process.exit(3)"], { name: "failing", ready: () => false });
    await assert.rejects(failing, /exit code 3.*the reason/s);
    const silent = start(NODE, ["-e", "console.log('hm'); setInterval(() => {}, 1e6)"], {
      name: "silent",
      ready: () => false,
      readyMs: 500,
    });
    await assert.rejects(silent, /waited 500 ms for silent to be ready.*hm/s);
    await assert.rejects(start("no-such-program", [], { name: "absent", ready: () => false }), /ENOENT/);
  });

  it("returns exit code and output of a program, and passes its input", async () => {
    const { code, stdout, stderr } = await run(
      NODE,
      ["-e", "process.stdin.pipe(process.stdout); console.error('e'); process.exitCode = 4"],
      { input: "in" },
    );
    assert.deepEqual([code, stdout.toString(), stderr], [4, "in", "e\n"]);
    await assert.rejects(run(NODE, ["-e", "setInterval(() => {}, 1e6)"], { limitMs: 300 }), /did not end within 300 ms/);
  });
});

describe("cipher", () => {
  const key = Buffer.from([...Array(32).keys()]);

  it("matches RFC 8439, section 2.4.2", () => {
    const nonce = Buffer.from("000000000000004a00000000", "hex");
    const plaintext = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    // The example starts at block 1.
    const ciphertext = decrypt(key, Buffer.from(plaintext), 64, nonce).toString("hex");
    assert.match(ciphertext, /^6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b/);
    assert.match(ciphertext, /8eedf2785e42874d$/);
  });

  it("starts at any offset", async () => {
    const whole = keystream(key, 0, 1000);
    for (const [offset, length] of [
      [0, 1],
      [63, 2],
      [64, 64],
      [65, 500],
      [999, 1],
    ]) {
      assert.deepEqual(keystream(key, offset, length), whole.subarray(offset, offset + length));
    }
    const stream = decryptStream(key, 130);
    assert.deepEqual(stream.update(Buffer.alloc(70)), whole.subarray(130, 200));
  });

  it("opens metadata only with the right key", () => {
    const sealed = decrypt(key, Buffer.from(JSON.stringify({ size: 5 }).padEnd(1024)), 0, METADATA_NONCE).toString("base64url");
    assert.deepEqual(unsealMetadata(key, sealed), { size: 5 });
    assert.throws(() => unsealMetadata(Buffer.alloc(32), sealed), /not its key/);
    assert.throws(() => unsealMetadata(key, sealed.slice(4)), /1021 bytes/);
    assert.throws(() => unsealMetadata(key, `${sealed}==`), /base64url/);
  });
});

describe("bytes", () => {
  const source = new Source("bytes", 200_000);

  it("returns the same bytes for every way to read them", async () => {
    const whole = source.slice();
    assert.equal(whole.length, source.size);
    assert.deepEqual(Buffer.concat([...source.chunks(0, source.size, 777)]), whole);
    assert.deepEqual(source.slice(100_001, 50), whole.subarray(100_001, 100_051));
    assert.equal(await sha256(source), await sha256([whole]));
    assert.notDeepEqual(new Source("others", 200_000).slice(), whole);
  });

  it("compares a body and names the first difference", async () => {
    const whole = source.slice();
    const key = Buffer.alloc(32, 7);
    await expectSlice([whole], source);
    await expectSlice([whole.subarray(10, 20), whole.subarray(20, 30)], source, { offset: 10, length: 20 });
    await expectSlice([decrypt(key, whole.subarray(10, 30), 10)], source, { offset: 10, length: 20, key });
    const changed = Buffer.from(whole);
    changed[1234] ^= 1;
    await assert.rejects(expectSlice([changed], source), /byte 1234 /);
    await assert.rejects(expectSlice([whole, Buffer.from([0])], source), /longer than 200000/);
    await assert.rejects(expectSlice([whole.subarray(1)], source, { offset: 1, length: 200_000 - 2 }), /longer than 199998/);
    await assert.rejects(expectSlice([whole.subarray(0, 99)], source), /ended after 99 bytes/);
  });
});

describe("secrets", () => {
  const check = (folder) => run(NODE, [new URL("secrets.mjs", import.meta.url).pathname, folder], { keepLog: false });
  const write = (log) => {
    const folder = tempDir("secrets");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "secrets.jsonl"), `${JSON.stringify({ kind: "access token", value: "syt_abc+/=defg" })}\n`);
    if (log !== undefined) writeFileSync(join(folder, "worker-1.log"), log);
    return folder;
  };

  it("are found raw and URL-encoded, and never printed", async () => {
    assert.deepEqual(searchSecrets(write("one\ntwo syt_abc+/=defg\n")).found, [{ file: "worker-1.log", line: 2, kind: "access token" }]);
    const { code, stdout, stderr } = await check(write("GET /?access_token=syt_abc%2B%2F%3Ddefg"));
    assert.equal(code, 1);
    assert.match(stderr, /worker-1\.log:1: contains this secret: access token/);
    assert.doesNotMatch(stdout + stderr, /syt_abc/);
  });

  it("are found in the output of the rings too", async () => {
    const folder = write("nothing here");
    mkdirSync(join(folder, "rings"));
    writeFileSync(join(folder, "rings/edge.txt"), "one\n\ntwo syt_abc+/=defg");
    assert.deepEqual(searchSecrets(folder).found, [{ file: "rings/edge.txt", line: 3, kind: "access token" }]);
  });

  it("of all links are read from the key store", () => {
    const state = tempDir("key-store");
    assert.deepEqual(secretsOfKeyStore(state), { tokens: 0, keys: 0 });
    const [token, key] = [Buffer.alloc(32, 3).toString("base64url"), Buffer.alloc(32, 4).toString("base64url")];
    mkdirSync(join(state, "v3/kv/GRANTS/blobs"), { recursive: true });
    mkdirSync(join(state, "v3/kv/database"));
    writeFileSync(join(state, "v3/kv/database/1.sqlite-wal"), Buffer.from(`\xff\0grant:${token}0123abcd\0`, "latin1"));
    writeFileSync(join(state, "v3/kv/GRANTS/blobs/0123abcd"), JSON.stringify({ v: 1, key }));
    assert.deepEqual(secretsOfKeyStore(state), { tokens: 1, keys: 1 });
  });

  it("pass the search if they are nowhere, but it fails without anything to search", async () => {
    assert.equal((await check(write("nothing here"))).code, 0);
    assert.equal((await check(write())).code, 1);
    assert.equal((await check(tempDir("secrets"))).code, 1);
  });
});

describe("answer", () => {
  const key = Buffer.alloc(32, 1).toString("base64url");
  const token = Buffer.alloc(32, 2).toString("base64url");
  const url = `https://media.example.net/${token}`;
  const good = { url, alg: "chacha20", key, expires_ts: Date.now() + 60_000, expires_in_ms: 60_000, metadata: { size: 3 } };
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store, no-transform", "Org-Matrix-Msc4097-Answer": "json" };
  const answer = (body, more = {}, status = 200) => new Response(JSON.stringify(body), { status, headers: { ...headers, ...more } });

  it("is recognised only by its header", async () => {
    assert.equal(await readAnswer(new Response(JSON.stringify(good), { headers: { "Content-Type": "application/json" } })), null);
    const read = await readAnswer(answer(good), { edge: "https://media.example.net" });
    assert.deepEqual([read.key.toString("base64url"), read.token, read.alg], [key, token, "chacha20"]);
    const redirect = answer(good, { "Org-Matrix-Msc4097-Answer": "redirect", Location: good.url }, 307);
    assert.equal((await readAnswer(redirect)).delivery, "redirect");
  });

  it("is refused for each invalid field", async () => {
    const wrong = {
      "unknown delivery": answer(good, { "Org-Matrix-Msc4097-Answer": "other" }),
      "with status": answer(good, { "Org-Matrix-Msc4097-Answer": "redirect" }),
      "Location differs": answer(good, { "Org-Matrix-Msc4097-Answer": "redirect", Location: "https://media.example.net/x" }, 307),
      "Content-Type": answer(good, { "Content-Type": "text/plain" }),
      "Cache-Control": answer(good, { "Cache-Control": "no-store" }),
      "leads to": answer({ ...good, url: `https://evil.example/${token}` }),
      "query or fragment": answer({ ...good, url: `${good.url}#${key}` }),
      "token has": answer({ ...good, url: "https://media.example.net/AAAA" }),
      expires_ts: answer({ ...good, expires_ts: Date.now() - 1 }),
      expires_in_ms: answer({ ...good, expires_in_ms: undefined }),
      "metadata.size": answer({ ...good, metadata: {} }),
      "alg none with a key": answer({ ...good, alg: "none" }),
      "alg rot13": answer({ ...good, alg: "rot13" }),
      "key has": answer({ ...good, key: key.slice(4) }),
    };
    for (const [message, response] of Object.entries(wrong)) {
      await assert.rejects(readAnswer(response, { edge: "https://media.example.net" }), new RegExp(message), message);
    }
  });

  it("is requested by query parameters", () => {
    assert.equal(optIn("json", { verbatim: true }), "?org.matrix.msc4097.delivery=json&org.matrix.msc4097.verbatim=true");
  });
});

describe("homeserver and meter", async () => {
  const homeserver = await startHomeserver();
  const meter = await startMeter(homeserver.url);
  after(() => Promise.all([homeserver.stop(), meter.stop()]));
  const token = homeserver.allow("syt_self_test_token");
  const source = new Source("media", 100_000);

  /** Returns what was received, without fetch's corrections, and how it ended. */
  const fetchRaw = (path, { method = "GET", headers = {}, limitMs = 5_000, base = homeserver.url } = {}) =>
    new Promise((done) => {
      const chunks = [];
      const end = (how) =>
        done({ how, body: Buffer.concat(chunks), chunks: chunks.length, status: response?.statusCode, headers: response?.headers });
      let response;
      const request = sendRequest(
        base + path,
        { method, agent: false, headers: { Authorization: `Bearer ${token}`, ...headers } },
        (received) => {
          response = received;
          received
            .on("data", (chunk) => chunks.push(chunk))
            .on("end", () => end("complete"))
            .on("error", (error) => end(error.code));
        },
      );
      request.on("error", (error) => end(error.code)).end();
      setTimeout(() => {
        end("timeout");
        request.destroy();
      }, limitMs).unref();
    });
  const serve = (options) => {
    homeserver.reset();
    homeserver.serve("example.org", "abc", source, options);
  };
  const path = "/_matrix/client/v1/media/download/example.org/abc";
  const aborted = async () => {
    for (let wait = 0; homeserver.requests[0].ended === undefined && wait < 100; wait += 1) await sleep(20);
    assert.equal(homeserver.requests[0].ended, "aborted");
  };

  it("serves like Synapse, to an accepted token", async () => {
    serve({ type: "image/png", disposition: "inline" });
    const { status, headers, body } = await fetchRaw(path);
    assert.deepEqual([status, headers["content-length"], headers["content-type"], headers.etag], [200, "100000", "image/png", "1"]);
    assert.ok(body.equals(source.slice()));
    assert.equal((await fetchRaw(path, { headers: { "If-None-Match": "1" } })).status, 304);
    assert.equal((await fetchRaw(path, { headers: { Authorization: "Bearer other" } })).status, 401);
    const head = await fetchRaw(path, { method: "HEAD" });
    assert.deepEqual([head.headers["content-length"], head.body.length], ["100000", 0]);
    assert.equal((await fetchRaw("/else")).status, 404);
    assert.deepEqual(homeserver.requests.map(({ method, status, bytesSent }) => [method, status, bytesSent].join(" ")).slice(0, 2), [
      "GET 200 100000",
      "GET 304 0",
    ]);
    assert.equal(homeserver.count({ path }), 4);
    assert.deepEqual(homeserver.requests[0].ended, "finished");
  });

  it("honours ranges if told to", async () => {
    serve({ range: true });
    const { status, headers, body } = await fetchRaw(path, { headers: { Range: "bytes=100-199" } });
    assert.deepEqual([status, headers["content-range"], body.equals(source.slice(100, 100))], [206, "bytes 100-199/100000", true]);
  });

  it("sends a few bytes at a time", async () => {
    homeserver.reset();
    homeserver.on("GET", "/drip", media(new Bytes("abcdefgh"), { dripBytes: 1, dripMs: 5 }));
    const { chunks, body, how } = await fetchRaw("/drip");
    assert.deepEqual([chunks, body.toString(), how], [8, "abcdefgh", "complete"]);
  });

  it("stalls, resets and closes in the middle of a body", async () => {
    for (const [then, how] of [
      ["stall", "timeout"],
      ["reset", "ECONNRESET"],
      ["close", "ECONNRESET"],
    ]) {
      serve({ stopAfter: 70_000, then });
      const result = await fetchRaw(path, { limitMs: 500 });
      assert.deepEqual([result.how, result.body.length], [how, 70_000], then);
    }
    await aborted();
  });

  it("promises a different length than it sends", async () => {
    serve({ promise: 100_010 });
    const tooMuch = await fetchRaw(path);
    assert.deepEqual([tooMuch.how, tooMuch.body.length], ["ECONNRESET", 100_000]);
    serve({ promise: 99_990 });
    const { body, headers } = await fetchRaw(path);
    assert.deepEqual([headers["content-length"], body.length], ["99990", 99_990]);
    serve({ chunked: true });
    assert.equal((await fetchRaw(path)).headers["content-length"], undefined);
  });

  it("compresses without being asked, sends invalid statuses, or does not respond", async () => {
    serve({ gzip: true });
    const zipped = await fetchRaw(path);
    assert.equal(zipped.headers["content-encoding"], "gzip");
    assert.ok(gunzipSync(zipped.body).equals(source.slice()));
    homeserver.on("*", "/999", respond(999)).on("*", "/hang-up", hangUp()).on("*", "/silence", silence());
    homeserver
      .on("*", "/raw", raw("HTTP/1.1 77 Odd\r\n\r\n"))
      .on("*", "/limit", matrixError(429, "M_LIMIT_EXCEEDED", "Slow down", { headers: { "Retry-After": "1" } }));
    assert.equal((await fetchRaw("/999")).status, 999);
    assert.equal((await fetchRaw("/hang-up")).how, "ECONNRESET");
    assert.equal((await fetchRaw("/silence", { limitMs: 300 })).how, "timeout");
    assert.match(await rawExchange(homeserver.port, "/raw"), /^HTTP\/1\.1 77 Odd/);
    const limited = await fetchRaw("/limit");
    assert.deepEqual([limited.status, limited.headers["retry-after"], JSON.parse(limited.body).errcode], [429, "1", "M_LIMIT_EXCEEDED"]);
  });

  it("is metered without changes", async () => {
    serve({ type: "image/png" });
    const direct = await fetchRaw(path);
    homeserver.requests.length = 0;
    const metered = await fetchRaw(path, { base: meter.url });
    assert.ok(metered.body.equals(direct.body));
    assert.deepEqual({ ...metered.headers, date: 0 }, { ...direct.headers, date: 0, connection: metered.headers.connection });
    await fetchRaw(path, { base: meter.url, method: "HEAD", headers: { "If-None-Match": "1" } });
    assert.deepEqual(meter.summary(), { "GET download": 1, "HEAD download conditional": 1 });
    assert.equal(meter.bytesSent({ method: "GET", class: "download" }), 100_000);
    serve({ stopAfter: 50_000 });
    assert.equal((await fetchRaw(path, { base: meter.url })).how, "ECONNRESET");
    meter.reset();
    assert.equal(meter.count(), 0);
  });

  it("notices when the client leaves", async () => {
    serve({ dripBytes: 1000, dripMs: 20 });
    const headers = { Authorization: `Bearer ${token}` };
    await new Promise((done) =>
      get(meter.url + path, { headers, agent: false }, (response) => response.once("data", () => done(response.destroy()))),
    );
    await aborted();
  });
});

function rawExchange(port, path) {
  return new Promise((done, fail) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    socket
      .on("data", (chunk) => (text += chunk))
      .on("end", () => done(text))
      .on("error", fail);
  });
}
