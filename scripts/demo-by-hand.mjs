// What `scripts/demo --keep` says at its end: commands with the real ports, and the access token in a file.

import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { CLI } from "../tests/support/cli.mjs";
import { ROOT, tempDir } from "../tests/support/process.mjs";
import { downloadPath } from "../tests/support/site.mjs";

const quoted = (text) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Prints how to try by hand, and keeps this process, and so all others, from ending. */
export function keepRunning({ home, site, picture, video }) {
  const folder = tempDir("by-hand");
  const file = (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const token = file("token", `${home.alice.token}\n`);
  // For curl: a header in a file, so that the token is not in the list of processes.
  const header = file("authorization", `Authorization: Bearer ${home.alice.token}\n`);
  const cli = relative(ROOT, CLI).startsWith("..") ? CLI : relative(ROOT, CLI);
  const url = site.worker.origin + downloadPath(picture.mxc);
  console.log(`
Everything keeps running until Ctrl-C, which stops and removes it. In another terminal:

  cd ${quoted(ROOT)}
  export CLOAKROOM_HOMESERVER=${site.worker.origin}
  token=${quoted(token)}  # the access token of ${home.alice.userId}
  header=${quoted(header)}  # the same for curl

  # through an encrypted redirect
  ${quoted(cli)} get --verbose --token-file "$token" ${picture.mxc} -o picture.jpg
  ${quoted(cli)} get --token-file "$token" ${video.mxc} --range 0-63 -o - | od -A d -t x1z

  # link and key; then the link alone: ciphertext
  curl -s -H @"$header" '${url}?org.matrix.msc4097.delivery=json' | tee answer.json
  curl -s "$(sed -E 's/.*"url":"([^"]*)".*/\\1/' answer.json)" | od -A d -t x1z | head -n 4

  # as any other client: the media, and a range of it
  curl -s -H @"$header" ${url} -o picture.jpg
  curl -s -i -H @"$header" -H 'Range: bytes=0-9' --output - ${site.worker.origin}${downloadPath(video.mxc)} | head -n 20

  # a file of your own
  curl -s -H @"$header" -H 'Content-Type: image/jpeg' --data-binary @picture.jpg '${site.worker.origin}/_matrix/media/v3/upload?filename=mine.jpg'

  # what the Worker says meanwhile
  tail -f ${quoted(site.worker.running.logPath)}`);
  // The processes that were started do not keep this one from ending; this does.
  setInterval(() => {}, 1 << 30);
}
