// How the demo looks: aligned lines, colour and moving progress on a terminal only.

const TITLE_WIDTH = 34;
const SHOWN_BYTES = 16;

const terminal = process.stdout.isTTY === true;
const colour = terminal && !process.env.NO_COLOR;
const paint = (code) => (text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const [bold, dim, red, green] = [1, 2, 31, 32].map(paint);

let inProgress;

/** What is being done. On a terminal it is written over by what comes next; elsewhere only each new text up to its comma is a line. */
export function working(text) {
  if (terminal) process.stdout.write(`\r\x1b[K${dim(`${text} …`)}`);
  else if (text.split(",")[0] !== inProgress) console.log(`${text.split(",")[0]} …`);
  inProgress = text.split(",")[0];
}

/** Takes the last `working` away. */
export function done() {
  if (terminal && inProgress) process.stdout.write("\r\x1b[K");
  inProgress = undefined;
}

export function heading(text) {
  console.log(`\n${bold(text)}`);
}

/** A line that tells and does not judge. */
export function line(title, text) {
  console.log(`    ${title.padEnd(TITLE_WIDTH)}${text}`);
}

/**
 * Tries a point and prints its line, and those that it shows below.
 *
 * @param {{title: string, show: (stage: object) => Promise<string | {text: string, below: [string, string][]}>}} point throws where something is not
 *   as it should be
 * @param {object} stage
 * @returns {Promise<boolean>} whether it is as it should be
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

/** `30.8 MB`. */
export function bytes(count) {
  if (count < 1_000) return `${count} B`;
  return count < 1_000_000 ? `${Math.round(count / 1_000)} kB` : `${(count / 1_000_000).toFixed(1)} MB`;
}

/** The first bytes in hexadecimal and, where they are printable, as text. */
export function hexdump(buffer) {
  const first = buffer.subarray(0, SHOWN_BYTES);
  const hex = [...first].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = [...first].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${hex}  ${dim(`|${text}|`)}`;
}

/** A link that nobody can use: its token is cut short. */
export function shortened(url) {
  const { origin, pathname } = new URL(url);
  return `${origin}/${pathname.slice(1, 7)}…`;
}
