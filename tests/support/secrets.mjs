// Every key, token and access token that a test run uses, and the search for them in everything that was written.
//
// `node tests/support/secrets.mjs` (from `scripts/test`) searches; it names files and kinds, and never prints a secret.

import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { LOG_DIR } from "./process.mjs";

const REGISTRY = "secrets.jsonl";
// Shorter ones would be found by chance.
const MIN_LENGTH = 8;
// Output of the peers that we test against: what they log is not ours. (The scripted homeserver and the meter write nothing.)
const PEERS = /^synapse-/;

const known = new Set();

/**
 * Remembers a secret for the search at the end of the run, and returns it.
 *
 * @param {string} value as it travels: a token, or a key in base64url
 * @param {string} kind what it is, for the message: "access token", "key", "redirect token" ...
 */
export function secret(value, kind) {
  if (typeof value !== "string" || value.length < MIN_LENGTH) throw new Error(`a ${kind} of fewer than ${MIN_LENGTH} characters`);
  if (!known.has(value)) {
    known.add(value);
    mkdirSync(LOG_DIR, { recursive: true });
    appendFileSync(join(LOG_DIR, REGISTRY), JSON.stringify({ kind, value }) + "\n", { mode: 0o600 });
  }
  return value;
}

/**
 * Looks for each registered secret, as it is and URL-encoded, in each file of the folder.
 *
 * @param {string} folder
 * @returns {{secrets: number, files: number, found: {file: string, line: number, kind: string}[]}}
 */
export function searchSecrets(folder) {
  const registry = join(folder, REGISTRY);
  const lines = existsSync(registry) ? readFileSync(registry, "utf8").trim().split("\n") : [];
  const needles = new Map();
  for (const line of lines) {
    const { kind, value } = JSON.parse(line);
    for (const form of [value, encodeURIComponent(value)]) needles.set(form, kind);
  }
  const files = readdirSync(folder).filter((file) => file.endsWith(".log") && !PEERS.test(file));
  const found = [];
  for (const file of files) {
    // latin1: a byte a character, so that binary output cannot hide anything.
    const text = readFileSync(join(folder, file), "latin1");
    for (const [needle, kind] of needles) {
      const at = text.indexOf(needle);
      if (at >= 0) found.push({ file, line: text.slice(0, at).split("\n").length, kind });
    }
  }
  return { secrets: lines.length, files: files.length, found };
}

function main() {
  const folder = process.argv[2] ?? LOG_DIR;
  const { secrets, files, found } = searchSecrets(folder);
  for (const { file, line, kind } of found) console.error(`${join(folder, file)}:${line}: contains a ${kind}`);
  if (secrets === 0 || files === 0) {
    console.error(`nothing to search: ${secrets} secrets, ${files} files in ${folder}. The tests must register what they use.`);
  } else {
    console.log(`searched ${files} files for ${secrets} secrets: ${found.length} found`);
  }
  process.exitCode = found.length > 0 || secrets === 0 || files === 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
