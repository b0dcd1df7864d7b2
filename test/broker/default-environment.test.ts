import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type BrokerSettings, defaultBrokerSettings } from '../../broker/config/settings.ts';
import { defaultEnvironment, memoryLimitDefault } from '../../broker/default-environment.ts';
import { GiB, MiB } from '../../storage/config/define.ts';
import type { DiskFileSystem } from '../../storage/environment/disk-files.ts';

test.each([
  ['a quarter of a small machine', 2 * GiB, 0, 512 * MiB],
  ['a quarter of a small container on a large one', 64 * GiB, GiB, 256 * MiB],
  ['1 GiB of a large one, where there is no limit', 64 * GiB, 2 ** 63, GiB],
])('in memory there is room for %s', (_where, machineBytes, constrainedBytes, limitBytes) => {
  expect(memoryLimitDefault(machineBytes, constrainedBytes)).toBe(limitBytes);
});

test('what is configured counts, and without it this machine', () => {
  const roomWith = (settings: BrokerSettings): number =>
    defaultEnvironment(settings, true).files.volumeSync('/')!.totalBytes;
  expect(roomWith({ ...defaultBrokerSettings(), 'kompakt.memory.limit.bytes': 3 * GiB })).toBe(3 * GiB);
  const room = roomWith(defaultBrokerSettings());
  expect(room).toBeGreaterThan(0);
  expect(room).toBeLessThanOrEqual(Math.min(GiB, totalmem() / 4));
});

test('of files that are used, as many stay open as configured, 16 at least; -1 leaves it to the machine', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kompakt open files '));
  const openOf30 = (openFilesMax: number): number => {
    const settings = { ...defaultBrokerSettings(), 'kompakt.open.files.max': openFilesMax };
    const files = defaultEnvironment(settings, false).files as DiskFileSystem;
    for (let i = 0; i < 30; i++) {
      const path = files.join(directory, `${i}`);
      files.openSync(path, 'create').writeSync([Buffer.from('x')], 0);
    }
    const { openCount } = files.descriptors;
    files.closeIdle();
    return openCount;
  };
  expect([20, 0, 16, -1].map(openOf30)).toEqual([20, 16, 16, 30]);
  rmSync(directory, { recursive: true });
});
