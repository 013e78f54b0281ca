// Prints one environment of wrangler.toml as JSON, as wrangler reads it.
//
//   node scripts/read-config.mjs [ENVIRONMENT]
//
// scripts/deploy and the tests use it. If the file is invalid, it prints wrangler's message and exits with 1.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { unstable_readConfig: readConfig } = await import("wrangler");

const env = process.argv[2];
try {
  const config = readConfig({ config: join(root, "wrangler.toml"), env }, { hideWarnings: true });
  console.log(JSON.stringify(config));
} catch (error) {
  console.error(error.message.trim());
  process.exitCode = 1;
}
