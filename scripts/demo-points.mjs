// What the demo shows, one point a line, in the order in which they are shown. Each one tries something for real and throws where the outcome is
// not as it should be.

import { createHash } from "node:crypto";

import { isAnswer } from "../tests/support/answer.mjs";
import { decryptAttachment, hashFits } from "../tests/support/attachment.mjs";
import { decrypt } from "../tests/support/cipher.mjs";
import { EXIT, get, link } from "../tests/support/cli.mjs";
import { nioDownload } from "../tests/support/nio.mjs";
import { LOG_DIR } from "../tests/support/process.mjs";
import { searchSecrets } from "../tests/support/secrets.mjs";
import { downloadPath, legacyPath } from "../tests/support/site.mjs";
import { bytes as count, hexdump, shortened } from "./demo-show.mjs";

const ENCRYPTED = /encrypted link \(chacha20\)/;
const VERBATIM = /as stored/;
const PLAIN = /plain/;
const RANGE_BYTES = 100_000;
const DOWNLOADS = 10;

const hash = (buffer) => createHash("sha256").update(buffer).digest("hex");

function must(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/** Downloads with the command line client as Alice; it must come that way. */
async function download({ home, site }, { mxc }, way, args = []) {
  const result = await get(mxc, { homeserver: site.worker.origin, token: home.alice.token, args });
  must(result.code === EXIT.saved, `cloakroom get: exit code ${result.code}: ${result.stderr.trim()}`);
  must(way.test(result.stderr), `it came another way: ${result.stderr.trim()}`);
  return result.bytes ?? result.stdout;
}

/** A whole file through an encrypted redirect. */
async function whole(stage, file) {
  const saved = await download(stage, file, ENCRYPTED);
  const [sent, received] = [hash(file.bytes), hash(saved)];
  must(sent === received, `SHA-256 of the upload ${sent}, of the download ${received}`);
  return `${count(saved.length)}, SHA-256 equal: ${received.slice(0, 16)}…`;
}

async function linkAlone({ site, picture }) {
  const answer = await site.answer(downloadPath(picture.mxc), { delivery: "redirect" });
  const response = await fetch(answer.url);
  const ciphertext = Buffer.from(await response.arrayBuffer());
  must(response.status === 200, `the link gave ${response.status}`);
  must(ciphertext.length === picture.bytes.length, `${ciphertext.length} bytes instead of ${picture.bytes.length}`);
  must(!ciphertext.subarray(0, 16).equals(picture.bytes.subarray(0, 16)), "the link gave plaintext");
  must(!/jpe?g|picture/i.test([...response.headers].flat().join(" ")), "the headers tell what the media are");
  must(decrypt(answer.key, ciphertext).equals(picture.bytes), "the key does not open it");
  const below = [
    ["what the link alone gives", hexdump(ciphertext)],
    ["what was uploaded", hexdump(picture.bytes)],
  ];
  return { text: `${shortened(answer.url)}  (${response.headers.get("content-type")})`, below };
}

async function middleOfVideo(stage) {
  const { video } = stage;
  const first = video.bytes.length >> 1;
  const last = first + RANGE_BYTES - 1;
  const part = await download(stage, video, ENCRYPTED, ["--output", "-", "--range", `${first}-${last}`]);
  must(part.equals(video.bytes.subarray(first, last + 1)), `${part.length} bytes came, and not those`);
  return `bytes ${first}-${last} of ${video.bytes.length}, equal`;
}

async function attachment(stage, way, args) {
  const { attachment: uploaded } = stage;
  const saved = await download(stage, uploaded, way, args);
  must(hashFits(uploaded.file, saved), "its SHA-256 is not the one in its event");
  must(decryptAttachment(uploaded.file, saved).equals(uploaded.plaintext), "its event's key does not open it");
  return "the SHA-256 in its event is right, its key opens it";
}

async function lookalike({ home, site, picture }) {
  const real = await site.fetch(`${downloadPath(picture.mxc)}?org.matrix.msc4097.delivery=json`);
  must(isAnswer(real), "no answer came for the picture");
  const file = { bytes: Buffer.from(await real.arrayBuffer()) };
  file.mxc = await site.upload(file.bytes, { type: "application/json" });
  const saved = await download({ home, site }, file, PLAIN, ["--delivery", "json"]);
  must(saved.equals(file.bytes), "another file came back");
  return `${count(saved.length)} of JSON with url, key and alg: saved, not followed`;
}

async function nio({ home, site, picture }) {
  const result = await nioDownload(picture.mxc, { homeserver: site.worker.origin, token: home.alice.token });
  must(!result.error, `${result.error} ${result.message}`);
  must(hash(result.bytes) === hash(picture.bytes), "other bytes came");
  must(result.content_type === "image/jpeg" && result.filename === "picture.jpg", `${result.content_type}, ${result.filename}`);
  return `${result.content_type}, ${result.filename}, SHA-256 equal`;
}

/** The first of the ten was above. All that the homeserver sent of the video since its upload is counted. */
async function tenDownloads(stage) {
  const { site, video } = stage;
  const path = downloadPath(video.mxc);
  await site.held(path, { keepMeter: true });
  const cost = () => ({ sent: site.meter.bytesSent({ path }), asked: site.meter.count({ path, method: "HEAD", conditional: true }) });
  const first = cost();
  for (let i = 1; i < DOWNLOADS; i += 1) must((await download(stage, video, ENCRYPTED)).equals(video.bytes), "other bytes came");
  await site.settled();
  const all = cost();
  must(all.sent === first.sent, `with the video in the cache the homeserver sent ${all.sent - first.sent} bytes more`);
  must(all.asked - first.asked === DOWNLOADS - 1, `the homeserver was asked ${all.asked - first.asked} times`);
  const below = [
    ["for the first", `${count(first.sent)}: to the client, and once more for the cache`],
    ["for the other nine", `${count(all.sent - first.sent)}: asked ${all.asked - first.asked} times whether this user may have it`],
  ];
  return { text: `${count(DOWNLOADS * video.bytes.length)} for clients, ${count(all.sent)} from the homeserver`, below };
}

async function anonymousAllowed({ home, site, old }) {
  const { code, link: url, stderr } = await link(old.mxc, { homeserver: site.worker.origin, token: home.alice.token });
  must(code === EXIT.linked, `cloakroom link: exit code ${code}: ${stderr.trim()}`);
  const response = await fetch(url);
  const received = Buffer.from(await response.arrayBuffer());
  must(response.status === 200 && received.equals(old.bytes), `${response.status}, ${received.length} bytes`);
  return { text: "200: m.local, and Synapse has it from before it had authenticated media", below: [["the link that cloakroom prints", url]] };
}

async function anonymousRefused({ site }) {
  const path = legacyPath("mxc://another.example/AbCdEf");
  const response = await site.fetch(path, { token: null });
  const { errcode } = await response.json();
  must(response.status === 401 && errcode === "M_MISSING_TOKEN", `${response.status} ${errcode}`);
  const asked = site.meter.requests.filter((request) => request.path === path).length;
  must(asked === 0, `the homeserver was asked ${asked} times`);
  return `${response.status} ${errcode}: m.local, the homeserver is not asked`;
}

/** The answer to a login has an address, which clients use from then on: it must not lead past Cloakroom. */
async function loggedIn({ home, site, picture }) {
  const { token, base } = await site.login(home.alice);
  must(base === `${site.worker.origin}/`, `the answer sends clients to ${base}`);
  const response = await fetch(new URL(downloadPath(picture.mxc), base), { headers: { Authorization: `Bearer ${token}` } });
  must(hash(Buffer.from(await response.arrayBuffer())) === hash(picture.bytes), `${response.status}, and other bytes`);
  return `the answer names ${base}, and the picture comes from there`;
}

async function loggedOut({ home, site, video }) {
  const { token } = await home.synapse.createUser("leaving");
  const path = downloadPath(video.mxc);
  const status = async () => (await site.fetch(path, { token, headers: { Range: "bytes=0-0" } })).status;
  const before = await status();
  await home.synapse.logout(token);
  const after = await status();
  must(before === 206 && after === 401, `before ${before}, after ${after}`);
  return "206 before, 401 on the next request, although the cache holds it";
}

async function noSecrets() {
  const { secrets, files, found } = searchSecrets(LOG_DIR);
  must(secrets > 0 && files > 0, "nothing to search");
  must(found.length === 0, found.map(({ file, line, kind }) => `${file}:${line} contains a ${kind}`).join("; "));
  return `${secrets} keys, tokens and passwords, none of them in ${files} files of output`;
}

/** @type {{title: string, show: (stage: object) => Promise<string | {text: string, below: [string, string][]}>}[]} */
export const POINTS = [
  { title: "picture, encrypted redirect", show: (stage) => whole(stage, stage.picture) },
  { title: "video, encrypted redirect", show: (stage) => whole(stage, stage.video) },
  { title: "the link", show: linkAlone },
  { title: "a range from the video's middle", show: middleOfVideo },
  { title: "E2EE attachment, encrypted again", show: (stage) => attachment(stage, ENCRYPTED, []) },
  { title: "E2EE attachment, verbatim", show: (stage) => attachment(stage, VERBATIM, ["--verbatim"]) },
  { title: "a file that looks like an answer", show: lookalike },
  { title: "matrix-nio as it comes, picture", show: nio },
  { title: "ten downloads of the video", show: tenDownloads },
  { title: "no account, a picture of before", show: anonymousAllowed },
  { title: "no account, remote media", show: anonymousRefused },
  { title: "password login", show: loggedIn },
  { title: "logged out", show: loggedOut },
  { title: "secrets in the output", show: noSecrets },
];
