// A real Synapse: SQLite, a folder of its own, no federation unless asked for, rate limits out of the way.

import { createHmac, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { freePort, run, start, tempDir } from "./process.mjs";
import { secret } from "./secrets.mjs";

// The same as in scripts/lib.sh, which installs it.
const SYNAPSE_VERSION = "1.163.2";
const CACHE_DIR = process.env.CLOAKROOM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cloakroom");

/** The Python with Synapse and matrix-nio in it. */
export const PYTHON = join(CACHE_DIR, `synapse-${SYNAPSE_VERSION}/bin/python`);

const UNLIMITED = { per_second: 10_000, burst_count: 10_000 };

/**
 * @param {object} [options]
 * @param {string} [options.serverName] default `localhost`; must be fit for a path of mxc URIs
 * @param {string} [options.publicUrl] `public_baseurl`: where clients reach it. A login answer tells them so; without it the answer has no address
 * @param {Record<string, unknown>} [options.config] over the generated homeserver.yaml, key by key
 * @returns {Promise<Synapse>} answering, after about five seconds
 */
export async function startSynapse({ serverName = "localhost", publicUrl, config = {} } = {}) {
  if (!existsSync(PYTHON)) throw new Error(`Synapse ${SYNAPSE_VERSION} is not installed: run scripts/setup --synapse`);
  const folder = tempDir("synapse");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const registrationSecret = secret(randomBytes(24).toString("base64url"), "registration secret");
  const configPath = join(folder, "homeserver.yaml");
  const logConfigPath = join(folder, "log.yaml");
  // JSON is YAML.
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
    /** Its own address, with nothing in front. */
    this.url = url;
    this.port = port;
    /** Configuration, database and media store. */
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

  /** Logs a token out: from now on it is unknown. */
  async logout(token) {
    await this.#json("POST", "/_matrix/client/v3/logout", { token, body: {} });
  }

  /**
   * Uploads media, straight to Synapse.
   *
   * @param {string} token
   * @param {Uint8Array | string} bytes
   * @param {{type?: string, filename?: string}} [options] without a type the header is left out
   * @returns {Promise<{mxc: string, mediaId: string}>}
   */
  async upload(token, bytes, { type, filename } = {}) {
    const query = filename === undefined ? "" : `?${new URLSearchParams({ filename })}`;
    const { content_uri } = await this.#json("POST", `/_matrix/media/v3/upload${query}`, {
      token,
      // A Buffer, since fetch gives strings a type of its own.
      raw: Buffer.from(bytes),
      headers: type === undefined ? {} : { "Content-Type": type },
    });
    return { mxc: content_uri, mediaId: content_uri.split("/").at(-1) };
  }

  /** Quarantines media, as an admin: from now on it is 404 for everybody. */
  async quarantine(adminToken, mediaId) {
    await this.#json("POST", `/_synapse/admin/v1/media/quarantine/${this.serverName}/${mediaId}`, { token: adminToken, body: {} });
  }

  /** Starts it anew, at the same address and with all that it holds, as after an edit of its configuration. */
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
        // As behind any reverse proxy: the client's address is what X-Forwarded-For says.
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
    // The weakest hash that bcrypt knows: passwords here protect nothing.
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
