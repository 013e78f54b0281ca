// What Cloakroom's edge asks the platform for, and nothing else: looks the grant up, fetches the object, hands it on as it is.
import { ORIGIN } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const token = new URL(request.url).pathname.slice(1);
    const grant = await env.GRANTS.get(`grant:${token}`, "json");
    return fetch(`${ORIGIN}/_matrix/client/v1/media/download/${grant.server_name}/${grant.media_id}`);
  },
};
