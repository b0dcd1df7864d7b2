/** What a broker does by itself, or is asked to do, to each of many partitions: retention, cleaning, deletion of records. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { deleteRecords } from '../../protocol/messages/data/delete-records.ts';
import { checkpointFiles } from '../../storage/directory/offset-checkpoint.ts';
import { runScript } from '../brokers.ts';
import { again, createPartitions, type Topic, writeToEach } from './loads.ts';
import {
  type Cost,
  costOf,
  type Settings,
  type Subject,
  sizesUpTo,
  withBroker,
  withFreshBroker,
} from './measuring.ts';

const idleSeconds = 2;
const idleRow = `idle for ${idleSeconds} s: retention, cleaner and checkpoints are due each 0.1 s`;
const restless: Settings = {
  'log.initial.task.delay.ms': '100',
  'log.retention.check.interval.ms': '100',
  'log.cleaner.backoff.ms': '100',
  'log.flush.offset.checkpoint.interval.ms': '100',
};

const idle: Subject = {
  name: 'upkeep',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [{ row: idleRow, work: 'size' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, restless, async (stage) => {
      const policies = { 'cleanup.policy': 'compact,delete', 'min.cleanable.dirty.ratio': '1' };
      await stage.withClient((client) => createPartitions(client, size, policies));
      await pause(1_000);
      return { [idleRow]: await costOf(stage.broker.pid, () => pause(idleSeconds * 1e3)) };
    }),
};

const deleteRow = 'DeleteRecords in each partition, one request';

const deletions: Subject = {
  name: 'upkeep',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [{ row: deleteRow, work: 'size' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, (stage) =>
      stage.withClient(async (client) => {
        const [topic] = await createPartitions(client, size);
        const partitions = Array.from({ length: size }, (_, partitionIndex) => ({
          partitionIndex,
          offset: 1,
        }));
        const request = { topics: [{ name: topic!.name, partitions }], timeoutMs: 60_000 };
        const cost = await costOf(stage.broker.pid, () => client.requestFrame(deleteRecords, 1, request));
        return { [deleteRow]: cost };
      }),
    ),
};

const cleaningRow = 'cleaner, each partition is due';
/** A segment is full with one batch. */
const tiny: Settings = { 'internal.segment.bytes': '200', 'cleanup.policy': 'compact' };

function cleanedCount(directory: string): number {
  try {
    const path = join(directory, 'data', checkpointFiles.cleaner);
    return Number(readFileSync(path, 'utf8').split('\n')[1] ?? 0);
  } catch {
    return 0;
  }
}

const cleaning: Subject = {
  name: 'upkeep',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [{ row: cleaningRow, work: 'size' }],
  begin: async (parent, size) => async () => {
    const directory = mkdtempSync(join(parent, 'fresh-'));
    const each: Topic = { name: 'part-0', partitions: size };
    await withBroker(directory, { settings: { 'log.cleaner.enable': 'false' } }, (stage) =>
      stage.withClient(async (client) => {
        await createPartitions(client, size, tiny);
        await again(3, () => writeToEach(client, each));
      }),
    );
    const settings = { 'log.cleaner.backoff.ms': '2000', 'log.cleaner.min.cleanable.ratio': '0.01' };
    const cost = await withBroker(directory, { settings, end: 'kill' }, ({ broker }) =>
      costOf(broker.pid, async () => {
        while (cleanedCount(directory) < size) await pause(20);
      }),
    );
    rmSync(directory, { recursive: true, force: true });
    return { [cleaningRow]: cost };
  },
};

const retentionRow = 'a round of retention, each partition loses a segment';

export interface RetentionOptions {
  readonly directory: string;
  readonly partitions: number;
}

const retention: Subject = {
  name: 'upkeep',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [{ row: retentionRow, work: 'size' }],
  begin: async (directory, size) => async () => {
    const options: RetentionOptions = { directory: mkdtempSync(join(directory, 'fresh-')), partitions: size };
    const cost = await runScript<Cost>('bench/growth/key-process.ts', 'retention', options);
    rmSync(options.directory, { recursive: true, force: true });
    return { [retentionRow]: cost };
  },
};

export const upkeepSubjects: readonly Subject[] = [idle, deletions, retention, cleaning];
