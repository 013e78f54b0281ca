// Makes pictures without an image library, for the homeserver's thumbnails.
//
// PNG (RFC 2083): 8-bit RGB, no interlacing, every line with filter 0. The pixels are noise over a gradient, so they do not compress.

import { crc32, deflateSync } from "node:zlib";

import { Source } from "./bytes.mjs";

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
const RGB = 2;
const CHANNELS = 3;

/**
 * @param {number} width in pixels
 * @param {number} height in pixels
 * @param {string} [name] pictures with different names have different pixels
 * @returns {Buffer} about `width * height * 3` bytes
 */
export function png(width, height, name = "picture") {
  const noise = new Source(name, width * height * CHANNELS).slice();
  const line = 1 + width * CHANNELS;
  const pixels = Buffer.alloc(height * line);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * CHANNELS;
      const colour = [(255 * x) / width, (255 * y) / height, 128];
      for (let channel = 0; channel < CHANNELS; channel += 1) {
        pixels[y * line + 1 + x * CHANNELS + channel] = (colour[channel] + noise[at + channel]) >> 1;
      }
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, RGB, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk("IHDR", header), chunk("IDAT", deflateSync(pixels)), chunk("IEND", Buffer.alloc(0))]);
}

/** Returns width and height of a PNG. @throws {Error} if the bytes are not a PNG */
export function pngSize(bytes) {
  const buffer = Buffer.from(bytes);
  if (!buffer.subarray(0, 8).equals(SIGNATURE)) throw new Error(`not a PNG: it begins with ${buffer.subarray(0, 16).toString("hex")}`);
  return { width: buffer.readUInt32BE(16), height: buffer.readUInt32BE(20) };
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
