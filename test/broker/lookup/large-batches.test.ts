/** Batches of very many records, which a table takes in slices. */
import { expect, test } from 'vitest';
import { KeyHasher } from '../../../broker/lookup/key-map-hash.ts';
import { PartitionTable } from '../../../broker/lookup/partition-table.ts';
import { Slices } from '../../../broker/lookup/slices.ts';
import { TableMemory } from '../../../broker/lookup/table-memory.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { Partition } from '../../../broker/partitions/partition.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { MemoryFileSystem } from '../../../storage/environment/memory-files.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { asClient, expectAppended, openLog } from '../../storage/log/log-fixture.ts';

const recordCount = 20_000;
const seed = Buffer.alloc(16, 7);

/** Time goes on by itself, more than a slice's with each look at it. */
class RunningClock extends VirtualClock {
  #looks = 0;
  override monotonicMs(): number {
    this.#looks++;
    return super.monotonicMs() + 5 * this.#looks;
  }
}

function openTable(hashBits?: number) {
  const clock = new RunningClock();
  const environment = { clock, files: new MemoryFileSystem({ clock }), random: new SeededRandom(1) };
  const log = openLog(environment, { settings: { 'cleanup.policy': ['compact'] } });
  const hasher = new KeyHasher(seed);
  const table = new PartitionTable(new Partition(log, log.topic, log.topicId, log.partition, 0), {
    hasher,
    environment,
    slices: new Slices(clock),
    memory: new TableMemory(() => Number.POSITIVE_INFINITY),
    logger: silentLogger,
    trustsStored: false,
    ...(hashBits === undefined ? {} : { hashBits }),
  });
  const append = async (keys: readonly string[]): Promise<void> => {
    const records = keys.map((key) => ({ timestampMs: 1, key: Buffer.from(key), value: Buffer.from('v') }));
    expectAppended(await log.append(buildBatch({ records }), asClient));
  };
  const offsetOf = async (key: string): Promise<number | undefined> =>
    (await table.newest(hasher.hash(Buffer.from(key))))?.offset;
  return { clock, log, table, append, offsetOf };
}

const keys = Array.from({ length: recordCount }, (_, n) => `key ${n}`);

test('others get turns while a table takes in a batch of 20,000 records', async () => {
  const { clock, table, append, offsetOf } = openTable();
  await append(keys);
  let turns = 0;
  const count = (): void => {
    turns++;
    if (table.isLoading) clock.defer(count);
  };
  clock.defer(count);
  await clock.until(table.reached(recordCount));
  expect(turns).toBeGreaterThanOrEqual(10);
  expect(table.status.keys).toBe(recordCount);
  expect(await offsetOf('key 19999')).toBe(19_999);
});

test('a key that turns out to share its hash in the middle of one is not lost, nor those before it', async () => {
  const { clock, log, table, append, offsetOf } = openTable(0);
  await append(['first']);
  await clock.until(table.reached(1));
  await append(keys);
  const first = new KeyHasher(seed).hash(Buffer.from('first'));
  const meanwhile = new Promise<{ indexedOffset: number; found: number | undefined }>((resolve, reject) => {
    const look = (): void => {
      // Nothing of the batch is in the map yet, under the one hash that there is.
      if (table.find(first) === 0) return clock.defer(look);
      const { indexedOffset } = table;
      offsetOf('first').then((found) => resolve({ indexedOffset, found }), reject);
    };
    clock.defer(look);
  });
  expect(await clock.until(meanwhile)).toEqual({ indexedOffset: 1, found: 0 });
  await clock.until(table.reached(log.lastStableOffset));
  for (const n of [0, 1, 1_999, 2_000, 2_001, 10_000, 19_999])
    expect(await clock.until(offsetOf(`key ${n}`))).toBe(n + 1);
});
