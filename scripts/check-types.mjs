// Checks the types in JavaScript with tsc, and prints what is wrong.
//
//   node scripts/check-types.mjs
//
// The production code and the specification's reference are checked strictly. Everything else is checked loosely: the tests have few
// annotations, and tsc takes the objects that they build for narrower than they are. So of those files only the faults below count.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const TSC = join(ROOT, "node_modules/.bin/tsc");

/** Programs that are checked strictly, with the files that each of them covers. */
const STRICT = new Map([
  ["src/platform/workers/js", /^src\/platform\/workers\/js\//],
  ["clients/web", /^clients\/web\//],
  ["tsconfig.reference.json", /^spec\/vectors\/reference\.mjs$/],
]);
const LOOSE = ".";

const FAULTS_THAT_ALWAYS_COUNT = new Map([
  ["TS2300", "a name that is declared twice"],
  ["TS2304", "a name that does not exist"],
  ["TS2305", "an import that the module does not export"],
  ["TS2307", "a module that does not exist"],
  ["TS2448", "a variable that is used before its declaration"],
  ["TS2551", "a member whose name is misspelt"],
  ["TS2552", "a name that is misspelt"],
  ["TS2554", "a wrong number of arguments"],
  ["TS2555", "too few arguments"],
  ["TS2588", "an assignment to a constant"],
  ["TS2724", "an import whose name is misspelt"],
  ["TS2801", "a condition that forgets to await a promise"],
  ["TS7027", "code that is never reached"],
  ["TS7029", "a case that falls through"],
]);

/** Returns the lines that tsc prints for a program: a tsconfig.json, or the folder that has one. */
function errorsOf(program) {
  const { stdout, status, error } = spawnSync(TSC, ["--project", join(ROOT, program), "--pretty", "false"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  const lines = stdout.split("\n").filter((line) => line !== "");
  if (status !== 0 && lines.length === 0) throw new Error(`tsc failed for ${program} and said nothing`);
  return lines;
}

/** Syntax errors (TS1...) and errors of the configuration (TS5..., TS6..., TS18...) count too. */
function counts(line) {
  const [, file, code] = line.match(/^(?:(\S+)\(\d+,\d+\): )?error (TS\d+):/) ?? [];
  if (code === undefined) return false; // the continuation of another line
  if ([...STRICT.values()].some((files) => files.test(file))) return false; // checked strictly
  return FAULTS_THAT_ALWAYS_COUNT.has(code) || /^TS(1\d{3}|5\d{3}|6\d{3}|18\d{3})$/.test(code);
}

const wrong = [...[...STRICT.keys()].flatMap(errorsOf), ...errorsOf(LOOSE).filter(counts)];
for (const line of wrong) console.log(line);
process.exitCode = wrong.length > 0 ? 1 : 0;
