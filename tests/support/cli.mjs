// Runs the command line client, `target/release/cloakroom`.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { ROOT, run, tempDir } from "./process.mjs";

/** The path of the client, which `cargo build --release --features cli --bin cloakroom` builds. */
export const CLI = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "release/cloakroom");

/** Its exit codes, as `cloakroom get --help` and `cloakroom link --help` list them. */
export const EXIT = {
  saved: 0,
  linked: 0,
  usage: 2,
  refused: 3,
  notFound: 4,
  network: 5,
  violation: 6,
  changed: 7,
  localFile: 8,
  notShared: 9,
};

/**
 * Runs `cloakroom get` in a new folder. The access token is in a file that only we can read.
 *
 * @param {string} mxc
 * @param {object} options
 * @param {string} options.homeserver
 * @param {string} options.token
 * @param {string[]} [options.args] further arguments; without `--output`, the media are saved to the file `saved`
 * @param {string} [options.folder] where to run
 * @returns {Promise<{code: number, stdout: Buffer, stderr: string, files: string[], bytes: Buffer | undefined}>} `files` are the names in the
 *   folder afterwards, `bytes` the content of the file if there is exactly one
 */
export async function get(mxc, { homeserver, token, args = [], folder = tempDir("cli") }) {
  mkdirSync(folder, { recursive: true });
  const names = args.some((arg) => arg === "-o" || arg.startsWith("--output")) ? [] : ["--output", "saved"];
  const { code, stdout, stderr } = await cloakroom("get", [mxc, ...names, ...args], { homeserver, token, folder });
  const files = readdirSync(folder).sort();
  const bytes = files.length === 1 ? readFileSync(join(folder, files[0])) : undefined;
  return { code, stdout, stderr, files, bytes };
}

/**
 * Runs `cloakroom link`.
 *
 * @param {string} mxc
 * @param {{homeserver: string, token: string}} options
 * @returns {Promise<{code: number, link: string, stderr: string}>} `link` is stdout without the line end
 */
export async function link(mxc, { homeserver, token }) {
  const { code, stdout, stderr } = await cloakroom("link", [mxc], { homeserver, token, folder: tempDir("cli") });
  return { code, link: stdout.toString().replace(/\n$/, ""), stderr };
}

function cloakroom(command, args, { homeserver, token, folder }) {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: run cargo build --release --features cli --bin cloakroom`);
  const tokenFile = join(tempDir("cli-token"), "token");
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  return run(CLI, [command, "--token-file", tokenFile, ...args], {
    name: "cli",
    cwd: folder,
    env: { CLOAKROOM_HOMESERVER: homeserver, CLOAKROOM_TOKEN: undefined, NO_COLOR: "1" },
  });
}
