// Checks which folder of src/ uses what.
//
//   node scripts/check-source.mjs      Print each violation as FILE:LINE; exit with 1 if there are any
//
// The compiler sees one crate and lets every module use every other.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PLATFORM = ["src/platform/", "src/bin/"];

/** A rule applies to files under `within`, or to all files not under `outside`. */
const RULES = [
  {
    within: ["src/cipher/"],
    pattern: uses("protocol"),
    message: "`cipher` must not use `protocol`: it knows only keys, bytes and offsets",
  },
  {
    within: ["src/edge/"],
    pattern: uses("origin"),
    message: "`edge` must not use `origin`: move what both need to `objects` or `protocol`",
  },
  { within: ["src/objects/"], pattern: uses("origin", "edge"), message: "`objects` must not use `origin` or `edge`, which use it" },
  {
    outside: PLATFORM,
    pattern: /\bworker::|\b(wasm_bindgen|js_sys|web_sys|tokio|reqwest)\b/,
    message: "only src/platform/ may name the platform: use a port (src/ports/)",
  },
  { outside: [], pattern: /\bcrate::\{/, message: "write one `use crate::module` for each module, so that these rules can read it" },
  {
    outside: ["src/protocol/number.rs"],
    pattern: /\bparse::<\s*(?:[a-z]+::)*(?:[ui](?:8|16|32|64|128|size)|f32|f64)\s*>|\.parse\(\)/,
    message: "read numbers with `protocol::decimal`, because `str::parse` accepts a sign; for other types write `parse::<Type>()`",
    notInTests: true,
  },
];

function uses(...modules) {
  return new RegExp(String.raw`\b(?:crate|cloakroom|super)::(?:${modules.join("|")})\b`);
}

/**
 * @param {string} path relative to the project's root, with `/`
 * @param {string} text the file's content
 * @returns {string[]} one line for each violation: `FILE:LINE: what is wrong`
 */
export function violations(path, text) {
  const applies = ({ within, outside }) =>
    within ? within.some((folder) => path.startsWith(folder)) : !outside.some((folder) => path.startsWith(folder));
  const rules = RULES.filter(applies);
  const found = [];
  let inTests = /(^|\/)tests(\.rs|\/)|\/fakes\.rs$/.test(path);
  for (const [index, line] of text.split("\n").entries()) {
    const code = line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\/\/.*/, "");
    inTests ||= /^mod tests \{/.test(code); // tests are last in a file
    for (const { pattern, message, notInTests } of rules) {
      if (pattern.test(code) && !(notInTests && inTests)) found.push(`${path}:${index + 1}: ${message}`);
    }
  }
  return found;
}

function main() {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const names = readdirSync(join(root, "src"), { recursive: true }).filter((name) => name.endsWith(".rs"));
  const found = names.sort().flatMap((name) => violations(`src/${name}`, readFileSync(join(root, "src", name), "utf8")));
  for (const violation of found) console.log(violation);
  if (found.length === 0) console.log(`${names.length} source files use only what they may`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
