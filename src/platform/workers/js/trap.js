// What happens to a trap: an error that leaves the WebAssembly program in an unknown state.

/** After a trap the next request gets a new instance of the program: `main.js` hears of it so. */
export function reportTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) reportError(error);
}
