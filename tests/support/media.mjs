// A real picture and a real video, made by ffmpeg and kept between runs.
//
// They show moving test patterns under camera noise. Noise does not compress, so the files are as large as those of a camera.

import { copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { run, start, tempDir } from "./process.mjs";

const CACHE_DIR = process.env.CLOAKROOM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cloakroom");
// Raise this when the recipes below change.
const RECIPE = 1;
const FOLDER = join(CACHE_DIR, `demo-media-${RECIPE}`);

const PROGRESS_MS = 250;
const VIDEO_SECS = 20;
const VIDEO_BITS_PER_SEC = 12_000_000;
/** Encoders in order of preference: H.264 in software, H.264 in hardware on macOS, then one that every ffmpeg has. */
const VIDEO_ENCODERS = [["libx264", "-preset", "ultrafast"], ["h264_videotoolbox"], ["mpeg4"]];

/**
 * @param {(percent: number) => void} [onProgress] called during the encoding of the video
 * @returns {Promise<{picture: string, video: string}>} paths: a JPEG of about 100 kB, an MP4 of about 30 MB
 */
export async function demoMedia(onProgress = (_percent) => {}) {
  mkdirSync(FOLDER, { recursive: true });
  const [picture, video] = [join(FOLDER, "picture.jpg"), join(FOLDER, "video.mp4")];
  if (!existsSync(picture)) await make(picture, pictureArguments());
  if (!existsSync(video)) await make(video, await videoArguments(), onProgress);
  return { picture, video };
}

function pictureArguments() {
  const scene = "mandelbrot=size=1280x960:start_scale=0.01,noise=alls=12:allf=t";
  return ["-f", "lavfi", "-i", scene, "-frames:v", "1", "-q:v", "5", "-f", "mjpeg"];
}

async function videoArguments() {
  const { stdout } = await run("ffmpeg", ["-hide_banner", "-encoders"], { name: "ffmpeg-encoders", keepLog: false });
  const known = stdout.toString();
  const encoder = VIDEO_ENCODERS.find(([name]) => known.includes(` ${name} `));
  if (!encoder) throw new Error(`this ffmpeg has none of the encoders ${VIDEO_ENCODERS.map(([name]) => name).join(", ")}`);
  const inputs = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t", "-f", "lavfi", "-i", "sine=frequency=220"];
  const rate = ["-b:v", VIDEO_BITS_PER_SEC, "-maxrate", VIDEO_BITS_PER_SEC, "-bufsize", VIDEO_BITS_PER_SEC].map(String);
  const sound = ["-c:a", "aac", "-b:a", "96k"];
  return [
    ...inputs,
    "-t",
    String(VIDEO_SECS),
    "-c:v",
    ...encoder,
    "-pix_fmt",
    "yuv420p",
    ...rate,
    ...sound,
    "-movflags",
    "+faststart",
    "-f",
    "mp4",
  ];
}

/** Runs ffmpeg. The file gets its name when it is complete. */
async function make(path, args, onProgress = (_percent) => {}) {
  const made = join(tempDir("media"), "made");
  const ffmpeg = await start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-progress", "pipe:1", ...args, made], {
    name: "ffmpeg",
  });
  while (!ffmpeg.ended) {
    const micros = ffmpeg.output().match(/.*out_time_us=(\d+)/s)?.[1] ?? 0;
    onProgress(Math.min(100, Math.round(Number(micros) / VIDEO_SECS / 10_000)));
    await Promise.race([ffmpeg.exited, sleep(PROGRESS_MS)]);
  }
  if (ffmpeg.ended.code !== 0) throw new Error(`ffmpeg could not make ${path}:\n${ffmpeg.ended.error?.message ?? ffmpeg.lastLines()}`);
  await ffmpeg.stop();
  const part = `${path}.${process.pid}.part`;
  copyFileSync(made, part);
  renameSync(part, path);
}
