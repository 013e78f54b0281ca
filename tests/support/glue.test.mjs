// The JavaScript of the platform, where the real Worker cannot show all of its cases.

import assert from "node:assert/strict";
import { test } from "node:test";

import { standardUrl } from "../../src/platform/glue.js";

const TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";

/** What becomes of a URL: that of the URL standard, or that it is none. */
const outcome = (parse, url) => {
  try {
    return parse(url);
  } catch {
    return "no URL";
  }
};
const standard = (url) => outcome((url) => new URL(url).href, url);
const ours = (url) => outcome(standardUrl, url);

test("a URL is what the URL standard makes of it", () => {
  const hosts = ["media.example.net", "MEDIA.example.net", "media.example.net.", "a", "localhost", "127.0.0.1", "127.1", "0x7f.1", "127.0.0.01", "1.2.3.4",
    "256.0.0.1", "a.1", "a.0x1", "a.1b", "-", "-a", "a-", "a..b", ".", "xn--bcher-kva.example", "xn--a", "xn--zzzzzz", "a_b", "%61", "[::1]", "ex%41mple", "bücher.example"];
  const ports = ["", ":", ":0", ":80", ":443", ":8787", ":080", ":0443", ":65535", ":65536", ":99999", ":80a"];
  const paths = ["", "/", `/${TOKEN}`, "/.", "/..", "/a/../b", "/a/%2e%2E/b", "/a//b", "/a\\..\\b", "/a?b", "/a#b", "/a b", "/ä", "/\t", "/_cloakroom/health", "/../" + TOKEN];
  for (const scheme of ["http", "https", "HTTP", "ftp"]) {
    for (const host of hosts) {
      for (const port of ports) for (const path of paths) assert.equal(ours(`${scheme}://${host}${port}${path}`), standard(`${scheme}://${host}${port}${path}`));
    }
  }
});

test("so is one of any characters", () => {
  const alphabet = [..."ab19.:/-_%2eE\\?#@A \t\n[]x0"];
  let seed = 1;
  const next = (n) => (seed = (seed * 48271) % 0x7fffffff) % n;
  for (let i = 0; i < 200_000; i++) {
    const url = `http${next(2) ? "s" : ""}://${Array.from({ length: 1 + next(12) }, () => alphabet[next(alphabet.length)]).join("")}`;
    assert.equal(ours(url), standard(url), JSON.stringify(url));
  }
});
