/**
 * JSON Pointer (RFC 6901) on the text of a document: what is selected comes out as it was written, `119.90` and all, instead of
 * as a number that was read and written again.
 */

/** The names on the way, or null when this is no pointer. */
export function parsePointer(pointer: string): string[] | null {
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return null;
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The text of the selected value, null when nothing is there. `document` is valid JSON: the caller has parsed it. */
export function selectText(document: string, names: readonly string[]): string | null {
  let start = skipBlanks(document, 0);
  for (const name of names) {
    const next = document[start] === '{' ? memberOf(document, start, name) : elementOf(document, start, name);
    if (next < 0) return null;
    start = next;
  }
  return document.slice(start, endOfValue(document, start));
}

/** Where the value of the member begins, -1 without one; of several with one name the last, as in JSON.parse. */
function memberOf(text: string, object: number, name: string): number {
  let found = -1;
  let at = skipBlanks(text, object + 1);
  while (text[at] === '"') {
    const keyEnd = endOfString(text, at);
    const value = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    if (nameAt(text, at, keyEnd) === name) found = value;
    at = afterComma(text, endOfValue(text, value));
  }
  return found;
}

function nameAt(text: string, quote: number, end: number): string {
  const inside = text.slice(quote + 1, end - 1);
  return inside.includes('\\') ? JSON.parse(text.slice(quote, end)) : inside;
}

function elementOf(text: string, array: number, name: string): number {
  if (text[array] !== '[' || !/^(0|[1-9]\d*)$/.test(name)) return -1;
  let at = skipBlanks(text, array + 1);
  for (let left = Number(name); text[at] !== ']' && at < text.length; left--) {
    if (left === 0) return at;
    at = afterComma(text, endOfValue(text, at));
  }
  return -1;
}

/** Of the next member or element, or of the bracket that ends them. */
function afterComma(text: string, from: number): number {
  const at = skipBlanks(text, from);
  return text[at] === ',' ? skipBlanks(text, at + 1) : at;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}

function endOfString(text: string, quote: number): number {
  for (let at = quote + 1; ; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
}

function endOfValue(text: string, start: number): number {
  const first = text[start];
  if (first === '"') return endOfString(text, start);
  if (first !== '{' && first !== '[') {
    let at = start;
    while (at < text.length && !/[,\]}\s]/.test(text[at]!)) at++;
    return at;
  }
  let depth = 0;
  for (let at = start; ; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
}
