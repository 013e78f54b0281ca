// The tests' readers and writers of formats detect errors.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";

import { decryptAttachment, encryptAttachment, hashFits } from "./attachment.mjs";
import { parseDisposition } from "./disposition.mjs";
import { png, pngSize } from "./png.mjs";
import { run } from "./process.mjs";
import { PYTHON } from "./synapse.mjs";

describe("Content-Disposition", () => {
  it("is parsed by its grammar", () => {
    const read = (header) => Object.values(parseDisposition(header));
    assert.deepEqual(read("inline"), ["inline", undefined]);
    assert.deepEqual(read("Attachment; filename=a.png"), ["attachment", "a.png"]);
    assert.deepEqual(read('inline; filename="a; b.png"'), ["inline", "a; b.png"]);
    assert.deepEqual(read('inline; filename="a\\"b\\\\c"'), ["inline", 'a"b\\c']);
    assert.deepEqual(read("inline; filename=\"x\"; filename*=utf-8''%C3%A4%20b"), ["inline", "ä b"]);
  });

  it("is refused if it breaks the grammar", () => {
    for (const header of [
      "",
      "inline; filename=a b",
      'inline; filename="a',
      "inline filename=a",
      "inline; filename=a; filename=b",
      "inline; =a",
    ]) {
      assert.throws(() => parseDisposition(header), /expected/, header);
    }
    assert.throws(() => parseDisposition("inline; filename*=latin-1''a"), /not an extended value/);
  });
});

describe("attachments", () => {
  it("open only with their own key and hash", () => {
    const plaintext = Buffer.from("a voice message");
    const { ciphertext, file } = encryptAttachment(plaintext);
    assert.ok(!ciphertext.equals(plaintext) && ciphertext.length === plaintext.length);
    assert.deepEqual(decryptAttachment(file, ciphertext), plaintext);
    ciphertext[3] ^= 1;
    assert.equal(hashFits(file, ciphertext), false);
    assert.throws(() => decryptAttachment(file, ciphertext), /SHA-256/);
  });

  it("can be opened by matrix-nio too", async () => {
    const plaintext = Buffer.from("a voice message");
    const { ciphertext, file } = encryptAttachment(plaintext);
    const script = [
      "import json, sys",
      "from nio.crypto.attachments import decrypt_attachment",
      "given = json.load(sys.stdin)",
      "file = given['file']",
      "data = bytes.fromhex(given['ciphertext'])",
      "sys.stdout.buffer.write(decrypt_attachment(data, file['key']['k'], file['hashes']['sha256'], file['iv']))",
    ].join("\n");
    const input = JSON.stringify({ ciphertext: ciphertext.toString("hex"), file });
    const { code, stdout, stderr } = await run(PYTHON, ["-c", script], { name: "attachment", input });
    assert.deepEqual([code, stdout.toString()], [0, "a voice message"], stderr);
  });
});

describe("pictures", () => {
  it("are PNGs of the given size that differ by name", () => {
    const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
    assert.deepEqual(pngSize(png(30, 20)), { width: 30, height: 20 });
    assert.equal(hash(png(30, 20)), hash(png(30, 20)));
    assert.notEqual(hash(png(30, 20, "one")), hash(png(30, 20, "two")));
    assert.throws(() => pngSize("GIF89a, not a PNG at all"), /not a PNG/);
  });
});
