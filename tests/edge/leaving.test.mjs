// When a thousand clients leave in the middle, connections and memory are released and the Worker continues.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { drain, expectMedia, expectPlain, startRig, until } from "./rig.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;
const OBJECT_BYTES = 4 * MIB + 5;
const OBJECTS = 10;
const FIRST = 100;
const ALL = 1_000;
const AT_A_TIME = 25;
// The local runtime grows with every request, mostly because it simulates the key store in the same process. So the test compares clients that
// leave with as many that stay. A leak of 64 KiB for each that left would add 56 MiB.
const MORE_LIMIT_BYTES = 40 * MIB;
const LIMIT_MS = 30_000;

/** Asks over a separate socket and destroys it some time after the first bytes of the body. Returns the status line. */
function leave({ port, host, path, headers = "", afterMs }) {
  return new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (settled, value) => {
      clearTimeout(limit);
      socket.destroy();
      settled(value);
    };
    const limit = setTimeout(() => settle(fail, new Error("nothing came")), LIMIT_MS);
    socket.once("error", (error) => settle(fail, error)).once("end", () => settle(fail, new Error("it ended")));
    let head = "";
    socket.on("data", (chunk) => {
      head += chunk.toString("latin1", 0, 8 * KIB);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 || head.length === end + 4) return;
      // The client reads no more: bytes wait in the sockets, and then in the Worker.
      socket.pause();
      setTimeout(settle, afterMs, done, head.slice(0, head.indexOf("\r\n")));
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`);
  });
}

for (const [what, linked] of [
  ["an encrypted link", true],
  ["a plain download", false],
]) {
  describe(`${ALL} clients that leave in the middle of ${what}`, () => {
    let rig;
    // Without a cache, every request reaches the homeserver and ends there.
    before(async () => (rig = await startRig({ vars: { GRANT_TTL_SECS: "3600", CACHE_MAX_BYTES: "0" } })));
    after(() => rig.stop());

    // Takes the smallest of several readings, because memory may just be being released.
    async function residentBytes() {
      const samples = [];
      for (let round = 0; round < 10; round += 1) {
        samples.push((await rig.worker.workerd()).rssBytes);
        await sleep(200);
      }
      return Math.min(...samples);
    }

    it("leave nothing behind", { timeout: 240_000 }, async (t) => {
      const stored = Array.from({ length: OBJECTS }, () => rig.store(OBJECT_BYTES));
      // A link can be followed any number of times while it lives.
      const answers = linked && (await Promise.all(stored.map((each) => rig.answer(each))));

      const stays = async (number) => {
        const object = stored[number % OBJECTS];
        const response = linked ? await rig.link(answers[number % OBJECTS]) : await rig.get(object);
        assert.equal(await drain(response), object.size);
      };
      const leaves = async (number) => {
        const url = new URL(linked ? answers[number % OBJECTS].url : rig.worker.origin + stored[number % OBJECTS].path);
        const headers = linked ? "" : `Authorization: Bearer ${rig.user}\r\n`;
        // Leave at once, or while the Worker waits for the client.
        const afterMs = [0, 5, 50][number % 3];
        const status = await leave({ port: rig.worker.port, host: url.host, path: url.pathname, headers, afterMs });
        assert.equal(status, "HTTP/1.1 200 OK");
      };
      /** Returns how much the runtime grows while this many clients do this, several at a time. */
      const growth = async (clients, does) => {
        const before = await residentBytes();
        for (let number = 0; number < clients; number += AT_A_TIME)
          await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => does(number + i)));
        // Every request at the homeserver has ended.
        await until("the homeserver's responses to end", () => rig.homeserver.requests.every(({ ended }) => ended), LIMIT_MS);
        rig.homeserver.requests.length = 0;
        return (await residentBytes()) - before;
      };

      // Warm up first, so that one-time growth is not counted.
      await growth(FIRST, leaves);
      const staying = await growth(ALL - FIRST, stays);
      const leaving = await growth(ALL - FIRST, leaves);
      t.diagnostic(
        `grew by ${(staying / MIB).toFixed(1)} MiB for those that stayed, ${(leaving / MIB).toFixed(1)} MiB for those that left`,
      );
      assert.ok(leaving - Math.max(0, staying) < MORE_LIMIT_BYTES, "those that left cost more");

      // Open connections are idle and kept for the next request.
      const open = await rig.homeserver.connections();
      assert.ok(open <= AT_A_TIME, `${open} connections to the homeserver are open`);

      const [answer, other] = [await rig.answer(stored[0]), rig.store(OBJECT_BYTES)];
      await expectMedia(await rig.link(answer), stored[0], { key: answer.key });
      await expectPlain(await rig.get(other), other);
      assert.equal(rig.worker.logs().trim(), "", "nothing was logged");
    });
  });
}
