// The cases, in the order in which a download meets them. README.md describes each kind's input and output.
import { answerCases } from "./cases-answer.mjs";
import { cipherCases } from "./cases-cipher.mjs";
import { downloadCases } from "./cases-download.mjs";
import { homeserverCases } from "./cases-homeserver.mjs";
import { requestCases } from "./cases-request.mjs";
import { serverCases } from "./cases-server.mjs";
import { sessionCases } from "./cases-session.mjs";

/** Every case: { kind, name, comment, expect, or, input, output }. */
export const cases = () => [
  ...requestCases(),
  ...serverCases(),
  ...cipherCases(),
  ...sessionCases(),
  ...homeserverCases(),
  ...answerCases(),
  ...downloadCases(),
];
