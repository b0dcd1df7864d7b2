/** Keys as text, tags, and pointers into documents. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAmong, parseEtags, recordIdOf } from '../../../broker/http/etags.ts';
import { parsePointer, selectText } from '../../../broker/http/json-pointer.ts';
import { bytesOfNotation, notationOf } from '../../../broker/lookup/key-notation.ts';
import { etagOf } from '../../../broker/lookup/lookup.ts';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

describe('a key as text', () => {
  test('is the key again when it is read, whatever its bytes', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
        ),
        (key) => {
          expect(bytesOfNotation(notationOf(key))).toEqual(key);
        },
      ),
    ));

  test('is the text itself where that says it', () => {
    expect(
      ['4711', 'base64:x', 'text:x', 'hex:', 'größe'].map((text) => notationOf(Buffer.from(text))),
    ).toEqual(['4711', 'text:base64:x', 'text:text:x', 'text:hex:', 'größe']);
    expect(notationOf(Buffer.from([0xff, 0xfe]))).toBe('base64:__4');
  });

  test('is read in both alphabets of base64, padded or not, and in hexadecimal of either case', () => {
    const same = ['base64:__4', 'base64://4', 'base64://4=', 'base64:__4=', 'hex:fffe', 'hex:FFFE'];
    for (const text of same) expect(bytesOfNotation(text)).toEqual(Buffer.from([0xff, 0xfe]));
    for (const text of [
      'base64:_/_/',
      'base64:a',
      'base64:aa=',
      'base64:aaa==',
      'base64:=',
      'hex:fff',
      'hex:xx',
    ])
      expect(typeof bytesOfNotation(text), text).toBe('string');
  });
});

describe('tags', () => {
  test('are lists, or a star', () => {
    expect(parseEtags(' * ')).toBe('*');
    expect(parseEtags('"a"')).toEqual(['"a"']);
    expect(parseEtags('"a,b", W/"c" ,,"",')).toEqual(['"a,b"', 'W/"c"', '""']);
    for (const wrong of ['', ' ', ',', 'a', '"a', '"a" "b"', '"a";"b"', 'w/"a"', '*, "a"', '"\u0000"'])
      expect(parseEtags(wrong), wrong).toBeNull();
  });

  test('are read in a time that does not depend on how they are wrong', () => {
    const long = 32_000;
    expect(parseEtags(`"a"${','.repeat(long)}x`)).toBeNull();
    expect(parseEtags(`"a"${' '.repeat(long)}x`)).toBeNull();
    expect(parseEtags('"a",'.repeat(long))).toHaveLength(long);
  });

  test('name a record, if they are of ours', () => {
    const id = { topicId: 'iXD0C1SVTc6n-EYEW8W_0w', partition: 12, offset: 9_007_199_254_740_991 };
    expect(recordIdOf(etagOf(id))).toEqual(id);
    for (const other of [
      '"x"',
      `W/${etagOf(id)}`,
      '"iXD0C1SVTc6nKEYEW8Wn0w-0"',
      '"iXD0C1SVTc6nKEYEW8Wn0w-0--1"',
    ])
      expect(recordIdOf(other)).toBeNull();
    expect(isAmong('"a"', ['W/"a"'])).toBe(true);
    expect(isAmong('"a"', ['"b"'])).toBe(false);
  });
});

describe('a pointer', () => {
  test('selects what it selects in the document that was read', () => {
    const spaced = fc.constantFrom(undefined, 1, '\t', '\r\n' as never);
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), spaced, fc.nat(), (json, space, seed) => {
        const document: unknown = JSON.parse(json);
        const text = ` ${JSON.stringify(document, null, space)}\n`;
        let value = document;
        let pointer = '';
        // Down to somewhere, by a way that the seed chooses.
        for (let left = seed; typeof value === 'object' && value !== null; left = Math.floor(left / 3)) {
          const names = Object.keys(value);
          if (names.length === 0 || left % 5 === 4) break;
          const name = names[left % names.length]!;
          value = (value as Record<string, unknown>)[name];
          pointer += `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        }
        const selected = selectText(text, parsePointer(pointer)!);
        expect(JSON.parse(selected!)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(selectText(text, [...parsePointer(pointer)!, 'surely not there'])).toBeNull();
      }),
    );
  });

  test('begins with a slash and escapes by 0 and 1', () => {
    expect(parsePointer('')).toEqual([]);
    expect(parsePointer('/')).toEqual(['']);
    expect(parsePointer('/a~1b/~01')).toEqual(['a/b', '~1']);
    for (const wrong of ['a', '/~', '/~2', ' /a', '#/a']) expect(parsePointer(wrong)).toBeNull();
  });

  test('looks into names that are escaped in the document', () => {
    expect(selectText('{"\\u0061\\"": [1, {"b" : "x]}\\\\"}]}', ['a"', '1', 'b'])).toBe('"x]}\\\\"');
  });
});
