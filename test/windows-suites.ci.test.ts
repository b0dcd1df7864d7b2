/**
 * The suites of logs, their recovery, the cleaner, deletion and whole brokers once more, on files that behave as on Windows: what is
 * being read holds up renames and removals. One thing is not as there: a program on Windows, Apache Kafka too, has no way to bring a
 * name to the device, so a loss of power may take back the last ones; here they reach it where elsewhere the directory is synced.
 */
import { expect, test, vi } from 'vitest';
import { FaultyFileSystem } from './simulation/faulty-files.ts';
import { VirtualClock } from './simulation/virtual-clock.ts';
import './compaction/crash.property.test.ts';
import './compaction/edges.test.ts';
import './compaction/meanwhile.property.test.ts';
import './compaction/pass.test.ts';
import './compaction/passes.property.test.ts';
import './simulation/broker.property.test.ts';
import './simulation/transactions.property.test.ts';
import './storage/directory/cleaner-offsets.test.ts';
import './storage/directory/deleted-directories.test.ts';
import './storage/directory/directories.test.ts';
import './storage/directory/log-directory.test.ts';
import './storage/log/durability.test.ts';
import './storage/log/log.property.test.ts';
import './storage/log/log.test.ts';
import './storage/log/reading.test.ts';
import './storage/log/recovered-indexes.test.ts';
import './storage/log/recovered-producers.test.ts';
import './storage/log/recovery-files.test.ts';
import './storage/log/recovery.test.ts';

vi.mock('./simulation/faulty-files.ts', async (original) => {
  const { FaultyFileSystem, ...others } = await original<typeof import('./simulation/faulty-files.ts')>();
  type Given = ConstructorParameters<typeof FaultyFileSystem>;
  class WindowsFileSystem extends FaultyFileSystem {
    constructor(options: Given[0], state?: Given[1]) {
      super({ ...options, windowsRules: true, windowsSyncsNames: true }, state);
    }
  }
  return { ...others, FaultyFileSystem: WindowsFileSystem };
});

test('these are the rules of Windows', () => {
  expect(new FaultyFileSystem({ clock: new VirtualClock() }).windowsRules).toBe(true);
});
