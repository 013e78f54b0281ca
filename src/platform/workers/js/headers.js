// Headers cross the border in one text, `name`, line, `value`, line, …: a crossing with a string costs more
// than the lines it holds, and no header has a line end.

/**
 * Those of the named headers that are there, as one text. Cheaper than to go through all of them.
 *
 * @param {Headers} headers
 * @param {string[]} names
 */
export function headerText(headers, names) {
  let text = "";
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) text += `${name}\n${value}\n`;
  }
  return text;
}

/**
 * The inverse: adds the headers of a text.
 *
 * @param {Headers} headers
 * @param {string} text
 */
export function appendHeaders(headers, text) {
  const lines = text.split("\n");
  for (let at = 0; at + 1 < lines.length; at += 2) headers.append(lines[at], lines[at + 1]);
  return headers;
}

/**
 * Headers as an object of the runtime.
 *
 * @param {string} text
 */
export function headersObject(text) {
  return appendHeaders(new Headers(), text);
}
