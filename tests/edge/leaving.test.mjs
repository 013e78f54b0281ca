// Clients that leave in the middle, a thousand of them: connections are given back, memory too, and the Worker goes on.

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
// The local runtime grows with every request, most of all by its simulator of the key store, which lives in the same process: so those that
// leave are compared with as many that stay. A leak of 64 KiB for each that left would be 56 MiB more.
const MORE_LIMIT_BYTES = 40 * MIB;
const LIMIT_MS = 30_000;

/** Asks with a socket of its own and destroys it some time after the first bytes of the body. Gives the status line. */
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
      // No more is read: what comes waits in the sockets, and then in the Worker.
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
    // No cache: all that is asked for comes from the homeserver, and ends there.
    before(async () => (rig = await startRig({ vars: { GRANT_TTL_SECS: "3600", CACHE_MAX_BYTES: "0" } })));
    after(() => rig.stop());

    // The least of some: what is being given back at that moment is not counted.
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
      // Each may be followed as often as one likes while it lives.
      const answers = linked && (await Promise.all(stored.map((each) => rig.answer(each))));

      const stays = async (number) => {
        const object = stored[number % OBJECTS];
        const response = linked ? await rig.link(answers[number % OBJECTS]) : await rig.get(object);
        assert.equal(await drain(response), object.size);
      };
      const leaves = async (number) => {
        const url = new URL(linked ? answers[number % OBJECTS].url : rig.worker.origin + stored[number % OBJECTS].path);
        const headers = linked ? "" : `Authorization: Bearer ${rig.user}\r\n`;
        // At once, or when the Worker is being held back.
        const afterMs = [0, 5, 50][number % 3];
        const status = await leave({ port: rig.worker.port, host: url.host, path: url.pathname, headers, afterMs });
        assert.equal(status, "HTTP/1.1 200 OK");
      };
      /** How much the runtime grows while that many clients do this, some at a time. */
      const growth = async (clients, does) => {
        const before = await residentBytes();
        for (let number = 0; number < clients; number += AT_A_TIME)
          await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => does(number + i)));
        // Whatever the homeserver was asked for has ended, one way or the other.
        await until("the homeserver's responses to end", () => rig.homeserver.requests.every(({ ended }) => ended), LIMIT_MS);
        rig.homeserver.requests.length = 0;
        return (await residentBytes()) - before;
      };

      // What everybody needs sooner or later is not counted.
      await growth(FIRST, leaves);
      const staying = await growth(ALL - FIRST, stays);
      const leaving = await growth(ALL - FIRST, leaves);
      t.diagnostic(`grew by ${(staying / MIB).toFixed(1)} MiB for those that stayed, ${(leaving / MIB).toFixed(1)} MiB for those that left`);
      assert.ok(leaving - Math.max(0, staying) < MORE_LIMIT_BYTES, "those that left cost more");

      // What is left open is idle, and kept for the next request.
      const open = await rig.homeserver.connections();
      assert.ok(open <= AT_A_TIME, `${open} connections to the homeserver are open`);

      const [answer, other] = [await rig.answer(stored[0]), rig.store(OBJECT_BYTES)];
      await expectMedia(await rig.link(answer), stored[0], { key: answer.key });
      await expectPlain(await rig.get(other), other);
      assert.equal(rig.worker.logs().trim(), "", "nothing was logged");
    });
  });
}
