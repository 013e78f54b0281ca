// An ordinary Matrix client that knows nothing of Cloakroom: unmodified matrix-nio.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { run, tempDir } from "./process.mjs";
import { PYTHON } from "./synapse.mjs";

const SCRIPT = fileURLToPath(new URL("nio_download.py", import.meta.url));

/**
 * @param {string} mxc
 * @param {{homeserver: string, token: string, thumbnail?: string}} options `thumbnail` is a size, `320x240`
 * @returns {Promise<{bytes?: Buffer, content_type?: string, filename?: string, error?: string, status_code?: string, message?: string}>}
 *   the values of nio's response object
 */
export async function nioDownload(mxc, { homeserver, token, thumbnail }) {
  const file = join(tempDir("nio"), "media");
  const args = [SCRIPT, homeserver, mxc, file, ...(thumbnail ? [thumbnail] : [])];
  const { code, stdout, stderr } = await run(PYTHON, args, { name: "nio", env: { NIO_TOKEN: token } });
  if (code !== 0) throw new Error(`matrix-nio failed:\n${stderr}`);
  const said = JSON.parse(stdout.toString());
  return { ...said, bytes: existsSync(file) ? readFileSync(file) : undefined };
}
