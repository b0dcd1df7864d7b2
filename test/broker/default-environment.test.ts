import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { type BrokerSettings, defaultBrokerSettings } from '../../broker/config/settings.ts';
import { defaultEnvironment, memoryLimitDefault } from '../../broker/default-environment.ts';
import { GiB, MiB } from '../../storage/config/define.ts';

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
