// Prints one environment of wrangler.toml as JSON, the way wrangler itself understands it.
//
//   node scripts/read-config.mjs [ENVIRONMENT]
//
// For scripts/deploy and the tests. Ends with 1 and wrangler's own message where the file is not valid.

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
