/** A test whose timers stand still has a broker that goes on: no time that a runner replaced reaches it. */
import { afterEach, expect, test, vi } from 'vitest';
import { startBroker, WaitFailed } from '../../../broker/index.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('started, used, reset and stopped while all that a runner can replace stands still', async () => {
  // nextTick too in package-users.ci.test.ts: vitest refuses that in a process of its own.
  const others = ['queueMicrotask', 'setInterval', 'clearInterval', 'clearImmediate', 'hrtime'] as const;
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date', 'performance', ...others],
    now: 0,
  });
  const broker = await startBroker();
  await broker.createTopics(['orders']);
  const failed = broker.records('orders', { atLeast: 1, timeoutMs: 1 });
  await expect(failed).rejects.toThrow(WaitFailed);
  await broker.reset();
  expect(broker.clock.nowMs()).toBeGreaterThan(Date.now());
  await broker.stop();
});
