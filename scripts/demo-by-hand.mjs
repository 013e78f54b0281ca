// What `scripts/demo --keep` says at its end: commands with the real ports, in a folder of their own that holds the access token.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { CLI } from "../tests/support/cli.mjs";
import { tempDir } from "../tests/support/process.mjs";
import { downloadPath } from "../tests/support/site.mjs";

const quoted = (text) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Prints how to try by hand, and keeps this process, and so all others, from ending. */
export function keepRunning({ home, site, picture, video }) {
  const folder = tempDir("by-hand");
  const { token, userId } = home.alice;
  writeFileSync(join(folder, "token"), `${token}\n`, { mode: 0o600 });
  // For curl: a header in a file, so that the token is not in the list of processes.
  writeFileSync(join(folder, "authorization"), `Authorization: Bearer ${token}\n`, { mode: 0o600 });
  const [pictureUrl, videoUrl] = [picture, video].map(({ mxc }) => site.worker.origin + downloadPath(mxc));
  console.log(`
Everything keeps running until Ctrl-C, which stops and removes it. In another terminal, as ${userId}, whose access token is in the file 'token':

  cd ${quoted(folder)}
  export CLOAKROOM_HOMESERVER=${site.worker.origin}

Through an encrypted redirect, the picture and the first bytes of the video:

  ${quoted(CLI)} get --verbose --token-file token ${picture.mxc} -o picture.jpg
  ${quoted(CLI)} get --token-file token ${video.mxc} --range 0-63 -o - | od -A d -t x1z

Link and key; then the link alone, which gives ciphertext:

  curl -s -H @authorization '${pictureUrl}?org.matrix.msc4097.delivery=json' | tee answer.json
  curl -s "$(sed -E 's/.*"url":"([^"]*)".*/\\1/' answer.json)" | od -A d -t x1z | head -n 4

As any other client, the picture and a range of the video:

  curl -s -H @authorization ${pictureUrl} -o same-picture.jpg
  curl -s -i -H @authorization -H 'Range: bytes=0-9' --output - ${videoUrl}

A file of your own:

  curl -s -H @authorization -H 'Content-Type: image/jpeg' --data-binary @picture.jpg '${site.worker.origin}/_matrix/media/v3/upload?filename=mine.jpg'

What the Worker says meanwhile (nothing, as long as nothing is wrong):

  tail -f ${quoted(site.worker.running.logPath)}`);
  // The processes that were started do not keep this one from ending; this does.
  setInterval(() => {}, 1 << 30);
}
