import { expect, test } from 'vitest';
import {
  formatVersions,
  includes,
  intersection,
  isEmpty,
  noVersion,
  parseVersions,
} from '../../../protocol/schema/versions.ts';

test.each([
  ['3', [3]],
  ['0-2', [0, 1, 2]],
  ['7+', [7, 8, 9, 10]],
  ['none', []],
])('%s', (text, versions) => {
  const range = parseVersions(text);
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((version) => includes(range, version))).toEqual(versions);
  expect(formatVersions(range, 10)).toBe(text);
  expect(parseVersions(text)).toBe(range);
});

test.each(['', '-1', '3-', '4-2', '1+2', 'all', '99999'])('%j is no range', (text) => {
  expect(() => parseVersions(text)).toThrow('not a version range');
});

test('the versions in two ranges', () => {
  expect(intersection(parseVersions('0-5'), parseVersions('3+'))).toEqual({ low: 3, high: 5 });
  expect(intersection(parseVersions('0-2'), parseVersions('3+'))).toBe(noVersion);
  expect(isEmpty(noVersion)).toBe(true);
});
