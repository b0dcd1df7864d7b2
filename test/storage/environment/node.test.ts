import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { delay } from '../../../storage/environment/clock.ts';
import {
  createMemoryEnvironment,
  createNodeEnvironment,
  openFilesMaxDefault,
} from '../../../storage/environment/node.ts';

const { clock, random } = createNodeEnvironment();

test('a timer is never early and never synchronous, a cancelled one never runs', async () => {
  for (const delayMs of [0, 0.5, 3]) {
    const startMs = clock.monotonicMs();
    let isSynchronous = true;
    await new Promise<void>((resolve) => {
      clock.schedule(delayMs, () => {
        expect(isSynchronous).toBe(false);
        resolve();
      });
      isSynchronous = false;
    });
    expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(delayMs);
  }
  let ran = false;
  const timer = clock.schedule(1, () => {
    ran = true;
  });
  timer.cancel();
  timer.cancel();
  await delay(clock, 5);
  expect(ran).toBe(false);
});

test('a delay longer than Node can count does not end at once', async () => {
  let ran = false;
  const timer = clock.schedule(2 ** 40, () => {
    ran = true;
  });
  await delay(clock, 5);
  timer.cancel();
  expect(ran).toBe(false);
});

test('a timer does not keep the process alive', () => {
  const source = fileURLToPath(new URL('../../../storage/environment/node.ts', import.meta.url));
  const script = `import(${JSON.stringify(source)}).then(({ nodeClock }) => nodeClock.schedule(1e9, () => {}))`;
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', '-e', script], { timeout: 60_000 });
  expect(status).toBe(0);
});

test('deferred calls come after what is pending', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    clock.defer(() => {
      order.push('deferred');
      resolve();
    });
    void Promise.resolve().then(() => order.push('promise'));
    order.push('now');
  });
  expect(order).toEqual(['now', 'promise', 'deferred']);
});

test('chance is in range', () => {
  expect(random.bytes(16)).toHaveLength(16);
  expect(random.bytes(16).equals(random.bytes(16))).toBe(false);
  const next = random.next();
  expect(next >= 0 && next < 1).toBe(true);
});

test('the memory environment names its limit', () => {
  const { files } = createMemoryEnvironment({ memoryLimitBytes: 1000, limitOption: 'memoryLimit' });
  const file = files.openSync('/x', 'create');
  expect(() => file.writeSync([Buffer.alloc(2000)], 0)).toThrow(/memoryLimit=1000/);
});

test.each([
  [
    'half of what the process may have',
    'Max open files            1024                 4096                 files',
    512,
  ],
  [
    'but not more than helps',
    'Max open files            1048576              1048576              files',
    16_384,
  ],
  [
    'nor where there is no limit',
    'Max open files            unlimited            unlimited            files',
    16_384,
  ],
  ['a modest number where the system does not tell', null, 2_048],
  ['or not in words that we know', 'Max processes             95962                95962', 2_048],
])('log files that may be open: %s', (_which, limits, most) => {
  expect(
    openFilesMaxDefault(limits === null ? null : `Limit  Soft Limit  Hard Limit  Units\n${limits} \n`),
  ).toBe(most);
});
