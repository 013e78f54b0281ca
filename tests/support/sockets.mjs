// Reads how many bytes the kernel buffers for the TCP connections of this machine: sent by one side, not yet read by the other. With this
// number, a test can tell how much a process between two sockets buffers. Linux only.

import { existsSync, readFileSync } from "node:fs";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/** Whether this machine has this information. */
export const CAN_TELL = existsSync(TABLES[0]);

/**
 * Returns the bytes in transit between two ports of this machine, in both directions: sent but not received, or received but not read.
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
