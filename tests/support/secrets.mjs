// Records every key, redirect token and access token of a test run, and searches all output for them.
//
// `node tests/support/secrets.mjs` (run by `scripts/test`) searches. It names files and kinds, and never prints a secret.

import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { LOG_DIR } from "./process.mjs";

const REGISTRY = "secrets.jsonl";
// The output of the test runner, by ring.
const RINGS = "rings";
// Shorter secrets would match by chance.
const MIN_LENGTH = 8;
// Logs of other programs that we test against. (The scripted homeserver and the meter write nothing.)
const PEERS = /^synapse-/;

const known = new Set();

/**
 * Remembers a secret for the search at the end of the run, and returns it.
 *
 * @param {string} value as it is sent: a token, or a key in base64url
 * @param {string} kind its kind, for the message: "access token", "key", "redirect token" ...
 */
export function secret(value, kind) {
  if (typeof value !== "string" || value.length < MIN_LENGTH) throw new Error(`this ${kind} has fewer than ${MIN_LENGTH} characters`);
  if (!known.has(value)) {
    known.add(value);
    mkdirSync(LOG_DIR, { recursive: true });
    appendFileSync(join(LOG_DIR, REGISTRY), JSON.stringify({ kind, value }) + "\n", { mode: 0o600 });
  }
  return value;
}

/**
 * Remembers the tokens and keys of all links in a key store that is no longer written to, including links that only a client saw.
 *
 * @param {string} state the folder of KV and cache, `persistTo` of a Worker
 * @returns {{tokens: number, keys: number}} the number of each
 */
export function secretsOfKeyStore(state) {
  const [tokens, keys] = [new Set(), new Set()];
  // The simulator stores names in a database and each record in a file. Both contain plain text.
  for (const file of filesBelow(join(state, "v3/kv"))) {
    const text = readFileSync(file, "latin1");
    for (const [, token] of text.matchAll(/grant:([\w-]{43})/g)) tokens.add(secret(token, "redirect token"));
    for (const [, key] of text.matchAll(/"key":"([\w-]{43})"/g)) keys.add(secret(key, "key"));
  }
  return { tokens: tokens.size, keys: keys.size };
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Searches each log in the folder and the output of the rings for each registered secret, raw and URL-encoded.
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
  const logs = readdirSync(folder).filter((file) => file.endsWith(".log") && !PEERS.test(file));
  const files = [...logs, ...filesBelow(join(folder, RINGS)).map((file) => relative(folder, file))];
  const found = [];
  for (const file of files) {
    // latin1 has one character per byte, so that binary output cannot hide a secret.
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
  for (const { file, line, kind } of found) console.error(`${join(folder, file)}:${line}: contains this secret: ${kind}`);
  if (secrets === 0 || files === 0) {
    console.error(`nothing to search: ${secrets} secrets, ${files} files in ${folder}. The tests must register what they use.`);
  } else {
    console.log(`searched ${files} files for ${secrets} secrets: ${found.length} found`);
  }
  process.exitCode = found.length > 0 || secrets === 0 || files === 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
