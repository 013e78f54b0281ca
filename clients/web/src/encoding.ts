/** Bytes in memory that nothing else shares. */
export type Bytes = Uint8Array<ArrayBuffer>;

// Each byte string has exactly one text: no padding, and the unused bits of the last character are zero (specification, section 1.2).
const BASE64URL = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/** Tells whether a text is base64url in the only form that the protocol accepts. */
export function isBase64url(text: string): boolean {
  return BASE64URL.test(text);
}

/** Decodes base64url. Returns `undefined` if the text is malformed or does not have exactly `length` bytes. */
export function decodeBase64url(text: string, length: number): Bytes | undefined {
  if (!isBase64url(text)) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return binary.length === length ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : undefined;
}

/** Reads UTF-8 as JSON. Returns `undefined` if the bytes are not UTF-8 or not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** Returns the members of a JSON object, or `undefined` for any other value. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** Tells whether a JSON value is a whole number from 0 to below `limit`. */
export function isWhole(value: unknown, limit = 2 ** 53): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit;
}

/** Reads decimal digits, without a sign. Returns `undefined` for anything else, `null` included. */
export function decimal(text: string | null | undefined): number | undefined {
  return text != null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
