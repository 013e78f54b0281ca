// The cases, in the order in which a download meets them. README.md describes each kind's input and output.
import { cipherCases } from "./cases-cipher.mjs";
import { clientCases } from "./cases-client.mjs";
import { requestCases } from "./cases-request.mjs";
import { serverCases } from "./cases-server.mjs";
import { sessionCases } from "./cases-session.mjs";

/** Every case: { kind, name, comment, expect, input, output }. */
export const cases = () => [...requestCases(), ...serverCases(), ...cipherCases(), ...sessionCases(), ...clientCases()];
