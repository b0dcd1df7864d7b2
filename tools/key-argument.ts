/** A key on the command line: text, or its bytes in digits. */
import { bytesOfNotation } from '../broker/connect-lookup.ts';

export interface KeyEncoding {
  readonly keyHex?: boolean;
  readonly keyBase64?: boolean;
}

/** The bytes, or the line that says what is wrong with them; null where the options say that the key is text. */
export function bytesInDigits(
  text: string,
  { keyHex = false, keyBase64 = false }: KeyEncoding,
): Buffer | string | null {
  if (keyHex && keyBase64) return '--key-hex and --key-base64 contradict each other; give one of them';
  if (keyHex) {
    const key = Buffer.from(text, 'hex');
    return key.toString('hex') === text.toLowerCase() ? key : `${text} is no key in hexadecimal digits`;
  }
  if (keyBase64) {
    const key = Buffer.from(text, 'base64');
    const bare = (encoded: string) => encoded.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
    return bare(key.toString('base64')) === bare(text) ? key : `${text} is no key in base64`;
  }
  return null;
}

/** The same, where text may also begin with hex:, base64: or text:, as everywhere that lookups print keys. */
export function keyArgument(text: string, encoding: KeyEncoding): Buffer | string {
  return bytesInDigits(text, encoding) ?? bytesOfNotation(text);
}
