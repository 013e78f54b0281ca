// Runs the benchmark. scripts/bench builds everything, then starts this file. Its --help describes the options.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { growth } from "./contests/growth.mjs";
import { kernel } from "./contests/kernel.mjs";
import { concurrent, paused } from "./contests/memory.mjs";
import { policy } from "./contests/policy.mjs";
import { firstByte, small } from "./contests/small.mjs";
import { bundles, coldStart } from "./contests/start.mjs";
import { stream } from "./contests/stream.mjs";
import { CLOAKROOM_BUFFER, MIB, withBuffer } from "./lib/contestants.mjs";
import { Field } from "./lib/field.mjs";
import { machine, versions } from "./lib/machine.mjs";
import { OUT } from "./lib/processes.mjs";
import { ratios } from "./lib/ratios.mjs";
import { print } from "./lib/report.mjs";

const COPY = withBuffer("JS copy", CLOAKROOM_BUFFER);
const SOME = ["pass-through", COPY, "plain worker + chacha20", "Cloakroom"];

/** The contests in their order. Each returns raw figures. */
const CONTESTS = {
  stream,
  small,
  firstByte,
  policy,
  growth: (field, options) => growth(field, [COPY, "JS pass with KV get", "Cloakroom"], options),
  paused: (field, options) => paused(field, SOME, options),
  concurrent: (field) => concurrent(field, [COPY, "Cloakroom"]),
  coldStart: (field, options) => coldStart(field, SOME, options),
  bundles: () => bundles(["plain worker + chacha20", "Cloakroom"]),
  kernel: (_, options) => kernel(options),
};

const values = given();
const options = values.quick
  ? { rounds: 3, streamBytes: 64 * MIB, mostBytes: 256 * MIB }
  : { rounds: 5, streamBytes: 256 * MIB, mostBytes: 1024 * MIB };
if (values.rounds !== undefined) options.rounds = Number(values.rounds);
// scripts/bench checks the arguments before it builds, which takes minutes.
if (values["check-arguments"]) process.exit(0);

const started = performance.now();
const raw = {};
const field = await Field.start();
try {
  for (const contestant of field.contestants) await field.check(contestant);
  console.log(`${field.contestants.length} contestants, all send the right bytes. ${options.rounds} rounds.`);
  for (const [name, contest] of Object.entries(CONTESTS)) {
    if (values.only !== undefined && !values.only.includes(name)) continue;
    process.stderr.write(`  ${name} ...\n`);
    raw[name] = await contest(field, options);
  }
} finally {
  await field.stop();
}

const result = {
  machine: machine(),
  versions: versions(),
  options: { ...options, quick: values.quick === true, seconds: Math.round((performance.now() - started) / 1000) },
  ratios: ratios(raw),
  raw,
};
mkdirSync(OUT, { recursive: true });
const file = join(OUT, "latest.json");
writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
print(result);
console.log(`\nAll figures are in ${file}`);

/** Returns the arguments, or prints the error and exits. */
function given() {
  const options = {
    quick: { type: "boolean" },
    rounds: { type: "string" },
    only: { type: "string", multiple: true },
    "check-arguments": { type: "boolean" },
  };
  try {
    const { values } = parseArgs({ options });
    if (values.rounds !== undefined && !/^[1-9]\d{0,2}$/.test(values.rounds))
      throw new Error(`invalid --rounds '${values.rounds}': expected a number from 1 to 999`);
    const unknown = values.only?.find((name) => !(name in CONTESTS));
    if (unknown !== undefined) throw new Error(`unknown contest '${unknown}': expected one of ${Object.keys(CONTESTS).join(", ")}`);
    return values;
  } catch ({ message }) {
    console.error(`error: ${message}\n  See scripts/bench --help`);
    process.exit(2);
  }
}
