import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  boolean,
  type ConfigKey,
  canonicalText,
  double,
  formatValue,
  int,
  keyNamed,
  list,
  long,
  longMax,
  oneOf,
  parseValue,
  password,
  string,
} from '../../../storage/config/define.ts';

const doc = 'For tests.';

function read(key: ConfigKey, text: string): unknown {
  const parsed = parseValue('a.key', key, text);
  return parsed.ok ? parsed.value : parsed.message;
}

test('an error names the key and the value', () => {
  expect(read(int({ default: 1, min: 1, max: 5, doc }), '6')).toBe(
    'Invalid value 6 for configuration a.key: the value must be no more than 5.',
  );
  expect(read(boolean({ default: true, doc }), 'yes')).toMatch(
    /^Invalid value yes .* it must be true or false\.$/,
  );
  expect(read(oneOf(['a', 'b'], { default: 'a', doc }), 'c')).toMatch(/one of a, b\.$/);
});

test('a secret stays secret when it is wrong', () => {
  const key = { ...password({ default: null, doc }), check: () => 'too short' };
  expect(read(key, 'hunter2')).toBe('Invalid value [hidden] for configuration a.key: too short.');
});

test('lists drop what they have already, and refuse nothing between commas', () => {
  const key = list({ default: [], doc });
  expect(read(key, ' b , a ,b')).toEqual(['b', 'a']);
  expect(read(key, '')).toEqual([]);
  expect(read(key, 'a,,b')).toMatch(/no entry of the list may be empty/);
  expect(read(list({ default: ['a'], nonEmpty: true, doc }), ' ')).toMatch(/must not be empty/);
});

test('the largest long survives as text, and as the number next to it', () => {
  const key = long({ default: longMax, doc });
  expect(formatValue(key, key.default)).toBe('9223372036854775807');
  expect(read(key, '9223372036854775807')).toBe(2 ** 63);
  expect(canonicalText(key, ' +9007199254740993 ')).toBe('9007199254740993');
});

test('whole numbers may be written in the digits of any script, as Java reads them', () => {
  const key = int({ default: 0, doc });
  expect(['٣', '-१२३', '+５', '0٩'].map((text) => read(key, text))).toEqual([3, -123, 5, 9]);
  expect(canonicalText(key, ' ٠٧ ')).toBe('7');
  expect(canonicalText(long({ default: 0, doc }), '९००७१९९२५४७४०९९३')).toBe('9007199254740993');
  // Not those that take two UTF-16 units, nor numbers that are no digits; and a double has only ASCII's.
  for (const text of ['𝟛', '½', 'Ⅲ', '三', '1_000', '0x10', '1e3', '+', '--1'])
    expect(read(key, text)).toMatch(/not a number of type int/);
  expect(read(double({ default: 0, doc }), '٣')).toMatch(/not a number of type double/);
});

test('every digit outside ASCII is one of ten that follow each other', () => {
  const key = int({ default: -1, doc });
  const digits = Array.from({ length: 0xd800 - 0x80 }, (_, i) => String.fromCharCode(0x80 + i)).filter(
    (one) => /\p{Nd}/u.test(one),
  );
  expect(digits.map((digit) => read(key, digit))).toEqual(digits.map((_, i) => i % 10));
});

test('doubles are written as Java writes them', () => {
  const key = double({ default: 0, doc });
  const written = [
    0,
    -0,
    1,
    0.5,
    1e6,
    1e7,
    12345678.5,
    0.001,
    0.0001,
    1.7976931348623157e308,
    Number.NaN,
  ].map((value) => formatValue(key, value));
  expect(written.join(' ')).toBe(
    '0.0 -0.0 1.0 0.5 1000000.0 1.0E7 1.23456785E7 0.001 1.0E-4 1.7976931348623157E308 NaN',
  );
});

test('null is no text', () => {
  expect(formatValue(string({ default: null, doc }), null)).toBeNull();
});

test('a name that every object has is no key', () => {
  expect(keyNamed({ a: string({ default: '', doc }) }, 'constructor')).toBeUndefined();
});

test('what is written can be read again', () => {
  const number = int({ default: 0, doc });
  fc.assert(fc.property(fc.integer(), (value) => read(number, formatValue(number, value)!) === value));
  const big = long({ default: 0, doc });
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => read(big, formatValue(big, value)!) === value));
  const fraction = double({ default: 0, doc });
  fc.assert(
    fc.property(fc.double(), (value) => Object.is(read(fraction, formatValue(fraction, value)!), value)),
  );
});
