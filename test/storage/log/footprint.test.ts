import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, batchOf, openLog, readAll } from './log-fixture.ts';

describe('many logs', () => {
  it('fit into little memory: a thousand with a record each into 10 MB of files', () => {
    const clock = new VirtualClock();
    const files = new MemoryFileSystem({ clock, memoryLimitBytes: 10_000_000 });
    const environment = { clock, files, random: new SeededRandom(1) };
    for (let partition = 0; partition < 1000; partition++) {
      const log = openLog(environment, { directory: `/data/orders-${partition}`, partition });
      log.materialise();
      appendNow(log, batchOf(['a']));
    }
    expect(files.listSync('/data/orders-999')).toEqual(['00000000000000000000.log', 'partition.metadata']);
  });

  it('share few descriptors', async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'kompakt-many-'));
    try {
      const environment = createNodeEnvironment({ openFilesMax: 16 });
      const open = (partition: number, cleanShutdown: boolean) =>
        openLog(environment, { directory: path.join(root, `orders-${partition}`), partition, cleanShutdown });
      const partitions = Array.from({ length: 60 }, (_, n) => n);
      const logs = partitions.map((partition) => open(partition, false));
      for (let round = 0; round < 3; round++) for (const log of logs) appendNow(log, batchOf([log.name]));
      if (fs.existsSync('/proc/self/fd'))
        expect(
          fs.readdirSync('/proc/self/fd').filter((fd) => target(fd).startsWith(root)).length,
        ).toBeLessThanOrEqual(16);
      for (const log of logs)
        expect(readAll(log).map(([, value]) => value)).toEqual([log.name, log.name, log.name]);
      for (const log of logs) expect(await log.close()).toBe(true);
      for (const partition of partitions) expect(readAll(open(partition, true))).toHaveLength(3);
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  });
});

function target(descriptor: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}
