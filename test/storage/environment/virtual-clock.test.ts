import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Clock, delay, holding, outsideClock } from '../../../storage/environment/clock.ts';
import { createNodeEnvironment, nodeClock } from '../../../storage/environment/node.ts';
import { VirtualClock } from '../../../storage/environment/virtual-clock.ts';

const virtual = () => new VirtualClock({ startMs: 1_000_000, turns: nodeClock, outside: nodeClock });

test('deferred calls come without anybody moving time', async () => {
  const clock = virtual();
  await new Promise<void>((resolve) => clock.defer(resolve));
  expect(clock.monotonicMs()).toBe(0);
  expect(clock.nowMs()).toBe(1_000_000);
});

test('time does not go on before work outside the event loop is over', async () => {
  const clock = virtual();
  const steps: string[] = [];
  clock.schedule(10, () => {
    void holding(clock, async () => {
      await new Promise<void>((resolve) => nodeClock.schedule(5, resolve));
      steps.push(`work@${clock.monotonicMs()}`);
    });
  });
  clock.schedule(11, () => void steps.push(`timer@${clock.monotonicMs()}`));
  await clock.advance(20);
  expect(steps).toEqual(['work@10', 'timer@11']);
});

test('time does not go on before what was asked of a disk is done, and what follows from it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kompakt-clock-'));
  try {
    const clock = virtual();
    const { files } = createNodeEnvironment({ clock });
    const path = join(directory, 'file');
    const steps: string[] = [];
    clock.schedule(10, async () => {
      await files.replaceFile(path, Buffer.from('one'));
      await files.replaceFile(path, Buffer.from('two'));
      steps.push(`${files.readFileSync(path)}@${clock.monotonicMs()}`);
    });
    clock.schedule(11, () => void steps.push('later'));
    await clock.advance(20);
    expect(steps).toEqual(['two@10', 'later']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('an advance that is asked for while another one is under way comes behind it', async () => {
  const clock = virtual();
  const ran: number[] = [];
  for (const ms of [5, 15, 25]) clock.schedule(ms, () => void ran.push(clock.monotonicMs()));
  await Promise.all([clock.advance(10), clock.advance(10), clock.advance(10)]);
  expect(ran).toEqual([5, 15, 25]);
  expect(clock.monotonicMs()).toBe(30);
});

test('a timer that throws fails the advance, and the next one goes on from there', async () => {
  const clock = virtual();
  clock.schedule(10, () => {
    throw new Error('broken');
  });
  await expect(clock.advance(20)).rejects.toThrow('broken');
  expect(clock.monotonicMs()).toBe(10);
  await clock.advance(5);
  expect(clock.monotonicMs()).toBe(15);
});

test('who waits outside waits in real time', async () => {
  const clock = virtual();
  await delay(outsideClock(clock), 1);
  expect(clock.monotonicMs()).toBe(0);
  const simulated: Clock = new VirtualClock({ startMs: 0, turns: nodeClock });
  expect(outsideClock(simulated)).toBe(simulated);
});
