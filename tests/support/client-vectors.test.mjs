// The client of the README (docs/examples/client.mjs) runs the vectors that apply to it: `json`, the whole of an object whose size it does not know,
// and no `verbatim`. They come through a `fetch` of the test's, because the vectors' hosts do not exist. tests/edge/example.test.mjs is about the real
// Worker.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";

import { download } from "../../docs/examples/client.mjs";
import { ROOT } from "./process.mjs";

const HOMESERVER = "https://matrix.example.org";
const PREFIX = "org.matrix.msc4097";
const PLAINTEXT = "the media, plain";
const realFetch = globalThis.fetch;

/** Every vector of a kind, by its name. */
function vectors(kind) {
  const folder = join(ROOT, "spec/vectors", kind);
  return readdirSync(folder).map((file) => [file.replace(".json", ""), JSON.parse(readFileSync(join(folder, file), "utf8"))]);
}

/** Makes responses; an array among the headers is one that comes several times. */
function response(status, headers = {}, body = "") {
  const pairs = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  return () => new Response(status === 204 ? null : body, { status, headers: pairs });
}

/**
 * Downloads, with these answers to its three kinds of requests.
 *
 * @param {Record<"config" | "media" | "link", () => Response>} responses to the media config, to requests that opt in, and to the link
 * @returns {Promise<{text?: string, error?: Error, asked: string[]}>} the media or the error, and which requests were sent
 */
async function run({ config, media, link = response(503) }) {
  const asked = [];
  globalThis.fetch = async (url) => {
    const kind = { [`${HOMESERVER}/_matrix/client/v1/media/config`]: "config" }[url] ?? (url.startsWith(HOMESERVER) ? "plain" : "link");
    asked.push(url.includes(`${PREFIX}.delivery=json`) ? "media" : kind);
    const reply = { config, media, link, plain: response(200, {}, PLAINTEXT) }[asked.at(-1)]();
    return Object.defineProperty(reply, "url", { value: url });
  };
  try {
    const { bytes } = await download(HOMESERVER, "token", "mxc://example.org/AbCdEf");
    return { text: Buffer.from(bytes).toString(), asked };
  } catch (error) {
    return { error, asked };
  }
}

const advertising = (edge) => response(200, {}, JSON.stringify({ [PREFIX]: { edge } }));
const answering = (body) => response(200, { "Org-Matrix-Msc4097-Answer": "json" }, body);

describe("the client of the README", () => {
  afterEach(() => (globalThis.fetch = realFetch));
  let count = 0;
  after(() => assert.ok(count > 200, `${count} vectors apply`));

  for (const [name, { input, expect }] of vectors("media-config")) {
    if (input.delivery !== "json" || input.size !== null) continue;
    count += 1;
    it(`media-config/${name}`, async () => {
      const { asked } = await run({ config: response(input.status, {}, input.config), media: response(200, {}, PLAINTEXT) });
      assert.deepEqual(asked, ["config", expect === "opt_in" ? "media" : "plain"]);
    });
  }

  for (const [name, { input, expect, or }] of vectors("answer")) {
    if (input.verbatim) continue;
    count += 1;
    it(`answer/${name}`, async () => {
      const { asked } = await run({ config: advertising(input.edge), media: answering(input.body) });
      const refused = ["config", "media", "plain"];
      const expected = {
        success: ["config", "media", "link"],
        insecure_url: ["config", "plain"],
        foreign_url: ["config", "media", "config", "media", "plain"],
      };
      const allowed = [expect, or].filter(Boolean).map((word) => String(expected[word] ?? refused));
      assert.ok(allowed.includes(String(asked)), `${asked}`);
    });
  }

  for (const [name, { input, expect, output }] of vectors("download")) {
    if (input.range !== null || JSON.parse(input.answer).alg === "none") continue;
    count += 1;
    it(`download/${name}`, async () => {
      const link = response(input.status, input.headers, Buffer.from(input.body, "hex"));
      const { text, error, asked } = await run({ config: advertising(input.edge), media: answering(input.answer), link });
      assert.deepEqual(asked, ["config", "media", "link"]);
      assert.equal(text, output?.plaintext, error?.message);
      assert.equal(error === undefined, expect === "success");
    });
  }

  for (const [name, { input, expect }] of vectors("response")) {
    // `fetch` follows redirects by itself.
    const isRedirect = input.redirects.length > 0 || (input.status >= 300 && input.status < 400);
    if (input.delivery !== "json" || input.range !== null || isRedirect) continue;
    count += 1;
    it(`response/${name}`, async () => {
      const { text, asked } = await run({
        config: advertising("https://media.example.net"),
        media: response(input.status, input.headers, PLAINTEXT),
      });
      const isAnswer = expect === "answer";
      assert.deepEqual(asked, ["config", "media", ...(isAnswer ? ["plain"] : [])], "what is no JSON is refused");
      assert.equal(text, expect === "fails" ? undefined : PLAINTEXT);
    });
  }
});
