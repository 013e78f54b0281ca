// Writes the test vectors: one JSON file for each case of cases.mjs, in a folder for each kind.
//
//   node spec/vectors/generate.mjs            write them, and remove files that no case names any more
//   node spec/vectors/generate.mjs --check    write nothing; exit with 1 if a file differs, is missing or is left over
//
// Needs Node 22 and no packages. The same cases give the same bytes on every machine.
import { deepStrictEqual } from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { cases } from "./cases.mjs";
import { answer, download, mediaConfig, response } from "./reference-client.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const check = process.argv[2] === "--check";
if (process.argv.length > (check ? 3 : 2)) {
  console.error("usage: node spec/vectors/generate.mjs [--check]");
  process.exit(2);
}

/** Path within this folder → the file's text. */
const wanted = new Map();
for (const { kind, name, comment, expect, or, input, output } of cases()) {
  const path = join(kind, `${name}.json`);
  if (wanted.has(path)) throw new Error(`two cases are named ${path}`);
  const text = JSON.stringify({ kind, comment, expect, or, input, output }, null, 2);
  compareWithReference(path, JSON.parse(text));
  wanted.set(path, `${text}\n`);
}

const present = new Set(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
);
const differs = (path) => !present.has(path) || readFileSync(join(root, path), "utf8") !== wanted.get(path);
const stale = [...wanted.keys()].filter(differs);
const leftOver = [...present].filter((path) => !wanted.has(path));

if (check) {
  for (const path of stale) console.error(`${path} is missing or not what cases.mjs gives`);
  for (const path of leftOver) console.error(`${path} is of no case in cases.mjs`);
  if (stale.length + leftOver.length > 0) {
    console.error("Run: node spec/vectors/generate.mjs");
    process.exit(1);
  }
} else {
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), wanted.get(path));
  }
  for (const path of leftOver) rmSync(join(root, path));
}
console.log(`${wanted.size} vectors, ${stale.length} changed, ${leftOver.length} removed`);

/** Fails if the reference implementation of a client makes something else of the input than the case says. */
function compareWithReference(path, { kind, expect, or, input, output }) {
  const judge = { answer, download, "media-config": mediaConfig, response }[kind];
  if (!judge) return;
  const [word, made] = judge(input);
  if (word === or) return;
  try {
    deepStrictEqual({ expect: word, output: made }, { expect, output });
  } catch (cause) {
    throw new Error(`the reference disagrees with ${path}`, { cause });
  }
}
