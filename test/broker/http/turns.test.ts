import { expect, test } from 'vitest';
import { jsonInTurns } from '../../../broker/http/record-json.ts';
import type { Clock } from '../../../storage/environment/clock.ts';

/** A clock by which each look takes a millisecond, and which counts turns. */
function slowClock(): { clock: Clock; turns: () => number } {
  let [nowMs, turns] = [0, 0];
  const defer = (task: () => void): void => {
    turns++;
    setImmediate(task);
  };
  return { clock: { monotonicMs: () => nowMs++, defer } as unknown as Clock, turns: () => turns };
}

const listOf = async (clock: Clock, items: readonly string[]) =>
  JSON.parse((await jsonInTurns(clock, '{"all":[', items, (item) => JSON.stringify(item), ']}')).toString());

test('a long list is made in turns, a short one at once', async () => {
  const long = Array.from({ length: 100 }, (_, n) => `ä${n}`.repeat(n * 20));
  const { clock, turns } = slowClock();
  expect(await listOf(clock, long)).toEqual({ all: long });
  expect(turns()).toBeGreaterThan(15);
  const short = slowClock();
  expect(await listOf(short.clock, ['a', 'b'])).toEqual({ all: ['a', 'b'] });
  expect(await listOf(short.clock, [])).toEqual({ all: [] });
  expect(short.turns()).toBe(0);
});
