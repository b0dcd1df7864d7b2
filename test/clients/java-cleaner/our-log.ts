import type { CleanResult } from '../../../compaction/clean-job.ts';
import { cleanPartition } from '../../../compaction/clean-partition.ts';
import { type Cleanable, findCleanable } from '../../../compaction/cleanable.ts';
import { cleanLog } from '../../../compaction/cleaner.ts';
import type { Kernel } from '../../../compaction/kernel.ts';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';
import type { CleanerView } from '../../../storage/log/cleaner-view.ts';
import { Log } from '../../../storage/log/log.ts';
import { removedTimesFile } from '../../../storage/log/removed-times-file.ts';
import { type SimulatedEnvironment, simulatedEnvironment } from '../../simulation/simulated-environment.ts';
import { RecordedLogger } from '../../storage/log/log-fixture.ts';
import { type Directory, readMemory, writeMemory } from './directories.ts';
import {
  type Cleaned,
  type CleanRequest,
  type LogState,
  producerExpirationMs,
  type StateRequest,
} from './kafka-cleaner.ts';

/** Our log and our cleaner on a directory given as values, in a file system of their own: what KafkaCleaner.java is compared with. */

const path = '/data/orders-3';

export interface OpenedLog {
  readonly environment: SimulatedEnvironment;
  readonly log: Log;
  /** Closes the log; what is in the directory then. */
  close(): Promise<Directory>;
}

export function openLog(
  directory: Directory,
  { nowMs, logStart, settings }: Omit<StateRequest, 'dir'>,
  cleanShutdown: boolean,
): OpenedLog {
  const environment = simulatedEnvironment();
  environment.clock.setWallMs(nowMs);
  environment.files.makeDirectorySync('/data');
  if (directory.size > 0) writeMemory(environment.files, path, directory);
  const log = Log.open({
    environment,
    directory: path,
    topic: 'orders',
    partition: 3,
    topicId: 'sf0KkVQDRf6C6V3cBWHl0A',
    settings: { ...defaultTopicSettings, ...settings },
    durability: { kind: 'page-cache' },
    logger: new RecordedLogger(),
    producerIdExpirationMs: () => producerExpirationMs,
    recoveryPoint: 0,
    logStartOffset: logStart,
    cleanShutdown,
  });
  return {
    environment,
    log,
    close: async () => {
      await environment.clock.until(log.close());
      // Ours alone: Kafka neither writes nor reads it.
      return new Map([...readMemory(environment.files, path)].filter(([name]) => name !== removedTimesFile));
    },
  };
}

export interface OurPass {
  readonly cleaned: Cleaned;
  readonly directory: Directory;
  /** null: there was nothing to clean. */
  readonly result: CleanResult | null;
}

/** As `clean` of KafkaCleaner.java. */
export async function clean(
  directory: Directory,
  request: Omit<CleanRequest, 'dir'>,
  createKernel: () => Kernel,
): Promise<OurPass> {
  const opened = openLog(directory, request, true);
  const { log, environment } = opened;
  const view = log.cleanerView();
  const checkpoint = request.firstDirty < 0 ? null : request.firstDirty;
  const cleanable = findCleanable(view, log.settings, checkpoint, request.nowMs);
  const { firstDirtyOffset, firstUncleanableOffset, cleanableBytes, cleanBytes, isForced } = cleanable;
  const isDirtyEnough = cleanable.dirtyRatio > log.settings['min.cleanable.dirty.ratio'];
  const result = cleanableBytes > 0 ? await pass(opened, request, view, cleanable, createKernel) : null;
  if (request.retain) await environment.clock.until(log.applyRetention(request.nowMs));
  const range = {
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanableBytes,
    cleanBytes,
    isForced,
    isDirtyEnough,
  };
  const cleaned = { ...range, endOffset: result?.endOffset ?? firstDirtyOffset, ...stateOf(log) };
  return { cleaned, directory: await opened.close(), result };
}

/** As `state` of KafkaCleaner.java. */
export async function state(directory: Directory, request: Omit<StateRequest, 'dir'>): Promise<LogState> {
  const opened = openLog(directory, request, false);
  const found = stateOf(opened.log);
  await opened.close();
  return found;
}

export function stateOf(log: Log): LogState {
  const { logStartOffset, endOffset: logEndOffset, lastStableOffset } = log;
  const producers = [...log.producers()].map((each): [number, number[]] => [
    each.producerId,
    [
      each.epoch,
      each.lastSequence,
      each.lastDataOffset,
      each.coordinatorEpoch,
      each.transactionFirstOffset,
      each.lastTimestampMs,
    ],
  ]);
  return {
    logStartOffset,
    logEndOffset,
    lastStableOffset,
    segments: log.segments().map((segment) => segment.baseOffset),
    producers: Object.fromEntries(producers),
  };
}

const noLimit = { ioBytesPerSecond: Number.POSITIVE_INFINITY };

async function pass(
  { environment, log }: OpenedLog,
  { nowMs, mapBytes, loadFactor, bufferBytes }: Omit<CleanRequest, 'dir'>,
  view: CleanerView,
  cleanable: Cleanable,
  createKernel: () => Kernel,
): Promise<CleanResult> {
  const context = { ...environment, createKernel, isAborted: () => false };
  const outcome = await cleanPartition(log, view, cleanable, {
    thread: { runsIn: 'process', clean: (job) => cleanLog(job, context), close: async () => {} },
    limits: { dedupeBufferBytes: mapBytes, loadFactor, ioBufferBytes: bufferBytes * 2, ...noLimit },
    nowMs,
    isDryRun: false,
    tombstonesGoUpToMs: -1,
    countsUncleanable: false,
  });
  if (outcome.kind !== 'cleaned') throw new Error(`the pass is ${outcome.kind}`);
  return outcome.result;
}
