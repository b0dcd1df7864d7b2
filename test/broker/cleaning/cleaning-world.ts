/** A World with a cleaner in it: passes run on the test's own loop, on a clock that the test moves. */
import { Compactions } from '../../../broker/cleaning/compactions.ts';
import { LogCleaner } from '../../../broker/cleaning/log-cleaner.ts';
import { type Logger, silentLogger } from '../../../broker/observe/logger.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import type { CleanerThread } from '../../../compaction/cleaner-thread.ts';
import { InProcessCleaner } from '../../../compaction/in-process-cleaner.ts';
import { JsKernel } from '../../../compaction/kernel-js.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { openRecords } from '../../../protocol/records/record.ts';
import { CleanerOffsets } from '../../../storage/directory/cleaner-offsets.ts';
import { BatchWalk } from '../../../storage/log/batch-walk.ts';
import { batchOf, expectAppended, World, type WorldOptions } from '../world.ts';

export interface CleaningWorld {
  readonly world: World;
  readonly cleaner: LogCleaner;
  readonly compactions: Compactions;
  readonly offsets: CleanerOffsets;
  stop(): Promise<void>;
}

export async function openCleaningWorld(
  options: WorldOptions & { createThread?: (world: World) => CleanerThread; logger?: Logger } = {},
): Promise<CleaningWorld> {
  const world = await World.open(options);
  const { clock, files, random, settings } = world;
  const environment = { clock, files, random };
  const offsets = new CleanerOffsets(files, '/data', silentLogger);
  const cleaner = new LogCleaner({
    clock,
    settings,
    logger: options.logger ?? silentLogger,
    offsets,
    partitions: world.partitions,
    applyRetention: async (wanted) => {
      let removed = 0;
      for (const { log } of world.partitions.all())
        if (wanted(log)) removed += await log.applyRetention(clock.nowMs());
      return removed;
    },
    createThread: () =>
      options.createThread?.(world) ?? new InProcessCleaner(environment, () => new JsKernel()),
  });
  const compactions = new Compactions({
    environment,
    settings,
    cluster: world.cluster.state,
    partitions: world.partitions,
    cleaner,
  });
  const stop = async (): Promise<void> => {
    await clock.until(cleaner.stop());
    await world.stop();
  };
  return { world, cleaner, compactions, offsets, stop };
}

/** A batch for each value ("key=value", "key=" an empty value, "key!" a tombstone), stamped with the clock. */
export function write(world: World, partition: Partition, ...values: string[]): void {
  for (const value of values) {
    const timestampMs = world.clock.nowMs();
    const isTombstone = value.endsWith('!');
    const record = { timestampMs, key: Buffer.from(value.slice(0, -1)), value: null };
    const batch = isTombstone
      ? buildBatch({ baseOffset: 0, records: [record] })
      : batchOf([value], { timestampMs });
    expectAppended(partition.append(batch, { origin: 'client' }));
  }
}

/** What a log holds from its first segment on, as `offset key=value`, tombstones as `offset key!`. */
export function contentOf(world: World, partition: Partition): string[] {
  const found: string[] = [];
  for (const segment of partition.log.segments()) {
    const file = world.files.openSync(segment.path, 'read');
    const walk = new BatchWalk(file, 0, segment.sizeBytes, { whole: true });
    while (walk.next()) {
      const cursor = openRecords(walk.buffer, walk.at);
      while (cursor.next()) {
        const { offset, key, value } = cursor.record();
        found.push(`${offset} ${key}${value === null ? '!' : `=${value}`}`);
      }
    }
    file.close();
  }
  return found;
}
