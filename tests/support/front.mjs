// A reverse proxy in front of a Worker, so that a test can hold or answer a request before the Worker sees it, or change what it answers.
//
// The Worker tells its two hosts apart by `Host`, which stays as it came: started with `EDGE_URL` set to the front's address, it is reached
// under `http://localhost:PORT` and `http://127.0.0.1:PORT` of the front.

import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import { pipeline } from "node:stream";

const TOKEN_PATH = /^\/[A-Za-z0-9_-]{43}$/;

/**
 * What the Worker answered, or what a client gets instead.
 *
 * @typedef {{status: number, headers: Record<string, string>, body: Buffer}} Answer
 */

/**
 * Starts a front that leads nowhere yet: give its `edge` to the Worker, then the Worker's port to `leadTo`.
 *
 * @param {(link: {path: string, count: number}) => Promise<void | {status: number, body: object}>} onLink runs before each request for a link
 *   goes on, with how many came so far; what it returns is sent instead
 * @param {(request: {method: string, path: string, headers: Record<string, string>}, answer: Answer) => Answer | void} [change] sees each answer whole
 *   before it goes on; what it returns is sent instead
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
