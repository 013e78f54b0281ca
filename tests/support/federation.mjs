// Two real Synapses that federate over TLS on loopback. Each can have a Cloakroom in front.
//
//   a user of A -> A's front -> [A's Cloakroom ->] A's Synapse -> B's front -> [B's Cloakroom ->] B's Synapse
//
// A front is a reverse proxy that terminates TLS for the server name `localhost:PORT`. An explicit port needs neither DNS nor a well-known
// document, and a Cloakroom under `wrangler dev` expects the homeserver at `localhost`. Synapse itself listens without TLS.

import { startSynapse } from "./synapse.mjs";
import { makeCertificates, tlsProxy } from "./tls.mjs";
import { startWorker } from "./worker.mjs";

/** The paths that an operator routes to Cloakroom: the routes of `[env.production]` in wrangler.toml. */
const CLOAKROOM_PATHS = /^\/_matrix\/(media\/|client\/v1\/media\/|federation\/v1\/media\/|client\/versions(\?|$))/;

/** Synapse's settings for federation, also on loopback, with servers that have a certificate of the test's authority. */
export function federating(caFile) {
  return {
    // Without a whitelist, everybody may federate.
    federation_domain_whitelist: undefined,
    federation_custom_ca_list: [caFile],
    // By default, Synapse refuses private addresses.
    ip_range_blacklist: [],
  };
}

/** One homeserver of a federation. */
export class Peer {
  #certificates;
  #serviceAccount;

  constructor(certificates, front, synapse) {
    this.#certificates = certificates;
    /** The TLS server that clients and remote homeservers reach; `requests` and `count()` give its requests. */
    this.front = front;
    this.synapse = synapse;
    /** `localhost:PORT`. */
    this.serverName = front.serverName;
    /** `https://localhost:PORT`; see `httpsGet`. */
    this.url = front.url;
    /** @type {import("./worker.mjs").Worker | undefined} */
    this.worker = undefined;
  }

  /**
   * Puts a Cloakroom in front of the media paths, and stops an earlier one first. Its cache and KV are lost unless `persistTo` is given:
   * `peer.worker.persistTo`.
   *
   * @param {Parameters<typeof startWorker>[0]} [options] `vars` and `secrets` override those for the homeserver and the service account
   */
  async startCloakroom({ vars, secrets, ...options } = {}) {
    await this.stopCloakroom();
    this.#serviceAccount ??= await this.synapse.createUser("cloakroom");
    this.worker = await startWorker({
      name: `worker-${this.front.port}`,
      caFile: this.#certificates.caFile,
      vars: { HOMESERVER_URL: this.synapse.url, SERVER_NAME: this.serverName, ...vars },
      secrets: { HOMESERVER_TOKEN: this.#serviceAccount.token, ...secrets },
      ...options,
    });
    return this.worker;
  }

  /** Routes the media paths directly to Synapse again. */
  async stopCloakroom() {
    const worker = this.worker;
    this.worker = undefined;
    await worker?.stop();
  }

  /** Returns the server to which the front sends a path. */
  route(path) {
    return this.worker && CLOAKROOM_PATHS.test(path) ? this.worker.edge : this.synapse.url;
  }

  async stop() {
    await Promise.all([this.stopCloakroom(), this.synapse.stop(), this.front.stop()]);
  }
}

/**
 * Starts two homeservers, without Cloakrooms.
 *
 * @param {object} [options]
 * @param {Record<string, unknown>} [options.config] overrides both Synapses' configuration
 * @returns {Promise<{a: Peer, b: Peer, certificates: Awaited<ReturnType<typeof makeCertificates>>, stop: () => Promise<void>}>}
 */
export async function startFederation({ config = {} } = {}) {
  const certificates = await makeCertificates();
  const [a, b] = await Promise.all([startPeer(certificates, config), startPeer(certificates, config)]);
  return { a, b, certificates, stop: () => Promise.all([a.stop(), b.stop()]) };
}

async function startPeer(certificates, config) {
  // The server name contains the front's port, so start the front first.
  let peer;
  const front = await tlsProxy(certificates, (path) => peer?.route(path));
  const synapse = await startSynapse({
    serverName: front.serverName,
    publicUrl: front.url,
    config: { ...federating(certificates.caFile), ...config },
  });
  peer = new Peer(certificates, front, synapse);
  return peer;
}
