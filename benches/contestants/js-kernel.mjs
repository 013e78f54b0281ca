// The minimum Worker that encrypts small objects with Cloakroom's kernel. It looks up the grant, fetches the object past all caches, reads
// it whole, encrypts it, and sends as many headers as Cloakroom. It checks nothing. The difference is the cost of Cloakroom's own code.
// biome-ignore lint/correctness/noUndeclaredDependencies: a module beside the bundle
import module from "kernel.wasm";
import { ORIGIN, SERVICE_ACCOUNT } from "./shared.mjs";

const { memory, buffer, encrypt } = new WebAssembly.Instance(module).exports;
const CHUNK_BYTES = 64 * 1024;
const place = buffer(); // before the view is made, because this call may grow the memory
const chunk = new Uint8Array(memory.buffer, place, CHUNK_BYTES);

const HEADERS = new Headers({
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, OPTIONS",
  "access-control-allow-headers": "Authorization, Content-Type, Date, If-None-Match, If-Range, Range",
  "access-control-expose-headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
  "cross-origin-resource-policy": "cross-origin",
  "x-content-type-options": "nosniff",
  "cache-control": "private, max-age=86400, immutable, no-transform",
  "accept-ranges": "bytes",
  "content-type": "application/octet-stream",
  "referrer-policy": "no-referrer",
});

export default {
  async fetch(request, env) {
    const token = new URL(request.url).pathname.slice(1);
    const grant = await env.GRANTS.get(`grant:${token}`, "json");
    const upstream = await fetch(`${ORIGIN}/_matrix/client/v1/media/download/${grant.server_name}/${grant.media_id}`, SERVICE_ACCOUNT);
    const object = new Uint8Array(await upstream.arrayBuffer());
    let body = object;
    for (let at = 0; at < object.length; at += CHUNK_BYTES) {
      const part = object.subarray(at, at + CHUNK_BYTES);
      chunk.set(part);
      encrypt(at, part.length);
      // If the object fits into the chunk, no copy is needed, because Response makes one.
      if (object.length <= CHUNK_BYTES) body = chunk.subarray(0, part.length);
      else part.set(chunk.subarray(0, part.length));
    }
    const response = new Response(body, { headers: HEADERS });
    response.headers.set("content-length", String(object.length));
    response.headers.set("etag", grant.etag);
    response.headers.set("org-matrix-msc4097-metadata", "x".repeat(1366));
    return response;
  },
};
