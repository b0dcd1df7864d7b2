import { expect, it } from 'vitest';
import { PeriodicTask } from '../../../broker/housekeeping/periodic.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { deferred, keepingLogger } from '../network/frames.ts';

it('runs first after its delay, then an interval after each end, whatever a round does', async () => {
  const clock = new VirtualClock();
  const logger = keepingLogger();
  const starts: number[] = [];
  const slow = deferred<void>();
  let intervalMs = 100;
  const task = new PeriodicTask({
    name: 'sweeping',
    clock,
    logger,
    firstMs: 30,
    intervalMs: () => intervalMs,
    run: async () => {
      starts.push(clock.monotonicMs());
      if (starts.length === 2) throw new Error('dust');
      if (starts.length === 3) await slow.promise;
    },
  });
  await clock.advance(1000);
  expect(starts).toEqual([30, 130, 230]);
  expect(logger.lines.map(({ message }) => message)).toEqual(['sweeping failed']);
  intervalMs = 500;
  slow.resolve();
  await clock.advance(499);
  expect(starts).toHaveLength(3);
  await clock.advance(1);
  expect(starts).toHaveLength(4);
  await task.stop();
  expect(clock.pendingTimers).toBe(0);
});

it('when it stops waits for the round under way, and begins no other', async () => {
  const clock = new VirtualClock();
  const round = deferred<void>();
  const run = () => round.promise;
  const task = new PeriodicTask({
    name: 'x',
    clock,
    logger: keepingLogger(),
    firstMs: 0,
    intervalMs: () => 1,
    run,
  });
  await clock.advance(0);
  let hasStopped = false;
  const stopped = task.stop().then(() => {
    hasStopped = true;
  });
  await clock.settle();
  expect(hasStopped).toBe(false);
  round.resolve();
  await stopped;
  await clock.settle();
  expect(clock.pendingTimers).toBe(0);
});
