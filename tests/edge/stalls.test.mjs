// Slow homeservers and slow clients get the right bytes however long they take, and waiting costs no memory.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

import { CAN_TELL, queuedBytes } from "../support/sockets.mjs";
import { LARGE_BYTES, SMALL_BYTES, drain, expectMedia, startRig, until } from "./rig.mjs";

const MIB = 1024 * 1024;
const STALL_MS = 4_000;
const LEAVING = 40;
const SOON_MS = 5_000;
// More than the kernel buffers for two connections.
const HUGE_BYTES = 160 * MIB;
// The Worker reads 256 KiB at a time, and the runtime has a few buffers.
const HELD_LIMIT_BYTES = 4 * MIB;

let rig;
// Without a cache, each request at the homeserver is for a client.
before(async () => (rig = await startRig({ vars: { CACHE_MAX_BYTES: "0", REDIRECT_MIN_BYTES: "0" } })));
after(() => rig.stop());

const DELIVERIES = {
  plain: async (stored) => ({ url: rig.worker.origin + stored.path }),
  encrypted: (stored) => rig.answer(stored),
};

async function ask(link, { headers = {}, ...init } = {}) {
  const authorization = link.key ? {} : { Authorization: `Bearer ${rig.user}` };
  return fetch(link.url, { headers: { "Accept-Encoding": "identity", ...authorization, ...headers }, ...init });
}

/** Starts a client that reads only when told to. Returns its socket when the response's first bytes have arrived. */
async function askSlowly(link) {
  const { host, pathname } = new URL(link.url);
  const authorization = link.key ? "" : `Authorization: Bearer ${rig.user}\r\n`;
  const socket = connect(rig.worker.port, "127.0.0.1").on("error", () => {});
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\n`);
  await new Promise((done) => socket.once("readable", done));
  return socket;
}

/** Sends the object, pausing after `at` bytes until `goOn` is fulfilled. */
const pausesAt = (stored, at, goOn) => async (exchange) => {
  exchange.head(200, { "Content-Length": stored.size, ETag: "1" });
  if (exchange.isHead) return exchange.end();
  for (const chunk of stored.source.chunks(0, at)) await exchange.send(chunk);
  await goOn(exchange);
  for (const chunk of stored.source.chunks(at)) await exchange.send(chunk);
  exchange.end();
};

for (const [delivery, link] of Object.entries(DELIVERIES)) {
  describe(`a slow homeserver: ${delivery}`, () => {
    it("may send byte by byte, the whole time or in the middle of a body", async () => {
      for (const [size, first, last] of [
        [SMALL_BYTES, 0, SMALL_BYTES],
        [LARGE_BYTES, MIB - 5_000, MIB + 5_000],
      ]) {
        const stored = rig.store(size);
        const byteByByte = async (exchange) => {
          exchange.response.socket.setNoDelay(true);
          for (const byte of stored.source.chunks(first, last - first, 1)) {
            await exchange.send(byte);
            // A turn of the event loop puts it into a separate packet.
            await turn();
          }
        };
        stored.answers(async (exchange) => {
          exchange.head(200, { "Content-Length": size, ETag: "1" });
          if (exchange.isHead) return exchange.end();
          for (const chunk of stored.source.chunks(0, first)) await exchange.send(chunk);
          await byteByByte(exchange);
          for (const chunk of stored.source.chunks(last)) await exchange.send(chunk);
          exchange.end();
        });
        const asked = await link(stored);
        await expectMedia(await ask(asked), stored, { key: asked.key });
      }
    });

    it("may pause for seconds", async () => {
      const check = async (size, at, range) => {
        const stored = rig.store(size);
        stored.answers(pausesAt(stored, at, () => sleep(STALL_MS)));
        const asked = await link(stored);
        const started = Date.now();
        const part = range && { status: 206, offset: range[0], length: range[1] - range[0] + 1 };
        const headers = range ? { Range: `bytes=${range.join("-")}` } : {};
        await expectMedia(await ask(asked, { headers }), stored, { key: asked.key, ...part });
        assert.ok(Date.now() - started >= STALL_MS * 0.9, "it did pause");
      };
      await Promise.all([
        check(SMALL_BYTES, 1),
        check(SMALL_BYTES, SMALL_BYTES - 1),
        check(LARGE_BYTES, 0),
        check(LARGE_BYTES, 2 * MIB),
        check(LARGE_BYTES, LARGE_BYTES - 1),
        check(LARGE_BYTES, MIB, [MIB - 100, 2 * MIB]),
      ]);
    });

    // The local runtime notices that a client has left only when it has bytes to send to it.
    it("may pause for ever while clients leave: others are served, and the end of the pause ends all requests", async () => {
      const ends = { "one more byte": (exchange) => exchange.send(Buffer.alloc(1)), "its own end": (exchange) => exchange.breakOff() };
      for (const [what, end] of Object.entries(ends)) {
        for (const size of [SMALL_BYTES, LARGE_BYTES]) {
          const stored = rig.store(size);
          const paused = [];
          const pause = (exchange) => new Promise(() => paused.push(exchange));
          stored.answers(pausesAt(stored, Math.floor(size / 2), pause));
          const asked = await link(stored);
          const clients = Array.from({ length: LEAVING }, () => {
            const controller = new AbortController();
            return { controller, response: ask(asked, { signal: controller.signal }).catch(() => {}) };
          });
          await until("all to be paused", () => paused.length === LEAVING);
          for (const { controller } of clients) controller.abort();
          await Promise.all(clients.map(({ response }) => response));

          const other = rig.store(LARGE_BYTES);
          const otherLink = await link(other);
          await expectMedia(await ask(otherLink), other, { key: otherLink.key });

          // A body of up to 1 MiB is read whole before it is sent, so it ends when it is whole or broken.
          const whole = what === "one more byte" && size < MIB;
          const finish = async (exchange) => {
            for (const chunk of stored.source.chunks(Math.floor(size / 2))) await exchange.send(chunk);
            exchange.end();
          };
          await Promise.all(paused.map((exchange) => (whole ? finish(exchange) : end(exchange)).catch(() => {})));
          await until(`the connections to be closed by ${what}`, () => stored.requests.every(({ ended }) => ended), SOON_MS);
        }
      }
    });
  });

  describe(`a client that does not read: ${delivery}`, () => {
    it("makes the Worker wait with no more than a few MiB in memory", { skip: !CAN_TELL && "needs /proc/net/tcp" }, async (t) => {
      const stored = rig.store(HUGE_BYTES);
      let upstream, written;
      stored.answers(async (exchange) => {
        upstream = exchange.response.socket;
        // The connection may have carried other data before.
        const start = upstream.bytesWritten;
        written = () => upstream.bytesWritten - upstream.writableLength - start;
        await pausesAt(stored, 0, () => {})(exchange);
      });
      const client = await askSlowly(await link(stored));
      let before;
      await until("the homeserver to wait", async () => {
        before = written?.();
        await sleep(700);
        return before > 0 && before === written();
      });
      assert.ok(before < HUGE_BYTES, "the homeserver had to wait");
      // Read the kernel's table several times: a reading is not atomic and may lack a line.
      let held = Infinity;
      for (let round = 0; round < 5; round += 1) {
        const onTheWay = queuedBytes(upstream.localPort, upstream.remotePort) + queuedBytes(client.localPort, client.remotePort);
        held = Math.min(held, written() - onTheWay - client.bytesRead);
        await sleep(100);
      }
      t.diagnostic(`the homeserver wrote ${written()} bytes, of which the Worker holds ${held}`);
      assert.ok(held < HELD_LIMIT_BYTES, `the Worker holds ${held} bytes`);

      client.destroy();
      await until("the homeserver's connection to be closed", () => stored.requests.every(({ ended }) => ended), SOON_MS);
      const other = rig.store();
      assert.equal(await drain(await ask(await link(other))), other.size);
    });
  });
}
