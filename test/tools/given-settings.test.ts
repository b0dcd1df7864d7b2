/** What the options of `serve` and `exec` come to, or the line that says what is wrong with them. */
import { describe, expect, it } from 'vitest';
import { clockOf, configurationOf, type GivenSettings } from '../../tools/given-settings.ts';

describe('options that contradict or make no sense', () => {
  it.each<[GivenSettings, string]>([
    [{ memory: true, from: 'x' }, '--memory and --from contradict each other'],
    [{ clock: 'virtual' }, '--clock virtual is for tests: without --test-control nobody could move it'],
    [{ clock: 'virtual@1970-01-01T00:00:00Z' }, 'without --test-control'],
    [{ clock: 'virtual', testControl: true, http: false }, '--no-http and the other options for HTTP'],
    [{ clock: 'vrtual', testControl: true }, '--clock vrtual is none of real, virtual, and virtual@'],
    [{ clock: 'virtual@', testControl: true }, '--clock virtual@ is none of'],
    [{ clock: 'virtual@1969-12-31T23:59:59Z', testControl: true }, 'is none of'],
    [{ clock: 'virtual@2026-13-01T00:00:00Z', testControl: true }, 'is none of'],
    [{ clock: 'virtual@2026-01-01', testControl: true }, 'is none of'],
    [{ clock: 'virtual@2026-01-01T00:00Z@x', testControl: true }, 'is none of'],
    [{ clock: 'real@2026-01-01T00:00Z', testControl: true }, 'is none of'],
  ])('%j', (options, message) => {
    expect(configurationOf(options)).toContain(message);
  });
});

it.each([
  [undefined, 'real'],
  ['real', 'real'],
  ['virtual', 'virtual'],
  ['virtual@1970-01-01T00:00:01.500Z', { kind: 'virtual', startMs: 1_500 }],
  ['virtual@1970-01-01T01:00+01:00', { kind: 'virtual', startMs: 0 }],
])('--clock %s is %j', (clock, expected) => {
  const options = { testControl: true, ...(clock === undefined ? {} : { clock }) };
  expect(clockOf(options)).toEqual(expected);
  expect(configurationOf(options)).toBeTypeOf('object');
});
