// Formats the demo's output: aligned lines, and on a terminal also colour and progress.

const TITLE_WIDTH = 36;
const SHOWN_BYTES = 16;

const terminal = process.stdout.isTTY === true;
const colour = terminal && !process.env.NO_COLOR;
const paint = (code) => (text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const [bold, dim, red, green] = [1, 2, 31, 32].map(paint);

let inProgress;

/** Shows the current step. On a terminal the next output overwrites it; elsewhere each new text up to its comma is a line. */
export function working(text) {
  if (terminal) process.stdout.write(`\r\x1b[K${dim(`${text} …`)}`);
  else if (text.split(",")[0] !== inProgress) console.log(`${text.split(",")[0]} …`);
  inProgress = text.split(",")[0];
}

/** Erases the last `working`. */
export function done() {
  if (terminal && inProgress) process.stdout.write("\r\x1b[K");
  inProgress = undefined;
}

export function heading(text) {
  console.log(`\n${bold(text)}`);
}

/** Prints a line of information. */
export function line(title, text) {
  console.log(`    ${title.padEnd(TITLE_WIDTH)}${text}`);
}

/**
 * Runs a point and prints its line, and any lines below it.
 *
 * @param {{title: string, show: (stage: object) => Promise<string | {text: string, below: [string, string][]}>}} point throws if the outcome is wrong
 * @param {object} stage
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function result({ title, show }, stage) {
  if (terminal) working(title);
  try {
    const shown = await show(stage);
    const { text, below = [] } = typeof shown === "string" ? { text: shown } : shown;
    done();
    console.log(`  ${green("✓")} ${title.padEnd(TITLE_WIDTH)}${text}`);
    for (const [name, value] of below) line(`  ${name}`, value);
    return true;
  } catch (error) {
    done();
    console.log(`  ${red("✗")} ${title.padEnd(TITLE_WIDTH)}${error.message.replace(/\s*\n\s*/g, "; ")}`);
    return false;
  }
}

/** Formats a size: `30.8 MB`. */
export function bytes(count) {
  if (count < 1_000) return `${count} B`;
  return count < 1_000_000 ? `${Math.round(count / 1_000)} kB` : `${(count / 1_000_000).toFixed(1)} MB`;
}

/** Formats the first bytes in hexadecimal, and printable ones as text. */
export function hexdump(buffer) {
  const first = buffer.subarray(0, SHOWN_BYTES);
  const hex = [...first].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = [...first].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${hex}  ${dim(`|${text}|`)}`;
}

/** Shortens a link's token, so that nobody can use it. */
export function shortened(url) {
  const { origin, pathname } = new URL(url);
  return `${origin}/${pathname.slice(1, 7)}…`;
}
