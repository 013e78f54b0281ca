// Prints the result as tables: first the ratios, then the figures of this machine.

import { KIB, MIB } from "./contestants.mjs";
import { TARGETS } from "./ratios.mjs";
import { median } from "./statistics.mjs";

export function print({ machine, versions, options, ratios, raw }) {
  heading(options.quick ? "Ratios (a rough look: too few rounds for a verdict)" : "Ratios");
  table(
    ["name", "", "target", "aim", ""],
    Object.entries(TARGETS)
      .filter(([name]) => name in ratios)
      .map(([name, target]) => [
        name,
        number(ratios[name]),
        limit(target),
        String(target.aim),
        `${verdict(ratios[name], target)}  ${target.what}`,
      ]),
  );
  heading(`Figures for this machine: ${machine.cores} x ${machine.processor}, load ${machine.loadAverage.toFixed(1)}`);
  console.log(
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
  );
  const sections = {
    stream: printStream,
    small: printSmall,
    policy: printPolicy,
    growth: printGrowth,
    paused: printPaused,
    concurrent: printConcurrent,
    coldStart: printStart,
    bundles: printBundles,
    kernel: printKernel,
  };
  for (const [name, section] of Object.entries(sections)) if (raw[name] !== undefined) section(raw);
}

function limit({ most, least }) {
  if (most !== undefined) return `<= ${most}`;
  return least !== undefined ? `>= ${least}` : "";
}

function verdict(value, { most = Infinity, least, aim }) {
  const smaller = least === undefined;
  if (smaller ? value <= aim : value >= aim) return "aim   ";
  return (smaller ? value <= most : value >= least) ? "target" : "MISSED";
}

function printStream({ stream, firstByte }) {
  table(
    ["one stream", "CPU-s/GiB", "MB/s", "first byte ms"],
    Object.entries(stream).map(([name, runs]) => [
      name,
      of(runs, "cpuSecondsPerGib"),
      of(runs, "mbPerSecond"),
      firstByte === undefined ? "" : number(median(firstByte[name])),
    ]),
  );
}

function printSmall({ small }) {
  const sizes = Object.keys(small);
  table(
    ["32 at a time", ...sizes.flatMap((size) => [`${bytes(size)} CPU-ms`, "req/s"])],
    Object.keys(small[sizes[0]]).map((name) => [
      name,
      ...sizes.flatMap((size) => [of(small[size][name], "cpuMsPerRequest"), of(small[size][name], "requestsPerSecond")]),
    ]),
  );
}

function printPolicy({ policy }) {
  table(
    ["64 KiB, plain, by path, whose", "CPU-ms", "req/s"],
    Object.entries(policy).map(([name, runs]) => [name, of(runs, "cpuMsPerRequest"), of(runs, "requestsPerSecond")]),
  );
}

function printGrowth({ growth }) {
  const sizes = Object.keys(growth);
  table(
    ["CPU-ms by size", ...sizes.map(bytes)],
    Object.keys(growth[sizes[0]]).map((name) => [name, ...sizes.map((size) => number(median(growth[size][name])))]),
  );
}

function printPaused({ paused }) {
  table(
    ["64 paused downloads", "MiB each"],
    Object.entries(paused).map(([name, runs]) => [name, number(median(runs))]),
  );
}

function printConcurrent({ concurrent }) {
  const [first] = Object.values(concurrent);
  table(
    ["peak MiB by streams", "idle", ...first.map(({ streams }) => String(streams))],
    Object.entries(concurrent).map(([name, points]) => [name, number(points[0].idleMib), ...points.map(({ peakMib }) => number(peakMib))]),
  );
}

function printStart({ coldStart }) {
  table(
    ["start to first response", "ms"],
    Object.entries(coldStart).map(([name, runs]) => [name, number(median(runs))]),
  );
}

function printBundles({ bundles }) {
  table(
    ["bundle", "kB", "gzipped kB"],
    Object.entries(bundles).map(([name, size]) => [name, number(size.bytes / 1e3), number(size.gzipBytes / 1e3)]),
  );
}

function printKernel({ kernel }) {
  table(
    ["ChaCha20, 64 KiB", "MB/s"],
    Object.entries(kernel).map(([name, runs]) => [name, number(median(runs))]),
  );
}

const of = (runs, member) => number(median(runs.map((run) => run[member])));
const number = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3));
const bytes = (size) => (size >= MIB ? `${size / MIB} MiB` : `${size / KIB} KiB`);

function heading(text) {
  console.log(`\n${text}\n`);
}

/** Prints a table. The first column is aligned left, numbers right, and a last column of text left. */
function table(head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  const words = head.at(-1) === "" ? head.length - 1 : head.length;
  const line = (row) =>
    row.map((cell, column) => (column === 0 || column === words ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ");
  console.log(["", line(head), ...rows.map(line)].map((each) => each.trimEnd()).join("\n"));
}
