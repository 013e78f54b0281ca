// The demo itself. scripts/demo sets up and builds, then runs this.
//
// It starts Synapse and the Worker, uploads media, shows the points one by one, and removes everything.

import { readFileSync, rmSync } from "node:fs";

import { encryptAttachment } from "../tests/support/attachment.mjs";
import { demoMedia } from "../tests/support/media.mjs";
import { LOG_DIR } from "../tests/support/process.mjs";
import { startHome, startSite } from "../tests/support/site.mjs";
import { keepRunning } from "./demo-by-hand.mjs";
import { POINTS } from "./demo-points.mjs";
import { bytes, done, heading, line, result, working } from "./demo-show.mjs";

const keep = process.argv.includes("--keep");
const removeLogs = () => rmSync(LOG_DIR, { recursive: true, force: true, maxRetries: 3 });
process.on("exit", removeLogs);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // This runs before the listener that ends all processes, including this one.
  process.prependOnceListener(signal, () => {
    done();
    console.log("Stopping and removing everything.");
    removeLogs();
  });
}

/** Starts everything and uploads media. Returns what the points need. */
async function prepare() {
  working("Preparing the picture and the video");
  const files = await demoMedia((percent) => working(`Encoding the video, ${percent} %`));
  const [picture, video] = [readFileSync(files.picture), readFileSync(files.video)];
  working("Starting Synapse");
  // Synapse serves media without an account only if they are older than authenticated media. So it starts without, for one picture.
  const home = await startHome({ config: { enable_authenticated_media: false } });
  const old = await home.synapse.upload(home.alice.token, picture, { type: "image/jpeg", filename: "old.jpg" });
  await home.synapse.restart({ enable_authenticated_media: true });
  working("Starting the Worker");
  // The operator allows clients to get ciphertext as stored; each client decides whether to ask for it.
  const site = await startSite(home, { vars: { ENCRYPTED_MEDIA: "verbatim", MEDIA_UNAUTHENTICATED: "m.local" } });
  working("Uploading media");
  const { ciphertext, file } = encryptAttachment(picture);
  const stage = {
    home,
    site,
    old: { bytes: picture, mxc: old.mxc },
    picture: { bytes: picture, mxc: await site.upload(picture, { type: "image/jpeg", filename: "picture.jpg" }) },
    video: { bytes: video, mxc: await site.upload(video, { type: "video/mp4", filename: "video.mp4" }) },
    attachment: { bytes: ciphertext, file, plaintext: picture, mxc: await site.upload(ciphertext) },
  };
  done();
  heading("Cloakroom is running in front of Synapse");
  line("address for clients (origin)", site.worker.origin);
  line("address of links (edge)", site.worker.edge);
  line("Synapse behind it", home.synapse.url);
  const [first, second, third] = [picture, video, ciphertext].map(({ length }) => bytes(length));
  line("uploaded", `picture.jpg (${first}), video.mp4 (${second}), an attachment of an encrypted room (${third})`);
  return stage;
}

async function main() {
  let [passed, failed] = [0, 0];
  let stage;
  try {
    stage = await prepare();
    heading("What clients get");
    for (const point of POINTS) {
      const ok = await result(point, stage);
      if (ok) passed += 1;
      else failed += 1;
    }
    // wrangler's messages contain URLs: leave out redirect tokens, which have 43 characters.
    if (failed > 0)
      console.log(`\nThe Worker's last lines of output:\n${stage.site.worker.running.lastLines().replace(/[\w-]{43}/g, "…")}`);
    if (keep) keepRunning(stage);
  } catch (error) {
    done();
    console.error(error.message);
    failed += 1;
  }
  const summary = `demo: ${passed} passed, ${failed} failed`;
  process.exitCode = failed > 0 ? 1 : 0;
  if (keep && stage) {
    console.log(`\n${summary}`);
    return;
  }
  if (stage) {
    working("Stopping everything");
    await stage.site.stop();
    await stage.home.stop();
    done();
    console.log("\nTo try it yourself: scripts/demo --keep");
  }
  console.log(`\n${summary}`);
}

await main();
