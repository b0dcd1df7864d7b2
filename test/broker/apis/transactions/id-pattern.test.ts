import { describe, expect, test } from 'vitest';
import { compileIdPattern, patternCharsMax } from '../../../../broker/apis/transactions/id-pattern.ts';

test.each([
  ['app-1', 'app-1', true],
  // The whole id, as matches() of Kafka's library does.
  ['app', 'app-1', false],
  ['app-.*', 'app-1', true],
  ['a|b', 'ab', false],
  ['(?i)APP', 'app', true],
  ['(?P<kind>app|job)-[0-9]+', 'job-7', true],
  ['\\pL+', 'grün', true],
  ['.', '😀', true],
  ['a.c', 'a\nc', false],
  ['\\Qa*\\E', 'a*', true],
])('%s on %s: %s', async (pattern, id, isMatch) => {
  expect((await compileIdPattern(pattern))!(id)).toBe(isMatch);
});

describe('no pattern', () => {
  test.each(['[', '(a)\\1', '(?=a)b', '(?<!a)b', 'a{1001}', '((a{100}){100}){100}', '(a++)+', 'a**'])(
    '%s',
    async (pattern) => {
      expect(await compileIdPattern(pattern)).toBe(null);
    },
  );

  test('one that is too long', async () => {
    expect(await compileIdPattern('a'.repeat(patternCharsMax))).not.toBe(null);
    expect(await compileIdPattern('a'.repeat(patternCharsMax + 1))).toBe(null);
  });
});

test('one that would keep a backtracking engine busy for ever is answered', async () => {
  const matches = (await compileIdPattern('(a+)+b'))!;
  expect(matches(`${'a'.repeat(5_000)}b`)).toBe(true);
  expect(matches('a'.repeat(5_000))).toBe(false);
});
