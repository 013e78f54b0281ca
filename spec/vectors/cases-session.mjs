// Cases of sessions. Their outputs are computed by reference.mjs.
import { base64url, bytes32, sessionId, sessionKey, sessionSecret } from "./reference.mjs";

const [secret, master, other] = [bytes32("a session secret"), bytes32("a master"), bytes32("another master")];
const name = base64url(bytes32("a token"));
const token = "syt_QWxpY2U_JtgkJiTVpSzPxZTpmGrz_2xS0Qe";
const NOW = 1_790_000_000_000;
const facts = { master, token, expires_ts: NOW + 86_400_000, random: bytes32("random").subarray(0, 16) };

export const sessionCases = () => [...keys(), ...ids()];

function keys() {
  const derived = (label, comment, { used = secret, of = name, alg }) => ({
    kind: "session-key",
    name: label,
    comment,
    expect: "success",
    input: { secret: base64url(used), name: of, alg },
    output: { key: base64url(sessionKey(used, of, alg)) },
  });
  return [
    derived("chacha20", "the key of a link", { alg: "chacha20" }),
    derived("a256ctr", "another algorithm has another key", { alg: "a256ctr" }),
    derived("other-token", "another token has another key", { alg: "a256ctr", of: base64url(bytes32("another token")) }),
    derived("other-session", "another session has another key", { alg: "a256ctr", used: bytes32("another session secret") }),
  ];
}

function ids() {
  const open = (label, comment, id, { now_ms = NOW, access_token = token, previous, of = master } = {}, ok = undefined) => ({
    kind: "session-id",
    name: label,
    comment,
    expect: ok === undefined ? "stale" : "success",
    input: { master: base64url(of), previous: previous && base64url(previous), access_token, now_ms, id },
    output: ok && { secret: base64url(ok) },
  });
  const id = sessionId(facts);
  const text = base64url(id);
  const good = sessionSecret(master, id);
  /** The id with one bit of this byte flipped. */
  const flipped = (index) => base64url(id.map((byte, at) => (at === index ? byte ^ 1 : byte)));
  return [
    open("good", "a live session of this access token", text, {}, good),
    open("last-millisecond", "one millisecond before it ends", text, { now_ms: facts.expires_ts - 1 }, good),
    open("previous-master", "made with the previous master", text, { of: other, previous: master }, good),
    open("expired", "at its end", text, { now_ms: facts.expires_ts }),
    open("other-access-token", "of another access token, or of the same user before a refresh", text, { access_token: `${token}x` }),
    open("unknown-master", "made with a master that is neither the present nor the previous one", text, { of: other }),
    open("later-version", "of another version", base64url(sessionId({ ...facts, version: 2 }))),
    open("other-version-byte", "the version is under the tag", flipped(0)),
    open("other-master-id", "the master id is under the tag", flipped(4)),
    open("later-expiry", "the expiry is under the tag", flipped(12)),
    open("other-random", "the random bytes are under the tag", flipped(13)),
    open("other-tag", "the last bit of the tag", flipped(44)),
    open("one-byte-less", "44 bytes", base64url(id.subarray(0, 44))),
    open("one-byte-more", "46 bytes", base64url(Buffer.concat([id, Buffer.alloc(1)]))),
    open("empty", "no id at all", ""),
    open("standard-base64", "the alphabet of standard base64", "+".repeat(60)),
  ];
}
