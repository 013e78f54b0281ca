// Parses Content-Disposition strictly by its grammar (RFC 6266, extended values by RFC 8187).

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/**
 * @param {string} header
 * @returns {{type: string, filename: string | undefined}} `filename*` takes precedence over `filename`
 * @throws {Error} if the header breaks the grammar
 */
export function parseDisposition(header) {
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const need = (pattern, what) => take(pattern) ?? fail(header, at, what);
  const parameters = new Map();
  const type = need(TOKEN, "a type")[0].toLowerCase();
  for (take(/\s*/y); at < header.length; take(/\s*/y)) {
    need(/;\s*/y, "a semicolon");
    const name = need(TOKEN, "a parameter's name")[0].toLowerCase();
    need(/\s*=\s*/y, "an equals sign");
    const quoted = take(QUOTED);
    const value = quoted ? quoted[1].replace(/\\(.)/g, "$1") : need(TOKEN, "a value")[0];
    if (parameters.has(name)) fail(header, at, `'${name}' only once`);
    parameters.set(name, value);
  }
  const extended = parameters.get("filename*");
  return { type, filename: extended === undefined ? parameters.get("filename") : decodeExtended(extended) };
}

function decodeExtended(value) {
  const match = value.match(/^utf-8'[^']*'(.*)$/i);
  if (!match) throw new Error(`not an extended value in UTF-8: ${value}`);
  return decodeURIComponent(match[1]);
}

function fail(header, at, what) {
  throw new Error(`Content-Disposition: expected ${what} at character ${at} of: ${header}`);
}
