// Hands the origin server's response on: its body never enters JavaScript.
import { fetchObject } from "./shared.mjs";

export default { fetch: fetchObject };
