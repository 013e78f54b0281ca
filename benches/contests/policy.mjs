// The cost of the policy: downloads of clients with an account, on both endpoints, of local and remote media, with and without a policy.

import { KIB, origin } from "../lib/contestants.mjs";
import { load, perRequest } from "../lib/field.mjs";
import { interleave } from "../lib/statistics.mjs";

const OBJECT_BYTES = 64 * KIB;
const CONCURRENT = 32;
const REQUESTS = 1000;

const POLICIES = {
  unset: { MEDIA_UNAUTHENTICATED: "unset", REMOTE_POLICY: "off" },
  set: { MEDIA_UNAUTHENTICATED: "m.local", REMOTE_POLICY: "enforce" },
};
const PATHS = { authenticated: "_matrix/client/v1/media/download", legacy: "_matrix/media/v3/download" };
const SERVERS = { local: "bench.example", remote: "peer.example" };

/** @returns {Promise<Record<string, {cpuMsPerRequest: number, requestsPerSecond: number}[]>>} by endpoint, locality and policy */
export async function policy(field, { rounds }) {
  const jobs = {};
  const started = [];
  for (const [policyName, bindings] of Object.entries(POLICIES)) {
    const worker = await field.enter(origin(`policy ${policyName}`, bindings));
    started.push(worker);
    for (const [pathName, path] of Object.entries(PATHS)) {
      for (const [whose, server] of Object.entries(SERVERS)) {
        const contestant = { ...worker, token: "somebody", urlOf: (size) => `${worker.url}/${path}/${server}/${size}` };
        await load(contestant, OBJECT_BYTES, CONCURRENT, REQUESTS); // warms up, and looks up the remote homeserver's policy
        jobs[`${pathName}, ${whose}, policy ${policyName}`] = () => perRequest(contestant, OBJECT_BYTES, CONCURRENT, REQUESTS);
      }
    }
  }
  try {
    return await interleave(rounds, jobs);
  } finally {
    await Promise.all(started.map((worker) => worker.stop()));
  }
}
