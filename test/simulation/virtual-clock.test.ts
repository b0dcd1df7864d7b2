import { expect, test } from 'vitest';
import { delay } from '../../storage/environment/clock.ts';
import { VirtualClock, virtualStartMs } from './virtual-clock.ts';

test('timers run in order, at their moment, also those that a timer sets', async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(`${name}@${clock.monotonicMs()}`);
  clock.schedule(20, note('c'));
  clock.schedule(10, note('a'));
  clock.schedule(10, () => {
    note('b')();
    clock.schedule(5, note('nested'));
    clock.schedule(0, note('at once'));
  });
  clock.schedule(15, note('never')).cancel();
  expect(ran).toEqual([]);
  await clock.advance(30);
  expect(ran).toEqual(['a@10', 'b@10', 'at once@10', 'nested@15', 'c@20']);
  expect(clock.monotonicMs()).toBe(30);
  expect(clock.nowMs()).toBe(virtualStartMs + 30);
  expect(clock.pendingTimers).toBe(0);
});

test('what awaits between two timers settles before the second', async () => {
  const clock = new VirtualClock();
  const steps: string[] = [];
  const work = (async () => {
    for (let step = 0; step < 3; step++) {
      await delay(clock, 10);
      await Promise.resolve().then(() => Promise.resolve());
      steps.push(`${step}@${clock.monotonicMs()}`);
    }
  })();
  await clock.advance(30);
  await work;
  expect(steps).toEqual(['0@10', '1@20', '2@30']);
});

test('deferred calls run without time passing, in order', async () => {
  const clock = new VirtualClock();
  const ran: number[] = [];
  clock.defer(() => {
    ran.push(1);
    clock.defer(() => ran.push(3));
  });
  clock.defer(() => ran.push(2));
  expect(ran).toEqual([]);
  await clock.settle();
  expect(ran).toEqual([1, 2, 3]);
  expect(clock.monotonicMs()).toBe(0);
});

test('the wall clock jumps and timers do not notice', async () => {
  const clock = new VirtualClock(1000);
  let ran = false;
  clock.schedule(100, () => {
    ran = true;
  });
  clock.setWallMs(0);
  await clock.advance(99);
  expect(clock.nowMs()).toBe(99);
  expect(ran).toBe(false);
  await clock.advance(1);
  expect(ran).toBe(true);
});

test('time goes as far as a promise needs, and says when none would help', async () => {
  const clock = new VirtualClock();
  clock.schedule(1000, () => {});
  expect(await clock.until(delay(clock, 300).then(() => 'done'))).toBe('done');
  expect(clock.monotonicMs()).toBe(300);
  await expect(clock.until(new Promise(() => {}))).rejects.toThrow(/nothing is scheduled/);
});

test('what is due while nothing can run comes late, in its order, before time goes on', async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.schedule(20, () => void ran.push(`b@${clock.monotonicMs()}`));
  clock.schedule(10, () => {
    ran.push(`a@${clock.monotonicMs()}`);
    clock.schedule(10, () => void ran.push(`c@${clock.monotonicMs()}`));
  });
  clock.standStill(100);
  expect(ran).toEqual([]);
  await clock.advance(10);
  expect(ran).toEqual(['a@100', 'b@100', 'c@110']);
});
