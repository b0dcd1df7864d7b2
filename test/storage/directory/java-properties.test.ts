import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatProperties, parseProperties } from '../../../storage/directory/java-properties.ts';

/** Each pair was made with java.util.Properties of Java 17. */
test.each<[string, Record<string, string>]>([
  ['a = b', { a: 'b' }],
  ['a:b', { a: 'b' }],
  ['a b', { a: 'b' }],
  ['  a\t=\t b c ', { a: 'b c ' }],
  ['a\\ b=c', { 'a b': 'c' }],
  ['a=\\u00fcx\\q', { a: 'üxq' }],
  ['# x\n!y\na=1\\\n   2\\\n\t3', { a: '123' }],
  ['a=1\r\nb=2\rc=3', { a: '1', b: '2', c: '3' }],
  ['a', { a: '' }],
  ['=b', { '': 'b' }],
  ['a==b', { a: '=b' }],
  ['a\\=b=c', { 'a=b': 'c' }],
  ['a=b\\', { a: 'b' }],
  ['a=x\\\\\nb=1', { a: 'x\\', b: '1' }],
  ['\f a=1', { a: '1' }],
  ['a=\\t\\n\\f\\r', { a: '\t\n\f\r' }],
  ['#c\\\na=1', { a: '1' }],
  ['a=1\\\n#2', { a: '1#2' }],
  ['\n\n a : : b', { a: ': b' }],
  ['a=1\na=2', { a: '2' }],
])('%j is read as Java reads it', (text, expected) => {
  expect(Object.fromEntries(parseProperties(text))).toEqual(expected);
});

test('a broken \\u is an error', () => {
  expect(() => parseProperties('a=\\u12')).toThrow(SyntaxError);
  expect(() => parseProperties('a=\\u12zz')).toThrow(/malformed/);
});

test('what Java would write', () => {
  const entries = [
    ['node.id', ' 1'],
    ['z', 'emoji 😀 x '],
    ['cluster.id', 'a b=c:#!\\\t'],
    ['k e=y', ''],
  ] as const;
  expect(formatProperties(entries, Date.UTC(2026, 10, 2, 1, 2, 3))).toBe(
    '#\n#Mon Nov 02 01:02:03 UTC 2026\nnode.id=\\ 1\nz=emoji \\uD83D\\uDE00 x \n' +
      'cluster.id=a b\\=c\\:\\#\\!\\\\\\t\nk\\ e\\=y=\n',
  );
});

test('whatever is written is read back', () => {
  const entries = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(entries, (properties) => {
      const text = formatProperties(Object.entries(properties), 0);
      expect(text).toMatch(/^[\n -~]*$/);
      expect(Object.fromEntries(parseProperties(text))).toEqual(properties);
    }),
  );
});
