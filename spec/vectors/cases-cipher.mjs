// Cases of the cipher and of sealed metadata. Their outputs are computed by reference.mjs.
import { base64url, bytes32, counting, hex, KEYSTREAM_BYTES, seal, sha256, xor } from "./reference.mjs";

const key = bytes32("a key");

export function cipherCases() {
  return [...rfc8439(), ...offsets(), ...ends(), ...aes(), ...sealing(), ...unsealing(), ...aesMetadata()];
}

/** A case whose data is given in hex. `rfc` is the keystream that a standard prints, which the reference must give too. */
function cipher(name, comment, { alg = "chacha20", key: used = key, stream = "body", offset = 0, data, rfc }) {
  const bytes = xor(used, stream, offset, data, alg);
  if (rfc !== undefined && hex(bytes) !== rfc) throw new Error(`${name}: the reference disagrees with the standard`);
  return {
    kind: "cipher",
    name,
    comment,
    expect: "success",
    input: { alg, key: base64url(used), stream, offset, data: hex(data) },
    output: { data: hex(bytes), released_sha256: sha256(bytes) },
  };
}

/** A case that encrypts `zeros` bytes 0: the keystream itself, given by its hash alone. */
function keystream(name, comment, { alg = "chacha20", stream = "body", offset = 0, zeros }) {
  const released_sha256 = sha256(xor(key, stream, offset, Buffer.alloc(zeros), alg));
  return {
    kind: "cipher",
    name,
    comment,
    expect: "success",
    input: { alg, key: base64url(key), stream, offset, zeros },
    output: { released_sha256 },
  };
}

function rfc8439() {
  const zero = Buffer.alloc(32);
  const data = Buffer.alloc(64);
  const ending01 = Buffer.alloc(32);
  ending01[31] = 1;
  const second_ff = Buffer.alloc(32);
  second_ff[1] = 0xff;
  return [
    cipher("rfc8439-a1-1", "RFC 8439 appendix A.1, test vector 1: the zero key, block 0", {
      key: zero,
      data,
      rfc: "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    }),
    cipher("rfc8439-a1-2", "RFC 8439 appendix A.1, test vector 2: the zero key, block 1, which is byte 64", {
      key: zero,
      offset: 64,
      data,
      rfc: "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
    }),
    cipher("rfc8439-a1-3", "RFC 8439 appendix A.1, test vector 3: a key that ends in 1, block 1", {
      key: ending01,
      offset: 64,
      data,
      rfc: "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
    }),
    cipher("rfc8439-a1-4", "RFC 8439 appendix A.1, test vector 4: a key with ff in its second byte, block 2", {
      key: second_ff,
      offset: 128,
      data,
      rfc: "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096",
    }),
  ];
}

function offsets() {
  const data = counting(100);
  return [
    cipher("offset-0", "the first bytes of an object", { data }),
    cipher("offset-1", "from the second byte on", { offset: 1, data: counting(99, 1) }),
    cipher("offset-63", "from the last byte of the first block on, over its border", { offset: 63, data }),
    cipher("offset-64", "from a block's border on", { offset: 64, data }),
    cipher("offset-100", "from the middle of the second block on", { offset: 100, data }),
    cipher("nothing", "no bytes at all", { data: Buffer.alloc(0) }),
    cipher("one-byte", "one byte in the middle of a block", { offset: 1_000_003, data: Buffer.from([0x5a]) }),
    cipher("five-blocks-and-a-bit", "more than four blocks at once, from an unaligned offset", { offset: 7, data: counting(333) }),
    keystream("64-kibibytes-and-a-bit", "many blocks, from an unaligned offset to an unaligned end", { offset: 13, zeros: 2 ** 16 + 77 }),
    cipher("over-2-31", "over byte 2^31, where a signed 32-bit offset ends", { offset: 2 ** 31 - 50, data }),
    cipher("over-2-32", "over byte 2^32, where an unsigned 32-bit offset ends", { offset: 2 ** 32 - 50, data }),
    cipher("over-2-35", "over byte 2^35, where a signed 32-bit count of 16-byte blocks ends", { offset: 2 ** 35 - 50, data }),
    cipher("metadata-stream", "the metadata's keystream, which the body's never repeats", { stream: "metadata", data }),
  ];
}

/** A case that ends beyond the keystream. */
const end = (name, comment, offset, data, alg = "chacha20") => ({
  kind: "cipher",
  name,
  comment,
  expect: "end",
  input: { alg, key: base64url(key), stream: "body", offset, data: hex(data) },
  output: { released_sha256: sha256("") },
});

function ends() {
  return [
    cipher("last-byte", "the last byte of the keystream", { offset: KEYSTREAM_BYTES - 1, data: counting(1) }),
    cipher("last-blocks", "up to the last byte of the keystream", { offset: KEYSTREAM_BYTES - 100, data: counting(100) }),
    cipher("nothing-at-the-end", "no bytes at the very end are no error", { offset: KEYSTREAM_BYTES, data: Buffer.alloc(0) }),
    end("end-one-byte-over", "one byte beyond the end: nothing is released, not even what fits", KEYSTREAM_BYTES - 3, counting(4)),
    end("end-at-the-end", "one byte at the end", KEYSTREAM_BYTES, counting(1)),
    end("end-beyond", "an offset beyond the end is refused by itself, even without data", KEYSTREAM_BYTES + 1, Buffer.alloc(0)),
  ];
}

function aes() {
  const alg = "a256ctr";
  const data = counting(100);
  const at = (offset, comment) => cipher(`aes-offset-${offset}`, comment, { alg, offset, data });
  return [
    cipher("aes-zero-key", "a256ctr: the zero key, block 0, which is AES-256 of the zero block", {
      alg,
      key: Buffer.alloc(32),
      data: Buffer.alloc(16),
      rfc: "dc95c078a2408989ad48a21492842087",
    }),
    at(0, "a256ctr: the first bytes of an object"),
    at(1, "a256ctr: from the second byte on"),
    at(15, "a256ctr: from the last byte of the first block on, over its border"),
    at(16, "a256ctr: from a block's border on"),
    at(17, "a256ctr: from the second byte of the second block on"),
    cipher("aes-one-byte", "a256ctr: one byte in the middle of a block", { alg, offset: 1_000_003, data: Buffer.from([0x5a]) }),
    cipher("aes-nothing", "a256ctr: no bytes at all", { alg, data: Buffer.alloc(0) }),
    keystream("aes-64-kibibytes-and-a-bit", "a256ctr: many blocks, from an unaligned offset to an unaligned end", {
      alg,
      offset: 13,
      zeros: 2 ** 16 + 77,
    }),
    cipher("aes-over-2-31", "a256ctr: over byte 2^31", { alg, offset: 2 ** 31 - 50, data }),
    cipher("aes-over-2-32", "a256ctr: over byte 2^32", { alg, offset: 2 ** 32 - 50, data }),
    cipher("aes-over-2-35", "a256ctr: over byte 2^35, where a signed 32-bit count of blocks ends", { alg, offset: 2 ** 35 - 50, data }),
    cipher("aes-metadata-stream", "a256ctr: the metadata's keystream", { alg, stream: "metadata", data }),
    cipher("aes-last-byte", "a256ctr: the last byte of the keystream", { alg, offset: KEYSTREAM_BYTES - 1, data: counting(1) }),
    cipher("aes-last-blocks", "a256ctr: up to the last byte of the keystream", { alg, offset: KEYSTREAM_BYTES - 100, data }),
    end(
      "aes-end-one-byte-over",
      "a256ctr: one byte beyond the end. A longer counter would go on there with the metadata's keystream",
      KEYSTREAM_BYTES - 3,
      counting(4),
      alg,
    ),
    end("aes-end-at-the-end", "a256ctr: one byte at the end", KEYSTREAM_BYTES, counting(1), alg),
  ];
}

function aesMetadata() {
  const alg = "a256ctr";
  const json = '{"size":123456,"content_type":"image/png","content_disposition":"inline; filename=x.png"}';
  const sealed = seal(key, json, alg);
  const unsealing = (name, comment, expect, used, metadata) => ({
    kind: "metadata-unseal",
    name,
    comment,
    expect,
    input: { alg: used, key: base64url(key), sealed },
    output: metadata && { metadata },
  });
  return [
    {
      kind: "metadata-seal",
      name: "aes",
      comment: "metadata is sealed under the algorithm of the link",
      expect: "success",
      input: { alg, key: base64url(key), json },
      output: { sealed },
    },
    unsealing("aes", "the metadata comes out", "success", alg, JSON.parse(json)),
    unsealing("aes-read-as-chacha20", "under another algorithm it does not parse", "wrong_key", "chacha20"),
  ];
}

function sealing() {
  const sealing = (name, comment, json) => {
    const fits = Buffer.byteLength(json) <= 1024;
    return {
      kind: "metadata-seal",
      name,
      comment,
      expect: fits ? "success" : "too_long",
      input: { alg: "chacha20", key: base64url(key), json },
      output: fits ? { sealed: seal(key, json) } : undefined,
    };
  };
  // The longest file names that a JSON of 1,024 bytes can hold, and one byte more.
  const long = (bytes) => {
    const json = (name) => JSON.stringify({ size: 5, content_type: "image/png", content_disposition: `inline; filename=${name}` });
    return json("x".repeat(bytes - json("").length));
  };
  return [
    sealing(
      "a-picture",
      "metadata as a homeserver gives it",
      '{"size":123456,"content_type":"image/png","content_disposition":"inline; filename=x.png"}',
    ),
    sealing("no-disposition", "a member that is absent", '{"size":0,"content_type":"application/octet-stream"}'),
    sealing("longest", "exactly 1,024 bytes: no padding", long(1024)),
    sealing("too-long", "1,025 bytes are never cut: the file name is shortened before, at mint", long(1025)),
  ];
}

function unsealing() {
  const unsealing = (name, comment, expect, sealed, metadata, used = key) => ({
    kind: "metadata-unseal",
    name,
    comment,
    expect,
    input: { alg: "chacha20", key: base64url(used), sealed },
    output: metadata && { metadata },
  });
  const metadata = { size: 123456, content_type: "image/png", content_disposition: 'inline; filename="x.png"' };
  const good = seal(key, JSON.stringify(metadata));
  const sealBytes = (bytes) => base64url(xor(key, "metadata", 0, bytes));
  const shortened = {
    size: 1,
    content_type: "text/plain",
    content_disposition: `inline; filename*=utf-8''${"%E2%98%83".repeat(98)}.txt`,
  };
  const json = JSON.stringify(metadata);
  return [
    unsealing("good", "the metadata comes out", "success", good, metadata),
    unsealing("no-disposition", "content_disposition may be absent", "success", seal(key, '{"size":7,"content_type":"a/b"}'), {
      size: 7,
      content_type: "a/b",
    }),
    unsealing(
      "shortened-name",
      "a long file name was shortened at mint and kept its extension",
      "success",
      seal(key, JSON.stringify(shortened)),
      shortened,
    ),
    unsealing(
      "unknown-member",
      "members of later versions are ignored",
      "success",
      seal(key, '{"size":7,"content_type":"a/b","later":[1]}'),
      { size: 7, content_type: "a/b" },
    ),
    unsealing(
      "wrong-key",
      "under another key it does not parse: no byte of the body may be released",
      "wrong_key",
      good,
      undefined,
      bytes32("another key"),
    ),
    unsealing(
      "body-keystream",
      "sealed with the body's keystream: not metadata",
      "wrong_key",
      base64url(xor(key, "body", 0, Buffer.from(json.padEnd(1024)))),
    ),
    unsealing("no-size", "size is required", "wrong_key", seal(key, '{"content_type":"a/b"}')),
    unsealing("negative-size", "size is a whole number of bytes", "wrong_key", seal(key, '{"size":-1,"content_type":"a/b"}')),
    unsealing("size-is-text", "size is a number", "wrong_key", seal(key, '{"size":"7","content_type":"a/b"}')),
    unsealing("no-content-type", "content_type is required", "wrong_key", seal(key, '{"size":7}')),
    unsealing(
      "padded-with-zeros",
      "the padding is spaces, which JSON allows; bytes 0 it does not",
      "wrong_key",
      sealBytes(Buffer.concat([Buffer.from(json), Buffer.alloc(1024 - json.length)])),
    ),
    unsealing("empty", "an empty header", "malformed", ""),
    unsealing("too-short", "1,023 bytes", "malformed", sealBytes(Buffer.from(json.padEnd(1023)))),
    unsealing("too-long", "1,025 bytes", "malformed", sealBytes(Buffer.from(json.padEnd(1025)))),
    unsealing("cut", "a character is missing", "malformed", good.slice(1)),
    unsealing("padded-base64", "base64url is unpadded here", "malformed", `${good}==`),
    unsealing("standard-base64", "the alphabet of standard base64", "malformed", good.replaceAll("-", "+").replaceAll("_", "/")),
    unsealing("not-base64", "no base64 at all", "malformed", "%".repeat(1366)),
  ];
}
