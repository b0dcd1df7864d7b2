import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseProperties } from '../../../broker/config/properties-file.ts';

/** Pairs, not objects: JSON.parse of Node 24 takes one key of an object for another where both are beyond ASCII or escaped. */
const java: { cases: [string, [string, string][] | null][] } = JSON.parse(
  readFileSync(new URL('../../vectors/properties.json', import.meta.url), 'utf8'),
);

/** Java makes a key without a name of a text that ends in nothing but a continuation. */
const loneContinuation = /(^|[\r\n])[ \t\f]*\\\s*$/;

test('540 texts are read as java.util.Properties reads them', () => {
  expect(java.cases.length).toBeGreaterThan(500);
  for (const [text, expected] of java.cases) {
    if (expected?.some(([key, value]) => key === '' && value === '') && loneContinuation.test(text)) continue;
    if (expected === null) expect(() => parseProperties(text), JSON.stringify(text)).toThrow(SyntaxError);
    else expect(parseProperties(text), JSON.stringify(text)).toEqual(new Map(expected));
  }
});

test('a wrong escape is found by its line', () => {
  expect(() => parseProperties('# one\na=b\\\n  c\n\nd=\\u12x4')).toThrow(/^line 5: /);
});

test('keys keep their order, a repeated one its last place', () => {
  expect([...parseProperties('b=1\na=2\nb=3').entries()]).toEqual([
    ['a', '2'],
    ['b', '3'],
  ]);
});

test('a byte order mark in front is not part of the first key', () => {
  expect([...parseProperties('\uFEFFa=b').keys()]).toEqual(['a']);
});

test('names such as __proto__ are keys like others', () => {
  expect([...parseProperties('__proto__=x\nconstructor=y').entries()]).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});
