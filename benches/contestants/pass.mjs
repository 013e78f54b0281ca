// Passes the origin server's response on. Its body never enters JavaScript.
import { fetchObject } from "./shared.mjs";

export default { fetch: fetchObject };
