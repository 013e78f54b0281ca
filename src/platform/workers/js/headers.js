// All headers of a message cross between JavaScript and WebAssembly as one text, `{name}\n{value}\n…`, because a crossing costs more than
// splitting the text into lines. No header contains a line feed.

/**
 * Returns those of the named headers that are there as one text. This is cheaper than iterating over all headers.
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
 * Adds the headers of such a text.
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
 * Creates a `Headers` object from such a text.
 *
 * @param {string} text
 */
export function headersObject(text) {
  return appendHeaders(new Headers(), text);
}
