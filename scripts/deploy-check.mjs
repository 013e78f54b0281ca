// Checks an environment of wrangler.toml before it is deployed.
//
//   node scripts/deploy-check.mjs ENVIRONMENT      Print one problem per line; exit with 1 if there are any
//
// The Worker checks its variables again and reports them at /_cloakroom/health. This script checks what the Worker cannot see: routes,
// bindings, logging, and whether origin and edge match.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The paths that the homeserver's host must route to the Worker. */
const ROUTE_PATHS = ["/_matrix/media/*", "/_matrix/client/v1/media/*", "/_matrix/federation/v1/media/*", "/_matrix/client/versions"];
const SECRETS = ["HOMESERVER_TOKEN", "SESSION_SECRET", "SESSION_SECRET_PREVIOUS"];
/** RFC 2606: names that nobody can own. */
const EXAMPLE_HOST = /(^|\.)example(\.(com|net|org))?$/;
const NOT_A_NAME = /^(localhost|\[.*\]|\d+\.\d+\.\d+\.\d+)$/;

/**
 * @param {object} config one environment, as `scripts/read-config.mjs` prints it
 * @param {object} [context]
 * @param {object} [context.other] with ROLE origin or edge: the other one's environment, which must match
 * @param {string[]} [context.known] the variables of Cloakroom; any other name is a mistake
 * @returns {string[]} one sentence for each problem: what is wrong, where, and what to do
 */
export function problems(config, { other, known } = {}) {
  const { ROLE: role } = config.vars;
  const roleProblem = ["both", "origin", "edge"].includes(role) ? [] : [`ROLE is '${role}': it must be both, origin or edge`];
  return [
    ...roleProblem,
    ...placeholders(config),
    ...urls(config),
    ...policies(config),
    ...(known ? unknown(config, known) : []),
    ...routes(config),
    ...bindings(config),
    ...logging(config),
    ...(other ? pair(config, other) : []),
  ];
}

function placeholders({ vars, kv_namespaces, routes = [] }) {
  const values = [
    ...Object.entries(vars).map(([name, value]) => [name, String(value)]),
    ...kv_namespaces.map(({ binding, id }) => [`the id of ${binding}`, String(id ?? "")]),
    ...routes.map((route) => ["a route", patternOf(route)]),
    ...routes.filter(({ zone_name }) => zone_name).map(({ zone_name }) => ["a route's zone_name", zone_name]),
  ];
  const left = values.filter(([, value]) => value.includes("REPLACE_WITH_") || EXAMPLE_HOST.test(hostOf(value)));
  const found = left.map(([name, value]) => `${name} is still the placeholder '${value}': set your own value`);
  return [...new Set(found)];
}

function urls({ vars }) {
  const found = [];
  for (const name of ["HOMESERVER_URL", "EDGE_URL"]) {
    const value = vars[name] ?? "";
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (!url || value.replace(/\/$/, "") !== url.origin)
      found.push(`${name} is '${value}': it must be a scheme and a host, like https://matrix.example.org`);
    else if (url.protocol !== "https:") found.push(`${name} is '${value}': it must be https, because tokens and media are sent there`);
    else if (url.hostname.endsWith("."))
      found.push(`${name} is '${value}': the host must not end in a dot, because it is compared with the host of requests`);
    else if (NOT_A_NAME.test(url.hostname)) found.push(`${name} is '${value}': Cloudflare cannot reach or route that: use a host name`);
  }
  if (!vars.SERVER_NAME) found.push("SERVER_NAME is missing: set it to the part of your users' ids after the colon");
  for (const name of SECRETS.filter((name) => name in vars)) {
    found.push(
      `${name} is in [vars], where secrets must not be: remove it, create a new one, and set that with 'scripts/wrangler secret put'`,
    );
  }
  return found;
}

function policies({ vars }) {
  if (vars.ALLOW_PRIVATE_NETWORK !== "on") return [];
  return ["ALLOW_PRIVATE_NETWORK is 'on': remove it, or users can make the Worker contact private addresses"];
}

function unknown({ vars }, known) {
  const found = Object.keys(vars).filter((name) => !known.includes(name) && !SECRETS.includes(name));
  return found.map((name) => `${name} is not a variable of Cloakroom: [vars] at the top of wrangler.toml lists them`);
}

function routes(config) {
  const { ROLE: role, EDGE_URL, HOMESERVER_URL } = config.vars;
  const edge = hostOf(EDGE_URL ?? "");
  const custom = (config.routes ?? []).filter((route) => route.custom_domain).map(patternOf);
  const paths = (config.routes ?? []).filter((route) => !route.custom_domain).map(patternOf);
  const hosts = [...new Set(paths.map(hostOf))];
  const found = [];
  if (role !== "origin" && !custom.includes(edge)) {
    found.push(`routes lack the edge's own host: add { pattern = "${edge}", custom_domain = true }, as EDGE_URL says`);
  }
  if (role === "origin" && custom.length > 0) found.push(`the origin must have no custom domain: move ${custom.join(", ")} to [env.edge]`);
  if (role === "edge" && paths.length > 0) found.push(`the edge must have no route on the homeserver's host: remove ${paths.join(", ")}`);
  if (role !== "edge" && hosts.length === 0) found.push("routes lack the homeserver's host: nothing would reach Cloakroom");
  for (const host of role === "edge" ? [] : hosts) {
    for (const path of ROUTE_PATHS.filter((path) => !paths.includes(host + path))) found.push(`routes lack "${host}${path}"`);
  }
  for (const host of [...hosts, hostOf(HOMESERVER_URL ?? "")].filter(Boolean)) {
    if (edge === host || edge.endsWith(`.${host}`)) {
      found.push(
        `EDGE_URL's host ${edge} is the homeserver's ${host} or under it, so some clients would send it access tokens: use another name`,
      );
    }
  }
  for (const host of hosts.filter((host) => host === hostOf(HOMESERVER_URL ?? ""))) {
    found.push(
      `HOMESERVER_URL's host ${host} is routed to Cloakroom, so it would call itself: give the homeserver a second name without routes`,
    );
  }
  return found;
}

function bindings({ kv_namespaces }) {
  const grants = kv_namespaces.filter(({ binding }) => binding === "GRANTS");
  if (grants.length !== 1) return ["the environment must have one KV namespace with the binding GRANTS"];
  const { id = "" } = grants[0];
  if (id.includes("REPLACE_WITH_") || /^[0-9a-f]{32}$/.test(id)) return [];
  return [`the id of GRANTS is '${id}': it must be the 32 hex digits that 'scripts/wrangler kv namespace create GRANTS' prints`];
}

function logging({ workers_dev, preview_urls, observability, compatibility_flags }) {
  const wanted = [
    [workers_dev === false, "workers_dev must be false: the rules for hosts do not cover a second host name"],
    [preview_urls === false, "preview_urls must be false: the rules for hosts do not cover the host names of previews"],
    [observability?.logs?.invocation_logs === false, "observability.logs.invocation_logs must be false: URLs contain tokens"],
    [
      observability?.redact_query_string === true,
      "observability.redact_query_string must be true: legacy clients send access tokens in query strings",
    ],
    [observability?.traces?.enabled === false, "observability.traces.enabled must be false: URLs contain tokens"],
    [
      compatibility_flags?.includes("global_fetch_strictly_public"),
      "compatibility_flags must contain global_fetch_strictly_public: HOMESERVER_URL relies on it",
    ],
  ];
  return wanted.filter(([holds]) => !holds).map(([, message]) => message);
}

function pair(config, other) {
  const id = ({ kv_namespaces }) => kv_namespaces.find(({ binding }) => binding === "GRANTS")?.id;
  const same = [
    ["EDGE_URL", config.vars.EDGE_URL, other.vars.EDGE_URL],
    ["SERVER_NAME", config.vars.SERVER_NAME, other.vars.SERVER_NAME],
    ["the id of GRANTS", id(config), id(other)],
  ];
  return same
    .filter(([, a, b]) => a !== b)
    .map(([name, a, b]) => `${name} is '${a}' here but '${b}' in [env.${other.targetEnvironment}]: they must match`);
}

function patternOf(route) {
  return typeof route === "string" ? route : route.pattern;
}

// Returns the host of a URL, a route's pattern or a bare host name.
function hostOf(value) {
  return value
    .replace(/^https?:\/\//, "")
    .split(/[/:]/)[0]
    .toLowerCase();
}

function main() {
  const [env] = process.argv.slice(2);
  const read = (name) => {
    const script = fileURLToPath(new URL("read-config.mjs", import.meta.url));
    return JSON.parse(execFileSync(process.execPath, [script, name], { encoding: "utf8" }));
  };
  const others = { origin: "edge", edge: "origin" };
  // The top of wrangler.toml lists all variables, some commented out.
  const toml = readFileSync(new URL("../wrangler.toml", import.meta.url), "utf8");
  const known = [...toml.matchAll(/^(?:# ?)?([A-Z][A-Z_]+) = /gm)].map(([, name]) => name);
  const found = problems(read(env), { other: others[env] && read(others[env]), known });
  for (const problem of found) console.log(problem);
  process.exitCode = found.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
