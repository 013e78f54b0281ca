// Prints the commands to try after `scripts/demo --keep`, with the real ports. They run in a folder that holds the access token.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { CLI } from "../tests/support/cli.mjs";
import { tempDir } from "../tests/support/process.mjs";
import { downloadPath } from "../tests/support/site.mjs";

const quoted = (text) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Prints commands to try, and keeps this process running, and thus all others. */
export function keepRunning({ home, site, picture, video }) {
  const folder = tempDir("by-hand");
  const { token, userId } = home.alice;
  writeFileSync(join(folder, "token"), `${token}\n`, { mode: 0o600 });
  // curl reads the header from a file, which keeps the token out of the process list.
  writeFileSync(join(folder, "authorization"), `Authorization: Bearer ${token}\n`, { mode: 0o600 });
  const [pictureUrl, videoUrl] = [picture, video].map(({ mxc }) => site.worker.origin + downloadPath(mxc));
  console.log(`
Everything keeps running until you press Ctrl-C, which stops and removes it. Try these commands in another terminal. They act as
${userId}, whose access token is in the file 'token':

  cd ${quoted(folder)}
  export CLOAKROOM_HOMESERVER=${site.worker.origin}

Download the picture and the first bytes of the video through encrypted links:

  ${quoted(CLI)} get --verbose --token-file token ${picture.mxc} -o picture.jpg
  ${quoted(CLI)} get --token-file token ${video.mxc} --range 0-63 -o - | od -A d -t x1z

Get a link and a key, then follow the link alone, which returns ciphertext:

  curl -s -H @authorization '${pictureUrl}?org.matrix.msc4097.delivery=json' | tee answer.json
  curl -s "$(sed -E 's/.*"url":"([^"]*)".*/\\1/' answer.json)" | od -A d -t x1z | head -n 4

Download the picture and a range of the video as any other client does:

  curl -s -H @authorization ${pictureUrl} -o same-picture.jpg
  curl -s -i -H @authorization -H 'Range: bytes=0-9' --output - ${videoUrl}

Upload a file:

  curl -s -H @authorization -H 'Content-Type: image/jpeg' --data-binary @picture.jpg '${site.worker.origin}/_matrix/media/v3/upload?filename=mine.jpg'

Watch the Worker's output (it stays empty while nothing is wrong):

  tail -f ${quoted(site.worker.running.logPath)}`);
  // Child processes do not keep this one running; this timer does.
  setInterval(() => {}, 1 << 30);
}
