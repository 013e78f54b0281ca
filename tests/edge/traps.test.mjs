// A trap ends all work of the broken instance of the program at once, and nothing else.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { LARGE_BYTES, SMALL_BYTES, drain, expectMedia, startRig, until } from "./rig.mjs";

const MIB = 1024 * 1024;
const SOON_MS = 5_000;

// No request can make the program panic. So its calls to the runtime throw on demand where it expects no error. Like a trap, the exception
// passes through the program's functions and leaves them half done. `Trap: request` throws while the program reads the headers of that
// request, `Trap: body` when the next chunk of any body enters the program.
const TRAPS = `
const { get } = Headers.prototype;
const { set } = Uint8Array.prototype;
let armed = false;
const trap = () => {
  armed = false;
  throw new WebAssembly.RuntimeError("unreachable");
};
Headers.prototype.get = function (name) {
  const where = name === "range" ? get.call(this, "trap") : null;
  if (where === "request") trap();
  if (where === "body") armed = true;
  return get.call(this, name);
};
Uint8Array.prototype.set = function (source, at) {
  if (armed) trap();
  set.call(this, source, at);
};
`;

let rig;
before(async () => (rig = await startRig({ vars: { REDIRECT_MIN_BYTES: "0" }, addition: TRAPS })));
after(() => rig.stop());

const restarts = () => rig.worker.logs().split("program_restarted").length - 1;

/** Fails if `promise` takes as long as the Worker would wait for a homeserver. */
const soon = (promise) =>
  Promise.race([promise, new Promise((_, fail) => setTimeout(fail, SOON_MS, new Error("nothing happened")).unref())]);

/** A promise that the homeserver waits for, until `give` is called. */
function withheld() {
  let give;
  const given = new Promise((done) => (give = done));
  return { give, given };
}

/** An object of which the homeserver sends bytes up to `at`, and the rest once they are given. HEAD works. */
function paused(size, at, given) {
  const stored = rig.store(size);
  return stored.answers(async (exchange) => {
    exchange.head(200, { "Content-Length": stored.size, ETag: "1" });
    if (exchange.isHead) return exchange.end();
    for (const chunk of stored.source.chunks(0, at)) await exchange.send(chunk);
    await given;
    for (const chunk of stored.source.chunks(at)) await exchange.send(chunk);
    exchange.end();
  });
}

/** Starts a waiting request of each kind, whose work a trap ends. */
async function inFlight(given) {
  const encrypted = paused(LARGE_BYTES, MIB, given);
  const body = await rig.link(await rig.answer(encrypted));
  const silent = rig.store().answers(async (exchange) => {
    await given;
    exchange.head(200, { "Content-Length": 1, ETag: "1" });
    exchange.end("x");
  });
  rig.homeserver.on("GET", "/_matrix/client/v3/sync", async (exchange) => {
    await given;
    exchange.head(200, { "Content-Length": 2 });
    exchange.end("{}");
  });
  const requests = [rig.get(silent), rig.get("/_matrix/client/v3/sync")];
  await until(
    "the homeserver to have all requests",
    () => silent.count() === 1 && rig.homeserver.count({ path: "/_matrix/client/v3/sync" }) > 0,
  );
  return { encrypted, body, requests };
}

async function expectAllEnded({ body, requests }) {
  await assert.rejects(soon(body.arrayBuffer()), /terminated|aborted|fetch failed/, "an encrypted body is aborted");
  for (const request of requests) assert.equal((await soon(request)).status, 500, "a request that waits is rejected");
}

async function expectAllWell() {
  const stored = rig.store(LARGE_BYTES);
  await expectMedia(await rig.get(stored), stored);
  const answer = await rig.answer(stored);
  await expectMedia(await rig.link(answer), stored, { key: answer.key });
}

describe("a trap", () => {
  it("in a request ends waiting, encrypting and filling, and the next request is served", async () => {
    const { give, given } = withheld();
    const before = restarts();
    const work = await inFlight(given);
    const trapped = await rig.get(rig.store(), { headers: { Trap: "request" } });
    assert.equal(trapped.status, 500);
    await expectAllEnded(work);
    assert.equal(restarts(), before + 1);
    await expectAllWell();

    // Bytes that arrive now reach nobody.
    give();
    await rig.quiet();
    assert.equal(restarts(), before + 1);
    await expectAllWell();
    // The trap cut the fill off: its mark is gone, and the part that it stored is not used as the object.
    const response = await rig.get(work.encrypted);
    await expectMedia(response, work.encrypted);
    await rig.cached(work.encrypted);
  });

  it("in a body ends that body and all other work of the instance", async () => {
    const { give, given } = withheld();
    const before = restarts();
    const work = await inFlight(given);
    const trapping = rig.store(LARGE_BYTES);
    const response = await rig.link(await rig.answer(trapping), { headers: { Trap: "body" } });
    await assert.rejects(soon(response.arrayBuffer()), /terminated|aborted|fetch failed/);
    await expectAllEnded(work);
    assert.equal(restarts(), before + 1);
    give();
    await expectAllWell();
    assert.equal(restarts(), before + 1);
  });

  it("does not affect a body that never enters the program", async () => {
    const { give, given } = withheld();
    const stored = paused(LARGE_BYTES, MIB, given);
    const response = await rig.get(stored);
    await drain(await rig.get(rig.store(SMALL_BYTES), { headers: { Trap: "request" } }));
    give();
    await expectMedia(response, stored);
  });
});
