// What the kernel holds of the TCP connections of this machine: bytes that one side has sent and the other has not read yet. With it a
// test can tell what a process between two sockets keeps to itself. Linux only.

import { existsSync, readFileSync } from "node:fs";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/** Whether this machine can tell. */
export const CAN_TELL = existsSync(TABLES[0]);

/**
 * Bytes on their way between two ports of this machine, in either direction: sent and not yet received, or received and not yet read.
 *
 * @param {number} one
 * @param {number} other
 */
export function queuedBytes(one, other) {
  let sum = 0;
  for (const table of TABLES.filter(existsSync)) {
    for (const line of readFileSync(table, "latin1").trim().split("\n").slice(1)) {
      const [, local, remote, , queues] = line.trim().split(/\s+/);
      const ports = [local, remote].map((address) => parseInt(address.split(":").at(-1), 16));
      if (!ports.includes(one) || !ports.includes(other)) continue;
      for (const queue of queues.split(":")) sum += parseInt(queue, 16);
    }
  }
  return sum;
}
