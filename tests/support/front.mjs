// A reverse proxy in front of a Worker, with which a test can hold a request, respond to it, or change the Worker's response.
//
// The Worker tells its two hosts apart by `Host`, which the front does not change. With `EDGE_URL` set to the front's address, the Worker is
// reachable at the front's `http://localhost:PORT` and `http://127.0.0.1:PORT`.

import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import { pipeline } from "node:stream";

const TOKEN_PATH = /^\/[A-Za-z0-9_-]{43}$/;

/**
 * The Worker's response, or the response that a client gets instead.
 *
 * @typedef {{status: number, headers: Record<string, string>, body: Buffer}} Answer
 */

/**
 * Starts a front without a Worker. Start the Worker with the front's `edge`, then pass its port to `leadTo`.
 *
 * @param {(link: {path: string, count: number}) => Promise<void | {status: number, body: object}>} onLink runs before each request for a link
 *   is forwarded, with the number of such requests so far; a returned response is sent instead
 * @param {(request: {method: string, path: string, headers: Record<string, string>}, answer: Answer) => Answer | void} [change] sees each whole response
 *   before it is forwarded; a returned response is sent instead
 * @returns {Promise<{origin: string, edge: string, links: number, leadTo: (port: number) => void, stop: () => Promise<void>}>}
 */
export async function startFront(onLink, change) {
  const front = { links: 0 };
  let target;
  const server = createServer(async (request, response) => {
    if (TOKEN_PATH.test(request.url)) {
      front.links += 1;
      const instead = await onLink({ path: request.url, count: front.links });
      if (instead) {
        response.writeHead(instead.status, { "Content-Type": "application/json" }).end(JSON.stringify(instead.body));
        return;
      }
    }
    const { method, url: path, headers } = request;
    const onward = sendRequest({ host: "127.0.0.1", port: target, method, path, headers, agent: false });
    onward.once("error", () => response.destroy());
    onward.once("response", async (answer) => {
      if (change) {
        const whole = { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(await answer.toArray()) };
        const { status, headers: changed, body } = change({ method, path, headers }, whole) ?? whole;
        response.writeHead(status, changed).end(body);
        return;
      }
      response.writeHead(answer.statusCode, answer.headers);
      pipeline(answer, response, () => {});
    });
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  const { port } = server.address();
  return Object.assign(front, {
    origin: `http://localhost:${port}`,
    edge: `http://127.0.0.1:${port}`,
    leadTo: (workerPort) => (target = workerPort),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  });
}
