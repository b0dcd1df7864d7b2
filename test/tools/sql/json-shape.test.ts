/** Which type of column values fit into. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type JsonShape,
  objectFieldsMax,
  shapeOf,
  typeText,
  unknownShape,
  widened,
} from '../../../tools/sql/json-shape.ts';

const typeOf = (...values: unknown[]) =>
  typeText(values.reduce<JsonShape>((shape, value) => widened(shape, shapeOf(value)), unknownShape));

describe('a type', () => {
  it.each([
    [[1, 2], 'BIGINT'],
    [[1, 2.5, null], 'DOUBLE'],
    [[2 ** 53, 1e300], 'DOUBLE'],
    [[1e18], 'BIGINT'],
    [['a', null], 'VARCHAR'],
    [[true], 'BOOLEAN'],
    [[null], 'JSON'],
    [[1, 'a'], 'JSON'],
    [[true, 0], 'JSON'],
    [[[], [1], [2.5]], 'DOUBLE[]'],
    [[[]], 'JSON[]'],
    [[[1], { a: 1 }], 'JSON'],
    [[{ a: 1 }, { b: ['x'] }, { a: null }], 'STRUCT("a" BIGINT, "b" VARCHAR[])'],
    [[[{ size: 42 }, { size: 42.5, colour: 'red' }]], 'STRUCT("size" DOUBLE, "colour" VARCHAR)[]'],
    [[{}], 'JSON'],
    [[{ 'a "quoted" name': 1 }], 'STRUCT("a ""quoted"" name" BIGINT)'],
    [[{ a: { Price: 1, price: 2 } }], 'STRUCT("a" JSON)'],
    [[{ '': 1 }], 'JSON'],
    [[{ __proto__x: 1, constructor: 2 }], 'STRUCT("__proto__x" BIGINT, "constructor" BIGINT)'],
  ])('%j is %s', (values, type) => {
    expect(typeOf(...values)).toBe(type);
  });

  it('with too many names is a map, also when they come one by one', () => {
    const stock = (sku: number) => ({ [`sku-${sku}`]: sku });
    const numbers = Array.from({ length: objectFieldsMax + 1 }, (_, i) => i);
    expect(typeOf(...numbers.slice(1).map(stock))).toMatch(/^STRUCT/);
    expect(typeOf(...numbers.map(stock))).toBe('MAP(VARCHAR, BIGINT)');
    expect(typeOf(...numbers.map(stock), { other: 0.5 })).toBe('MAP(VARCHAR, DOUBLE)');
    expect(typeOf({ a: Object.assign({}, ...numbers.map(stock)) })).toBe('STRUCT("a" MAP(VARCHAR, BIGINT))');
  });

  it('ends at some depth', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 10_000; i++) deep = [deep];
    expect(typeOf(deep)).toBe(`JSON${'[]'.repeat(12)}`);
  });

  it('does not depend on the order of the values, but for that of the names', () => {
    const sorted = (shape: JsonShape): unknown =>
      JSON.parse(
        JSON.stringify(shape, (_, value) =>
          value instanceof Map ? [...value].sort(([a], [b]) => (a < b ? -1 : 1)) : value,
        ),
      );
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 5 }), (values) => {
        const shape = (all: unknown[]) =>
          sorted(all.reduce<JsonShape>((one, value) => widened(one, shapeOf(value)), unknownShape));
        expect(shape([...values].reverse())).toEqual(shape(values));
      }),
    );
  });
});
