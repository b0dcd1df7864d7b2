import { expect, test } from 'vitest';
import { Throttle } from '../../compaction/throttle.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

const never = () => false;

test('so many bytes a second, counted over 300 ms', async () => {
  const clock = new VirtualClock();
  const throttle = new Throttle(clock, 1000);
  const startMs = clock.monotonicMs();
  expect(throttle.spend(299, never)).toBeUndefined();
  await clock.until(throttle.spend(701, never)!);
  expect(clock.monotonicMs() - startMs).toBe(1000);
});

test('without a limit nobody waits', () => {
  const throttle = new Throttle(new VirtualClock(), Number.POSITIVE_INFINITY);
  expect(throttle.spend(1e12, never)).toBeUndefined();
});

test('a wait of an hour is over soon after the pass is aborted', async () => {
  const clock = new VirtualClock();
  let isAborted = false;
  let isOver = false;
  const waiting = new Throttle(clock, 1000).spend(3_600_000, () => isAborted)!;
  void waiting.then(() => {
    isOver = true;
  });
  await clock.advance(60_000);
  expect(isOver).toBe(false);
  isAborted = true;
  await clock.advance(200);
  expect(isOver).toBe(true);
});
