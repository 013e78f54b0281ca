// What Cloakroom's edge asks the platform for, the same KV get and the same fetch, and nothing else: hands the object on as it is.
import { ORIGIN, SERVICE_ACCOUNT } from "./shared.mjs";

export default {
  async fetch(request, env) {
    const token = new URL(request.url).pathname.slice(1);
    const grant = await env.GRANTS.get(`grant:${token}`, "json");
    return fetch(`${ORIGIN}/_matrix/client/v1/media/download/${grant.server_name}/${grant.media_id}`, SERVICE_ACCOUNT);
  },
};
