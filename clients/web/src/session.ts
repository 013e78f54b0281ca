import type { Cipher, CipherKey } from "./cipher.ts";
import { KEY_BYTES } from "./cipher.ts";
import { type Bytes, decodeBase64url, isBase64url, isWhole, membersOf } from "./encoding.ts";

const MAX_ID_CHARS = 2048;

/** A session: the secret from which the keys of its links derive (specification, section 4.1). */
export interface Session {
  /** Names the session to the origin. */
  readonly id: string;
  /** The secret, as a key for HKDF that cannot be exported. */
  readonly secret: CryptoKey;
  /** The milliseconds from the response until the session ends. */
  readonly expiresInMs: number;
}

/** Reads the member `session` of the media config. Returns `undefined` if it is absent or malformed. */
export async function readSession(value: unknown): Promise<Session | undefined> {
  const { id, secret, expires_ts: expiresTs, expires_in_ms: expiresInMs } = membersOf(value) ?? {};
  if (typeof id !== "string" || id === "" || id.length > MAX_ID_CHARS || !isBase64url(id)) return undefined;
  const raw = typeof secret === "string" ? decodeBase64url(secret, KEY_BYTES) : undefined;
  if (!raw || !isWhole(expiresTs) || !isWhole(expiresInMs)) return undefined;
  return { id, secret: await importSecret(raw), expiresInMs };
}

/** Imports a session's secret of 32 bytes. */
export function importSecret(raw: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
}

/** Derives the 32 bytes of a link's key from the session's secret and the name of the redirect token. */
export async function deriveKey(secret: CryptoKey, name: string, alg: string): Promise<Bytes> {
  const text = new TextEncoder();
  const [salt, info] = [text.encode(name), text.encode(`org.matrix.msc4097/object/${alg}`)];
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, secret, KEY_BYTES * 8));
}

/** Opens the key of a link. */
export async function openSessionKey(secret: CryptoKey, name: string, cipher: Cipher): Promise<CipherKey> {
  return cipher.open(await deriveKey(secret, name, cipher.alg));
}
