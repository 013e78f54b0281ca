import { isSecure } from "./address.ts";
import { type Cipher, KEYSTREAM_BYTES } from "./cipher.ts";
import { isWhole, membersOf, parseJson } from "./encoding.ts";
import { type Session, readSession } from "./session.ts";

/** The prefix of all parameters and members of the protocol. */
export const PREFIX = "org.matrix.msc4097";

/** The longest media config. */
export const MAX_CONFIG_BYTES = 65_536;

/** What the media config advertises (specification, sections 2 and 9.1). */
export interface Advertised {
  /** The web origin of all links. */
  readonly edge: string;
  /** The deliveries that the origin serves; `undefined` if it does not say. */
  readonly deliveries: readonly unknown[] | undefined;
  /** The algorithms that the origin serves; `undefined` if it does not say. */
  readonly algs: readonly unknown[] | undefined;
  /** The size of the smallest object that gets a link, in bytes. */
  readonly minSize: number;
  /** The size of the largest object that gets a link, in bytes. */
  readonly maxSize: number;
  readonly session: Session | undefined;
}

/** How a client opts in. */
export type OptIn =
  | { readonly delivery: "session"; readonly edge: string; readonly cipher: Cipher; readonly session: Session }
  | { readonly delivery: "json"; readonly edge: string; readonly ciphers: readonly Cipher[] };

/** Reads the media config. Returns `undefined` if it does not advertise the protocol, or not in a form that can be trusted. */
export async function readAdvertised(body: Uint8Array): Promise<Advertised | undefined> {
  const about = body.length > MAX_CONFIG_BYTES ? undefined : membersOf(membersOf(parseJson(body))?.[PREFIX]);
  const { edge, deliveries, algs, min_size: minSize, max_size: maxSize } = about ?? {};
  if (typeof edge !== "string" || !URL.canParse(edge)) return undefined;
  const url = new URL(edge);
  // URLs may have hosts that no server name has.
  if (/_|\.$/.test(url.hostname)) return undefined;
  if (url.origin !== edge || !isSecure(url) || !isListOrAbsent(deliveries) || !isListOrAbsent(algs)) return undefined;
  return {
    edge,
    deliveries: deliveries ?? undefined,
    algs: algs ?? undefined,
    minSize: isWhole(minSize, KEYSTREAM_BYTES) ? minSize : 0,
    maxSize: isWhole(maxSize, KEYSTREAM_BYTES) ? maxSize : KEYSTREAM_BYTES - 1,
    session: await readSession(about?.session),
  };
}

/**
 * Chooses the delivery.
 *
 * `session` costs one request less for the second range of an object and needs no reading of answers, so it comes first. It always encrypts,
 * so media that is ciphertext already is better off with `json`.
 *
 * @param ciphers in the client's order of preference.
 * @param wish what is known of the object: whether it is ciphertext already, and its size.
 * @returns `undefined` if the client does not opt in.
 */
export function chooseOptIn(
  advertised: Advertised,
  ciphers: readonly Cipher[],
  wish: { verbatim: boolean; size: number | undefined },
): OptIn | undefined {
  const { edge, deliveries, algs, minSize, maxSize, session } = advertised;
  if (wish.size !== undefined && (wish.size < minSize || wish.size > maxSize)) return undefined;
  const usable = ciphers.filter(({ alg }) => algs?.includes(alg) ?? true);
  const [cipher] = usable;
  if (!cipher) return undefined;
  const offers = (delivery: string) => deliveries?.includes(delivery) ?? true;
  const json: OptIn | undefined = offers("json") ? { delivery: "json", edge, ciphers: usable } : undefined;
  if (json && wish.verbatim) return json;
  return session && offers("session") ? { delivery: "session", edge, cipher, session } : json;
}

/** Returns the query that opts in. */
export function optInQuery(optIn: OptIn, verbatim: boolean): string {
  const query = new URLSearchParams({ [`${PREFIX}.delivery`]: optIn.delivery });
  if (optIn.delivery === "session") {
    query.set(`${PREFIX}.alg`, optIn.cipher.alg);
    query.set(`${PREFIX}.session`, optIn.session.id);
  } else {
    query.set(`${PREFIX}.alg`, optIn.ciphers.map(({ alg }) => alg).join(","));
  }
  if (verbatim) query.set(`${PREFIX}.verbatim`, "true");
  return query.toString();
}

function isListOrAbsent(value: unknown): value is unknown[] | null | undefined {
  return value == null || Array.isArray(value);
}
