// The points of the demo, one line each, in order. Each point really does something and throws if the outcome is wrong.

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
const AES = /encrypted link \(a256ctr\)/;
const VERBATIM = /as stored/;
const PLAIN = /plain/;
const RANGE_BYTES = 100_000;
const DOWNLOADS = 10;

const hash = (buffer) => createHash("sha256").update(buffer).digest("hex");

function must(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

/** Downloads with the command line client as Alice; the delivery must match `way`. */
async function download({ home, site }, { mxc }, way, args = []) {
  const result = await get(mxc, { homeserver: site.worker.origin, token: home.alice.token, args });
  must(result.code === EXIT.saved, `cloakroom get: exit code ${result.code}: ${result.stderr.trim()}`);
  must(way.test(result.stderr), `wrong delivery: ${result.stderr.trim()}`);
  return result.bytes ?? result.stdout;
}

/** Downloads a whole file through an encrypted redirect. */
async function whole(stage, file) {
  const saved = await download(stage, file, ENCRYPTED);
  const [sent, received] = [hash(file.bytes), hash(saved)];
  must(sent === received, `the upload has the SHA-256 ${sent}, the download ${received}`);
  return `${count(saved.length)}, same SHA-256 as the upload: ${received.slice(0, 16)}…`;
}

async function linkAlone({ site, picture }) {
  const answer = await site.answer(downloadPath(picture.mxc), { delivery: "redirect" });
  const response = await fetch(answer.url);
  const ciphertext = Buffer.from(await response.arrayBuffer());
  must(response.status === 200, `the link returned ${response.status}`);
  must(ciphertext.length === picture.bytes.length, `the link returned ${ciphertext.length} bytes instead of ${picture.bytes.length}`);
  must(!ciphertext.subarray(0, 16).equals(picture.bytes.subarray(0, 16)), "the link returned plaintext");
  must(!/jpe?g|picture/i.test([...response.headers].flat().join(" ")), "the headers reveal the type or name of the media");
  must(decrypt(answer.key, ciphertext).equals(picture.bytes), "the key does not decrypt it");
  const below = [
    ["the link alone returns", hexdump(ciphertext)],
    ["the uploaded picture", hexdump(picture.bytes)],
  ];
  return { text: `${shortened(answer.url)}  (${response.headers.get("content-type")})`, below };
}

async function middleOfVideo(stage) {
  const { video } = stage;
  const first = video.bytes.length >> 1;
  const last = first + RANGE_BYTES - 1;
  const part = await download(stage, video, ENCRYPTED, ["--output", "-", "--range", `${first}-${last}`]);
  must(part.equals(video.bytes.subarray(first, last + 1)), `received ${part.length} bytes, which differ`);
  return `bytes ${first}-${last} of ${video.bytes.length}, same as in the upload`;
}

async function bySession(stage) {
  const saved = await download(stage, stage.picture, AES, ["--delivery", "session", "--alg", "a256ctr"]);
  must(hash(saved) === hash(stage.picture.bytes), "the download differs from the upload");
  return `${count(saved.length)} by an ordinary redirect; the client derived the key (a256ctr)`;
}

async function attachment(stage, way, args) {
  const { attachment: uploaded } = stage;
  const saved = await download(stage, uploaded, way, args);
  must(hashFits(uploaded.file, saved), "its SHA-256 differs from the one in its event");
  must(decryptAttachment(uploaded.file, saved).equals(uploaded.plaintext), "the key in its event does not decrypt it");
  return "matches the SHA-256 in its event, and decrypts with the key there";
}

async function lookalike({ home, site, picture }) {
  const real = await site.fetch(`${downloadPath(picture.mxc)}?org.matrix.msc4097.delivery=json`);
  must(isAnswer(real), "the picture got no answer");
  const file = { bytes: Buffer.from(await real.arrayBuffer()) };
  file.mxc = await site.upload(file.bytes, { type: "application/json" });
  const saved = await download({ home, site }, file, PLAIN, ["--delivery", "json"]);
  must(saved.equals(file.bytes), "the downloaded file differs");
  return `${count(saved.length)} of JSON with url, key and alg: saved as a file, not followed`;
}

async function nio({ home, site, picture }) {
  const result = await nioDownload(picture.mxc, { homeserver: site.worker.origin, token: home.alice.token });
  must(!result.error, `${result.error} ${result.message}`);
  must(hash(result.bytes) === hash(picture.bytes), "the downloaded picture differs");
  must(result.content_type === "image/jpeg" && result.filename === "picture.jpg", `${result.content_type}, ${result.filename}`);
  return `${result.filename}, ${result.content_type}, same SHA-256 as the upload`;
}

/** Downloads the video nine times more: an earlier point was the first. Counts all bytes of it that the homeserver has sent. */
async function tenDownloads(stage) {
  const { site, video } = stage;
  const path = downloadPath(video.mxc);
  await site.held(path, { keepMeter: true });
  const cost = () => ({ sent: site.meter.bytesSent({ path }), asked: site.meter.count({ path, method: "HEAD", conditional: true }) });
  const first = cost();
  for (let i = 1; i < DOWNLOADS; i += 1)
    must((await download(stage, video, ENCRYPTED)).equals(video.bytes), "the downloaded video differs");
  await site.settled();
  const all = cost();
  must(all.sent === first.sent, `the video is cached, but the homeserver sent ${all.sent - first.sent} more bytes`);
  must(all.asked - first.asked === DOWNLOADS - 1, `the homeserver was asked ${all.asked - first.asked} times`);
  const below = [
    ["first download", `${count(first.sent)} from the homeserver: once for the client, once to fill the cache`],
    [
      "other nine downloads",
      `${count(all.sent - first.sent)} from the homeserver, and ${all.asked - first.asked} requests to authorise them`,
    ],
  ];
  return { text: `${count(DOWNLOADS * video.bytes.length)} to clients, ${count(all.sent)} from the homeserver`, below };
}

async function anonymousAllowed({ home, site, old }) {
  const { code, link: url, stderr } = await link(old.mxc, { homeserver: site.worker.origin, token: home.alice.token });
  must(code === EXIT.linked, `cloakroom link: exit code ${code}: ${stderr.trim()}`);
  const response = await fetch(url);
  const received = Buffer.from(await response.arrayBuffer());
  must(response.status === 200 && received.equals(old.bytes), `${response.status}, ${received.length} bytes`);
  return { text: "200: the policy is m.local, and the picture is older than authenticated media", below: [["cloakroom link prints", url]] };
}

async function anonymousRefused({ site }) {
  const path = legacyPath("mxc://another.example/AbCdEf");
  const response = await site.fetch(path, { token: null });
  const { errcode } = await response.json();
  must(response.status === 401 && errcode === "M_MISSING_TOKEN", `${response.status} ${errcode}`);
  const asked = site.meter.requests.filter((request) => request.path === path).length;
  must(asked === 0, `the homeserver was asked ${asked} times`);
  return `${response.status} ${errcode}: the policy is m.local; the homeserver was not asked`;
}

/** A login response contains the address that clients use from then on. It must not bypass Cloakroom. */
async function loggedIn({ home, site, picture }) {
  const { token, base } = await site.login(home.alice);
  must(base === `${site.worker.origin}/`, `the login response sends clients to ${base}`);
  const response = await fetch(new URL(downloadPath(picture.mxc), base), { headers: { Authorization: `Bearer ${token}` } });
  must(hash(Buffer.from(await response.arrayBuffer())) === hash(picture.bytes), `status ${response.status}, and the bytes differ`);
  return `the response names ${base}, and the picture loads from there`;
}

async function loggedOut({ home, site, video }) {
  const { token } = await home.synapse.createUser("leaving");
  const path = downloadPath(video.mxc);
  const status = async () => (await site.fetch(path, { token, headers: { Range: "bytes=0-0" } })).status;
  const before = await status();
  await home.synapse.logout(token);
  const after = await status();
  must(before === 206 && after === 401, `before ${before}, after ${after}`);
  return "206 before, 401 on the next request, although the video is cached";
}

async function noSecrets() {
  const { secrets, files, found } = searchSecrets(LOG_DIR);
  must(secrets > 0 && files > 0, "there is nothing to search");
  must(found.length === 0, found.map(({ file, line, kind }) => `${file}:${line} contains this secret: ${kind}`).join("; "));
  return `none of ${secrets} keys, tokens and passwords is in the output (${files} files)`;
}

/** @type {{title: string, show: (stage: object) => Promise<string | {text: string, below: [string, string][]}>}[]} */
export const POINTS = [
  { title: "picture through an encrypted link", show: (stage) => whole(stage, stage.picture) },
  { title: "video through an encrypted link", show: (stage) => whole(stage, stage.video) },
  { title: "the link without the key", show: linkAlone },
  { title: "range in the middle of the video", show: middleOfVideo },
  { title: "picture by a session", show: bySession },
  { title: "E2EE attachment, encrypted again", show: (stage) => attachment(stage, ENCRYPTED, []) },
  { title: "E2EE attachment, sent as stored", show: (stage) => attachment(stage, VERBATIM, ["--verbatim"]) },
  { title: "file that looks like an answer", show: lookalike },
  { title: "unmodified client (matrix-nio)", show: nio },
  { title: "ten downloads of the video", show: tenDownloads },
  { title: "no account, old picture", show: anonymousAllowed },
  { title: "no account, remote media", show: anonymousRefused },
  { title: "password login", show: loggedIn },
  { title: "after logout", show: loggedOut },
  { title: "search for leaked secrets", show: noSecrets },
];
