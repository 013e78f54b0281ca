// The command line client, as built: `target/release/cloakroom get`.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { ROOT, run, tempDir } from "./process.mjs";

/** `cargo build --release --features cli --bin cloakroom` makes it. */
export const CLI = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "release/cloakroom");

/** What its exit codes mean, as `cloakroom get --help` lists them. */
export const EXIT = { saved: 0, usage: 2, refused: 3, notFound: 4, network: 5, violation: 6, changed: 7, localFile: 8 };

/**
 * Runs `cloakroom get` into a folder of its own. The access token goes into a file that only we can read.
 *
 * @param {string} mxc
 * @param {object} options
 * @param {string} options.homeserver
 * @param {string} options.token
 * @param {string[]} [options.args] further arguments; without `--output` the media are saved to the file `saved`
 * @param {string} [options.folder] where to run
 * @returns {Promise<{code: number, stdout: Buffer, stderr: string, files: string[], bytes: Buffer | undefined}>} `files` are the names in the
 *   folder afterwards, `bytes` the content where there is exactly one
 */
export async function get(mxc, { homeserver, token, args = [], folder = tempDir("cli") }) {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: cargo build --release --features cli --bin cloakroom`);
  const tokens = tempDir("cli-token");
  const tokenFile = join(tokens, "token");
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  mkdirSync(folder, { recursive: true });
  const names = args.some((arg) => arg === "-o" || arg.startsWith("--output")) ? [] : ["--output", "saved"];
  const { code, stdout, stderr } = await run(CLI, ["get", mxc, "--token-file", tokenFile, ...names, ...args], {
    name: "cli",
    cwd: folder,
    env: { CLOAKROOM_HOMESERVER: homeserver, CLOAKROOM_TOKEN: undefined, NO_COLOR: "1" },
  });
  const files = readdirSync(folder).sort();
  const bytes = files.length === 1 ? readFileSync(join(folder, files[0])) : undefined;
  return { code, stdout, stderr, files, bytes };
}
