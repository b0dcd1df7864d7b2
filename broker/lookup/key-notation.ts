/**
 * A key or a header's value as text, in URLs, JSON and on a command line:
 *
 *    4711              the UTF-8 bytes of the text
 *    base64:AP8_       the bytes, in either alphabet of base64, padded or not
 *    hex:00ff3f        the bytes
 *    text:hex:00       the UTF-8 bytes of what follows: for text that begins like one of these
 *
 * Every key has a text and every text is of one key at most.
 */

const prefixes = ['text:', 'base64:', 'hex:'] as const;

/** The bytes, or a sentence that says what is wrong. */
export function bytesOfNotation(text: string): Buffer | string {
  const prefix = prefixes.find((one) => text.startsWith(one));
  if (prefix === undefined) return Buffer.from(text);
  const rest = text.slice(prefix.length);
  if (prefix === 'text:') return Buffer.from(rest);
  if (prefix === 'hex:') {
    if (/^([0-9a-f]{2})*$/i.test(rest)) return Buffer.from(rest, 'hex');
    return 'after hex: there must be pairs of hexadecimal digits; text that begins so is written text:hex:…';
  }
  const digits = rest.replace(/={1,2}$/, '');
  const isPadded = digits.length !== rest.length;
  const isWhole = isPadded ? rest.length % 4 === 0 : digits.length % 4 !== 1;
  if (isWhole && /^([\w-]*|[A-Za-z0-9+/]*)$/.test(digits)) return Buffer.from(digits, 'base64');
  return 'after base64: there must be base64; text that begins so is written text:base64:…';
}

export function notationOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // What is not UTF-8 does not come back the same.
  if (!Buffer.from(text).equals(bytes)) return `base64:${bytes.toString('base64url')}`;
  return prefixes.some((prefix) => text.startsWith(prefix)) ? `text:${text}` : text;
}
