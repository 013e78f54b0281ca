// A real Synapse with SQLite and a separate folder, without rate limits, and by default without federation.

import { createHmac, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { freePort, run, start, tempDir } from "./process.mjs";
import { secret } from "./secrets.mjs";

// Must equal the version in scripts/lib.sh, which scripts/setup installs.
const SYNAPSE_VERSION = "1.163.2";
const CACHE_DIR = process.env.CLOAKROOM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cloakroom");

/** The Python that has Synapse and matrix-nio. */
export const PYTHON = join(CACHE_DIR, `synapse-${SYNAPSE_VERSION}/bin/python`);

const UNLIMITED = { per_second: 10_000, burst_count: 10_000 };

/**
 * @param {object} [options]
 * @param {string} [options.serverName] default `localhost`; must be valid in mxc URIs
 * @param {string} [options.publicUrl] `public_baseurl`: the address for clients, which a login response contains; without it, the response has none
 * @param {Record<string, unknown>} [options.config] overrides the generated homeserver.yaml, key by key
 * @returns {Promise<Synapse>} ready, after about five seconds
 */
export async function startSynapse({ serverName = "localhost", publicUrl, config = {} } = {}) {
  if (!existsSync(PYTHON)) throw new Error(`Synapse ${SYNAPSE_VERSION} is not installed: run scripts/setup --synapse`);
  const folder = tempDir("synapse");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const registrationSecret = secret(randomBytes(24).toString("base64url"), "registration secret");
  const configPath = join(folder, "homeserver.yaml");
  const logConfigPath = join(folder, "log.yaml");
  // JSON is valid YAML.
  writeFileSync(logConfigPath, JSON.stringify(logConfig()));
  const generated = homeserverConfig({ serverName, publicUrl, port, folder, logConfigPath, registrationSecret });
  writeConfig(configPath, { ...generated, ...config });

  const keys = await run(PYTHON, [...launchArgs(configPath), "--generate-keys"], { name: "synapse-keys", cwd: folder });
  if (keys.code !== 0) throw new Error(`Synapse refused its configuration:\n${keys.stderr}${keys.stdout}`);
  const running = await launch({ serverName, url, folder, configPath });
  return new Synapse(running, { serverName, url, port, folder, configPath, registrationSecret });
}

const launchArgs = (configPath) => ["-m", "synapse.app.homeserver", "--config-path", configPath];

function writeConfig(path, config) {
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
}

function launch({ serverName, url, folder, configPath }) {
  return start(PYTHON, launchArgs(configPath), {
    name: `synapse-${serverName.replace(/[^\w.-]/g, "_")}`,
    cwd: folder,
    ready: async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })).ok,
  });
}

/** A running Synapse. */
export class Synapse {
  #configPath;
  #registrationSecret;

  constructor(running, { serverName, url, port, folder, configPath, registrationSecret }) {
    this.running = running;
    this.serverName = serverName;
    /** Its direct address, with nothing in front. */
    this.url = url;
    this.port = port;
    /** The folder with configuration, database and media store. */
    this.folder = folder;
    this.#configPath = configPath;
    this.#registrationSecret = registrationSecret;
  }

  /**
   * Registers a user with the shared secret.
   *
   * @param {string} name localpart
   * @param {{admin?: boolean, password?: string}} [options]
   * @returns {Promise<{userId: string, deviceId: string, token: string, password: string}>} the token does not expire
   */
  async createUser(name, { admin = false, password = randomBytes(12).toString("base64url") } = {}) {
    const path = "/_synapse/admin/v1/register";
    const { nonce } = await this.#json("GET", path);
    const role = admin ? "admin" : "notadmin";
    const mac = createHmac("sha1", this.#registrationSecret).update([nonce, name, password, role].join("\0")).digest("hex");
    const user = await this.#json("POST", path, { body: { nonce, username: name, password, admin, mac } });
    return { ...account(user), password: secret(password, "password") };
  }

  /** Registers a guest. */
  async createGuest() {
    return account(await this.#json("POST", "/_matrix/client/v3/register?kind=guest", { body: {} }));
  }

  /** Logs a token out, which makes it unknown. */
  async logout(token) {
    await this.#json("POST", "/_matrix/client/v3/logout", { token, body: {} });
  }

  /**
   * Uploads media directly to Synapse.
   *
   * @param {string} token
   * @param {Uint8Array | string} bytes
   * @param {{type?: string, filename?: string}} [options] without a type, the header is omitted
   * @returns {Promise<{mxc: string, mediaId: string}>}
   */
  async upload(token, bytes, { type, filename } = {}) {
    const query = filename === undefined ? "" : `?${new URLSearchParams({ filename })}`;
    const { content_uri } = await this.#json("POST", `/_matrix/media/v3/upload${query}`, {
      token,
      // A Buffer, because fetch adds a Content-Type to strings.
      raw: Buffer.from(bytes),
      headers: type === undefined ? {} : { "Content-Type": type },
    });
    return { mxc: content_uri, mediaId: content_uri.split("/").at(-1) };
  }

  /** Quarantines media as an admin, which makes them 404 for everybody. */
  async quarantine(adminToken, mediaId) {
    await this.#json("POST", `/_synapse/admin/v1/media/quarantine/${this.serverName}/${mediaId}`, { token: adminToken, body: {} });
  }

  /** Restarts it at the same address with the same data, as after a change to its configuration. */
  async restart(config) {
    await this.stop();
    writeConfig(this.#configPath, { ...JSON.parse(readFileSync(this.#configPath, "utf8")), ...config });
    this.running = await launch({ ...this, configPath: this.#configPath });
  }

  stop() {
    return this.running.stop();
  }

  async #json(method, path, { token, body, raw, headers = {} } = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: raw ?? (body && JSON.stringify(body)),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Synapse: ${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}

function account({ user_id, device_id, access_token }) {
  return { userId: user_id, deviceId: device_id, token: secret(access_token, "access token") };
}

function homeserverConfig({ serverName, publicUrl, port, folder, logConfigPath, registrationSecret }) {
  return {
    server_name: serverName,
    public_baseurl: publicUrl,
    report_stats: false,
    listeners: [
      {
        port,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        // As behind any reverse proxy, X-Forwarded-For gives the client's address.
        x_forwarded: true,
        resources: [{ names: ["client", "federation"], compress: false }],
      },
    ],
    database: { name: "sqlite3", args: { database: join(folder, "homeserver.db") } },
    log_config: logConfigPath,
    pid_file: join(folder, "homeserver.pid"),
    signing_key_path: join(folder, "signing.key"),
    media_store_path: join(folder, "media"),
    max_upload_size: "1100M",
    max_image_pixels: "64M",
    dynamic_thumbnails: true,
    max_pending_media_uploads: 10_000,
    allow_guest_access: true,
    registration_shared_secret: registrationSecret,
    // The weakest bcrypt hash, because these passwords protect nothing.
    bcrypt_rounds: 4,
    trusted_key_servers: [],
    federation_domain_whitelist: [],
    url_preview_enabled: false,
    enable_metrics: false,
    presence: { enabled: false },
    rc_message: UNLIMITED,
    rc_registration: UNLIMITED,
    rc_login: { address: UNLIMITED, account: UNLIMITED, failed_attempts: UNLIMITED },
    rc_joins: { local: UNLIMITED, remote: UNLIMITED },
    rc_media_create: UNLIMITED,
    remote_media_download_per_second: "10G",
    remote_media_download_burst_count: "10G",
  };
}

function logConfig() {
  return {
    version: 1,
    formatters: { line: { format: "%(asctime)s %(name)s %(levelname)s %(message)s" } },
    handlers: { console: { class: "logging.StreamHandler", formatter: "line" } },
    root: { level: "WARNING", handlers: ["console"] },
    disable_existing_loggers: false,
  };
}
