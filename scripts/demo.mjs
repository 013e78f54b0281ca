// The demo itself; scripts/demo sets up and builds, then runs this.
//
// Starts Synapse and the Worker, uploads, goes through the points one by one, and removes everything again.

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
  // Before the listener that ends all processes, which ends this one too.
  process.prependOnceListener(signal, () => {
    done();
    console.log("Stopping and removing everything.");
    removeLogs();
  });
}

/** Starts everything and uploads; what comes back is what the points work with. */
async function prepare() {
  working("Preparing the picture and the video");
  const files = await demoMedia((percent) => working(`Encoding the video, ${percent} %`));
  const [picture, video] = [readFileSync(files.picture), readFileSync(files.video)];
  working("Starting Synapse");
  // To people without an account Synapse gives only what is from before it had authenticated media: so it has not, for one picture.
  const home = await startHome({ config: { enable_authenticated_media: false } });
  const old = await home.synapse.upload(home.alice.token, picture, { type: "image/jpeg", filename: "old.jpg" });
  await home.synapse.restart({ enable_authenticated_media: true });
  working("Starting the Worker");
  // The operator agrees that clients may have ciphertext as it is stored; each client says for itself whether it wants that.
  const site = await startSite(home, { vars: { ENCRYPTED_MEDIA: "verbatim", MEDIA_UNAUTHENTICATED: "m.local" } });
  working("Uploading");
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
  heading("Cloakroom in front of a homeserver");
  line("homeserver for clients", `${site.worker.origin}  (Synapse behind it: ${home.synapse.url})`);
  line("where links lead", site.worker.edge);
  const [first, second, third] = [picture, video, ciphertext].map(({ length }) => bytes(length));
  line("uploaded", `picture.jpg ${first}, video.mp4 ${second}, an attachment of an encrypted room ${third}`);
  return stage;
}

async function main() {
  let [passed, failed] = [0, 0];
  let stage;
  try {
    stage = await prepare();
    heading("What clients see");
    for (const point of POINTS) {
      const ok = await result(point, stage);
      if (ok) passed += 1;
      else failed += 1;
    }
    // wrangler names URLs in its own messages: redirect tokens, 43 characters, are left out.
    if (failed > 0) console.log(`\nThe Worker's last lines:\n${stage.site.worker.running.lastLines().replace(/[\w-]{43}/g, "…")}`);
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
    working("Stopping");
    await stage.site.stop();
    await stage.home.stop();
    done();
  }
  console.log(`\n${summary}`);
}

await main();
