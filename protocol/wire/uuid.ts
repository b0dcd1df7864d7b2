/**
 * UUIDs between 16 bytes and the text form that is used everywhere else: base64url without padding, 22
 * characters.
 *
 *    bytes    | 0 1 2 | 3 4 5 | 6 7 8 | 9 10 11 | 12 13 14 | 15 |
 *    text     |  4    |  4    |  4    |  4      |  4       | 2  |      6 bits a character; the last has 2 and 4 zeros
 *
 * By tables, because the runtime's base64 functions take 2.5 times as long on so few bytes, and topic ids are
 * in every produce and fetch.
 */
import { zeroUuid } from '../schema/field.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const outside = 0x40;

const codes = Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0));
const sextets = new Uint8Array(0x80).fill(outside);
for (let index = 0; index < alphabet.length; index++) sextets[codes[index]!] = index;

export const uuidBytes = 16;

export function readUuid(b: Uint8Array, at: number): string {
  const v = (b[at]! << 16) | (b[at + 1]! << 8) | b[at + 2]!;
  const w = (b[at + 3]! << 16) | (b[at + 4]! << 8) | b[at + 5]!;
  const x = (b[at + 6]! << 16) | (b[at + 7]! << 8) | b[at + 8]!;
  const y = (b[at + 9]! << 16) | (b[at + 10]! << 8) | b[at + 11]!;
  const z = (b[at + 12]! << 16) | (b[at + 13]! << 8) | b[at + 14]!;
  const last = b[at + 15]!;
  if ((v | w | x | y | z | last) === 0) return zeroUuid;
  const c = codes;
  // biome-ignore format: a line per three bytes
  return String.fromCharCode(
    c[v >> 18]!, c[(v >> 12) & 63]!, c[(v >> 6) & 63]!, c[v & 63]!,
    c[w >> 18]!, c[(w >> 12) & 63]!, c[(w >> 6) & 63]!, c[w & 63]!,
    c[x >> 18]!, c[(x >> 12) & 63]!, c[(x >> 6) & 63]!, c[x & 63]!,
    c[y >> 18]!, c[(y >> 12) & 63]!, c[(y >> 6) & 63]!, c[y & 63]!,
    c[z >> 18]!, c[(z >> 12) & 63]!, c[(z >> 6) & 63]!, c[z & 63]!,
    c[last >> 2]!, c[(last & 3) << 4]!,
  );
}

/** Writes a UUID; false, with some bytes written, if the text is none. */
export function writeUuid(bytes: Uint8Array, at: number, text: string): boolean {
  if (text.length !== 22) return false;
  let seen = 0;
  let place = at;
  for (let index = 0; index < 20; index += 4) {
    let triple = 0;
    for (let offset = 0; offset < 4; offset++) {
      const code = text.charCodeAt(index + offset);
      const sextet = sextets[code & 0x7f]!;
      seen |= sextet | (code & 0xff80);
      triple = (triple << 6) | sextet;
    }
    bytes[place++] = triple >> 16;
    bytes[place++] = triple >> 8;
    bytes[place++] = triple;
  }
  const high = text.charCodeAt(20);
  const low = text.charCodeAt(21);
  seen |= sextets[high & 0x7f]! | sextets[low & 0x7f]! | ((high | low) & 0xff80);
  bytes[place] = (sextets[high & 0x7f]! << 2) | (sextets[low & 0x7f]! >> 4);
  return seen < outside;
}
