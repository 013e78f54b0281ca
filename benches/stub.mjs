// Stubs of the platform's stores, which run in separate processes: Workers KV with the benchmark's grants, and a cache.

const records = new Map();
const objects = new Map();

/** Workers KV. The runtime sends GET /<key>?urlencoded=true, and the benchmark sends PUT. */
export const kv = {
  async fetch(request) {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (request.method === "PUT") {
      records.set(key, await request.text());
      return new Response(null, { status: 204 });
    }
    const record = records.get(key);
    return new Response(record ?? "Not Found", { status: record === undefined ? 404 : 200 });
  },
};

/** The Cache API. The runtime sends PUT with a whole HTTP response as the body, and GET. The cache's status is in `cf-cache-status`. */
export const cache = {
  async fetch(request) {
    const url = request.url;
    if (request.method === "PUT") {
      objects.set(url, parse(new Uint8Array(await request.arrayBuffer())));
      return new Response(null, { status: 204 });
    }
    const object = objects.get(url);
    if (object === undefined) return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
    return new Response(object.body, { headers: [...object.headers, ["cf-cache-status", "HIT"]] });
  },
};

/** Parses an HTTP response: status line, headers, an empty line, body. */
function parse(bytes) {
  const end = headEnd(bytes);
  const [, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split("\r\n");
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  return { headers, body: bytes.slice(end + 4) };
}

function headEnd(bytes) {
  for (let at = 0; ; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
    if (at >= bytes.length) throw new Error("the runtime put something into the cache that is not an HTTP response");
  }
}
