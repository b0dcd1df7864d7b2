/** Answers as lines of JSON, CSV and tables. */
import { describe, expect, it } from 'vitest';
import type { DuckDbType } from '../../../tools/sql/duckdb.ts';
import { csvLine, jsonLine, plain, tableText } from '../../../tools/sql/result-rows.ts';

const type = (text: string, parts: Partial<DuckDbType> = {}): DuckDbType => ({
  ...parts,
  toString: () => text,
});
const bigint = type('BIGINT');
const varchar = type('VARCHAR');

describe('a value', () => {
  it.each([
    ['42', bigint, 42],
    ['9007199254740993', bigint, '9007199254740993'],
    ['79.90', type('DECIMAL(9,2)'), 79.9],
    ['12345678901234567.89', type('DECIMAL(30,2)'), '12345678901234567.89'],
    ['42', varchar, '42'],
    [null, bigint, null],
    ['{"a":[1,"2"]}', type('VARCHAR', { alias: 'JSON' }), { a: [1, '2'] }],
    [['1', null], type('BIGINT[]', { valueType: bigint }), [1, null]],
    [
      { a: '1', b: 'x' },
      type('STRUCT("a" BIGINT, "b" VARCHAR)', { entryNames: ['a', 'b'], entryTypes: [bigint, varchar] }),
      { a: 1, b: 'x' },
    ],
    [
      [{ key: 'Berlin', value: '3' }],
      type('MAP(VARCHAR, BIGINT)', { keyType: varchar, valueType: bigint }),
      { Berlin: 3 },
    ],
    ['NaN', type('DOUBLE'), 'NaN'],
  ])('%j of %s', (value, of, wanted) => {
    expect(plain(value, of)).toEqual(wanted);
  });
});

it('a line of JSON has a name for each value', () => {
  expect(jsonLine(['key', 'n'], ['a', 1])).toBe('{"key":"a","n":1}\n');
});

it('CSV quotes what has to be', () => {
  expect(csvLine(['a', 'b,c', 'say "x"', 'two\nlines', null, 1.5, { a: [1] }])).toBe(
    'a,"b,c","say ""x""","two\nlines",,1.5,"{""a"":[1]}"\n',
  );
});

it('a table has numbers to the right, is cut at the edge, and obeys no value', () => {
  const types = [varchar, bigint];
  expect(
    tableText(
      ['key', 'n'],
      types,
      [
        ['a', 1],
        ['bc', 20],
        ['\u001b[31m', null],
      ],
      undefined,
    ),
  ).toBe(['key            n', 'a              1', 'bc            20', '\\u001b[31m  null', ''].join('\n'));
  expect(tableText(['key', 'n'], types, [['abcd', 1]], 5)).toBe('key …\nabcd…\n');
});
