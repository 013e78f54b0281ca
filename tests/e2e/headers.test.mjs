// Compares the headers of plain delivery with Synapse's. Each is the same, or is listed below with its allowed value and the reason. So no
// header gets lost that a homeserver sends for a reason, such as the one that keeps public links out of search engines.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";

import { parseDisposition } from "../support/disposition.mjs";
import { png } from "../support/png.mjs";
import { SHAPES, badToken, downloadPath, legacyPath, startHome, startSite, thumbnailPath } from "../support/site.mjs";

const MEDIA_BYTES = 100_000;

const words = (value) => value.toLowerCase().split(/, */);
const includesAll = (all, some) => some.every((word) => all.includes(word));

/** Headers of Synapse that differ through the Worker: the reason, and our allowed values. Without `fits`, any value or none is allowed. */
const DIFFERENT = {
  "access-control-allow-headers": {
    why: "web clients may send more: Range, If-Range and If-None-Match work here",
    fits: (theirs, ours) => includesAll(words(ours), words(theirs)),
  },
  "access-control-allow-methods": {
    why: "media, and the documents that we extend, are only read",
    fits: (theirs, ours) => includesAll(words(theirs), words(ours)) && includesAll(words(ours), ["get", "head", "options"]),
  },
  "access-control-expose-headers": {
    why: "Server and Synapse-Trace-Id are not relayed; what we send is exposed instead",
    fits: (theirs, ours) => theirs === "Synapse-Trace-Id, Server" && includesAll(words(ours), ["etag", "content-range", "retry-after"]),
  },
  "cache-control": {
    why: "media are for one user, so only the client's own cache may keep them, and as long as Synapse lets it; errors are not kept either way",
    fits: (theirs, ours) =>
      theirs.startsWith("public,")
        ? /^private, .*no-transform$/.test(ours) && ours.match(/max-age=\d+/)[0] === theirs.match(/max-age=\d+/)[0]
        : [theirs, ours].every((value) => words(value).includes("no-store")),
  },
  "content-disposition": {
    why: "type and file name are the same, but the name is written so that more clients read it",
    fits: (theirs, ours) => assert.deepEqual(parseDisposition(ours), parseDisposition(theirs)) ?? true,
  },
  connection: { why: "of the connection, not of the media" },
  date: { why: "set by whatever sends a response: by Cloudflare, and not by the local runtime" },
  etag: {
    why: "Synapse's `1` is no entity tag, and the same for all media: ours is one, for each object",
    fits: (theirs, ours) => theirs === "1" && /^"[\w-]{22}"$/.test(ours),
  },
  "keep-alive": { why: "of the connection, not of the media" },
  server: { why: "names the software that sends a response, which is not Synapse" },
  "transfer-encoding": { why: "of the connection, not of the media" },
  "x-content-security-policy": {
    why: "only Internet Explorer 10 and 11 read it, which no Matrix client supports; `nosniff` and the disposition protect them too",
  },
};

/** Headers that the Worker may add and Synapse does not send here. */
const ADDED = new Set([
  // The Worker supports ranges.
  ...["accept-ranges", "content-range"],
  // Synapse sends early errors without these headers, and errors without a length.
  ...["content-length", "content-security-policy", "cross-origin-resource-policy", "referrer-policy", "x-robots-tag"],
  "x-content-type-options",
  // Headers of the connection.
  ...["connection", "keep-alive", "transfer-encoding"],
]);

let home;
before(async () => {
  // Serves media without an account on the legacy endpoints: search engines find those links.
  home = await startHome({ config: { enable_authenticated_media: false } });
});
after(() => home?.stop());

for (const shape of SHAPES) {
  describe(`the headers of Synapse, ${shape}`, () => {
    /** @type {import("../support/site.mjs").Site} */
    let site;
    let mxc;
    before(async () => {
      site = await startSite(home, { shape });
      mxc = await site.upload(randomBytes(MEDIA_BYTES), { type: "image/png", filename: "a plain näme.png" });
    });
    after(() => site?.stop());

    /** Asks through the Worker, or Synapse directly. Compression is off. */
    const ask = async (base, path, { token = home.alice.token, headers = {}, method } = {}) => {
      const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
      const response = await fetch(base + path, { method, headers: { "Accept-Encoding": "identity", ...authorization, ...headers } });
      await response.arrayBuffer();
      return response;
    };
    const direct = (path, options) => ask(home.synapse.url, path, options);
    const through = (path, options) => ask(site.worker.origin, path, options);

    /** Fails with the names of all wrong headers. Does not compare those in `except`. */
    const compare = (theirs, ours, except = []) => {
      const wrong = [];
      for (const [name, value] of theirs.headers) {
        const got = ours.headers.get(name) ?? undefined;
        if (except.includes(name) || got === value) continue;
        const different = DIFFERENT[name];
        if (!different || (different.fits && got === undefined)) wrong.push(`${name}: ${got} instead of ${value}`);
        else if (different.fits?.(value, got) === false) wrong.push(`${name}: ${got} for ${value}, although ${different.why}`);
      }
      for (const [name, value] of ours.headers)
        if (!theirs.headers.has(name) && !ADDED.has(name)) wrong.push(`${name}: ${value} is not Synapse's`);
      assert.deepEqual(wrong, []);
    };

    it("are on media", async () => {
      const picture = await site.upload(png(64, 64), { type: "image/png" });
      const paths = [
        downloadPath(mxc),
        `${downloadPath(mxc)}/another%20name.png`,
        legacyPath(mxc),
        thumbnailPath(picture, "width=32&height=32"),
      ];
      for (const path of paths) {
        for (const options of [{}, { method: "HEAD" }]) {
          const theirs = await direct(path, options);
          for (const _ of ["first", "cached"]) {
            const ours = await through(path, options);
            assert.deepEqual([theirs.status, ours.status], [200, 200], path);
            compare(theirs, ours);
            if (!options.method) await site.held(path);
          }
        }
      }
    });

    it("are on media for people without an account, so that search engines skip them", async () => {
      const path = legacyPath(mxc);
      const [theirs, ours] = [await direct(path, { token: null }), await through(path, { token: null })];
      assert.deepEqual([theirs.status, ours.status], [200, 200]);
      compare(theirs, ours);
      assert.equal(ours.headers.get("x-robots-tag"), "noindex, nofollow, noarchive, noimageindex");
      assert.equal(ours.headers.get("referrer-policy"), "no-referrer");
    });

    it("are on a range, to which Synapse responds with the whole", async () => {
      const range = { headers: { Range: "bytes=10-19" } };
      const theirs = await direct(downloadPath(mxc), range);
      for (const _ of ["first", "cached"]) {
        const ours = await through(downloadPath(mxc), range);
        assert.deepEqual([theirs.status, ours.status], [200, 206]);
        compare(theirs, ours, ["content-length"]);
        await site.held(downloadPath(mxc));
      }
    });

    it("are on 304", async () => {
      const theirs = await direct(downloadPath(mxc), { headers: { "If-None-Match": "1" } });
      const { headers } = await through(downloadPath(mxc));
      const ours = await through(downloadPath(mxc), { headers: { "If-None-Match": headers.get("etag") } });
      assert.deepEqual([theirs.status, ours.status], [304, 304]);
      compare(theirs, ours);
    });

    it("are on errors, the homeserver's and ours", async () => {
      const missing = "mxc://localhost/AbCdEfNotThere";
      const errors = [
        [404, downloadPath(missing)],
        [404, legacyPath(missing), { token: null }],
        [404, thumbnailPath(missing, "width=32&height=32")],
        [404, downloadPath(missing), { method: "HEAD" }],
        [401, downloadPath(mxc), { token: badToken("headers") }],
        [401, downloadPath(mxc), { token: null }],
        [400, thumbnailPath(mxc, "width=32")],
      ];
      for (const [status, path, options] of errors) {
        const [theirs, ours] = [await direct(path, options), await through(path, options)];
        assert.deepEqual([theirs.status, ours.status], [status, status], path);
        compare(theirs, ours);
      }
    });

    it("are on the documents that we extend", async () => {
      for (const path of ["/_matrix/client/versions", "/_matrix/client/v1/media/config", "/_matrix/media/v3/config"]) {
        const [theirs, ours] = [await direct(path), await through(path)];
        assert.deepEqual([theirs.status, ours.status], [200, 200], path);
        // Their length differs from Synapse's.
        compare(theirs, ours, ["content-length"]);
      }
    });
  });
}
