/** What a value is, guessed from its bytes: Kafka keeps no content type. */
import { isUtf8 } from 'node:buffer';

/** `json`: an object or an array; other JSON is as well read as the text that it is. */
export type ValueKind = 'json' | 'text' | 'binary';

/** Control characters that no text has. */
const binaryCharacters = /[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/;
const [tab, newline, carriageReturn, blank, bracket, brace] = [0x09, 0x0a, 0x0d, 0x20, 0x5b, 0x7b];

/** What the value is, with its text where it is one. */
export function readValue(value: Buffer): { kind: ValueKind; text: string } {
  if (!isUtf8(value)) return { kind: 'binary', text: '' };
  const text = value.toString('utf8');
  const first = firstVisible(value);
  if ((first === bracket || first === brace) && isJson(text)) return { kind: 'json', text };
  return binaryCharacters.test(text) ? { kind: 'binary', text: '' } : { kind: 'text', text };
}

function firstVisible(value: Buffer): number {
  for (const byte of value)
    if (byte !== blank && byte !== newline && byte !== carriageReturn && byte !== tab) return byte;
  return -1;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
