import { expect, test, vi } from 'vitest';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';
import { LogDirectory } from '../../../storage/directory/log-directory.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { appendNow, batchOf, RecordedLogger } from '../log/log-fixture.ts';

const count = 20;
const topicId = 'sf0KkVQDRf6C6V3cBWHl0A';
const checkpoint = '/data/log-start-offset-checkpoint';
const settings = { ...defaultTopicSettings, 'internal.segment.bytes': 200, 'retention.bytes': 0 };

/** Twenty logs of five batches and several segments, and how often the file of their starts is written. */
function manyLogs() {
  const clock = new VirtualClock();
  const files = new FaultyFileSystem({ clock });
  files.makeDirectorySync('/data');
  files.syncDirectorySync('/');
  const directory = LogDirectory.open({
    environment: { clock, random: new SeededRandom(1), files },
    path: '/data',
    logger: new RecordedLogger(),
    durability: { kind: 'page-cache' },
    producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
    deleteDelayMs: 60_000,
    reserved: [],
  });
  const logs = Array.from({ length: count }, (_, n) => directory.openLog('orders', n, topicId, settings));
  for (const log of logs) for (let n = 0; n < 5; n++) appendNow(log, batchOf([`${log.name} ${n}`]));
  const replaced = vi.spyOn(files, 'replaceFile');
  return {
    clock,
    directory,
    logs,
    text: () => files.readFileSync(checkpoint).toString(),
    writeCount: () => replaced.mock.calls.filter(([path]) => path === checkpoint).length,
  };
}

const allAt = (offset: number): string =>
  `0\n${count}\n${Array.from({ length: count }, (_, n) => `orders ${n} ${offset}\n`).join('')}`;

test('log starts that one request moves are written together, once or twice', async () => {
  const { clock, logs, text, writeCount } = manyLogs();
  await clock.until(Promise.all(logs.map((log) => log.deleteRecordsBefore(2))));
  expect(text()).toBe(allAt(2));
  expect(writeCount()).toBeGreaterThanOrEqual(1);
  expect(writeCount()).toBeLessThanOrEqual(2);
});

test('so are those that a round of retention moves', async () => {
  const { clock, directory, logs, text, writeCount } = manyLogs();
  expect(await clock.until(directory.applyRetention(clock.nowMs()))).toBeGreaterThanOrEqual(count);
  expect(text()).toBe(allAt(logs[0]!.logStartOffset));
  expect(writeCount()).toBeGreaterThanOrEqual(1);
  expect(writeCount()).toBeLessThanOrEqual(2);
});
