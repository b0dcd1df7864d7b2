import type { FileSystem } from '../environment/files.ts';

/**
 * The names in a partition's directory.
 *
 *   00000000000000000012.log         record batches; 12 = the first offset that the segment may hold
 *   00000000000000000012.index       offset-index.ts      00000000000000000012.timeindex   time-index.ts
 *   00000000000000000012.txnindex    transaction-index.ts, only where a transaction was aborted
 *   00000000000000000012.snapshot    producer-snapshot.ts: the producers as of exactly offset 12
 *   leader-epoch-checkpoint          leader-epochs.ts
 *   partition.metadata               partition-metadata.ts
 *
 * A further suffix tells what a file is waiting for; what a start makes of it stands in recovery-files.ts:
 *   .cleaned   being written by the cleaner     .swap   complete, about to replace its sources
 *   .deleted   no longer part of the log, to be unlinked
 *
 *   00000000000000000012.sources.swap    beside .log.swap where that does not tell by itself which segments it replaces: the base
 *                                        offset of the last one, as text; ours alone, Apache Kafka does not look at it
 */
export const suffixes = {
  log: '.log',
  offsetIndex: '.index',
  timeIndex: '.timeindex',
  transactionIndex: '.txnindex',
  snapshot: '.snapshot',
  sources: '.sources',
  cleaned: '.cleaned',
  swap: '.swap',
  deleted: '.deleted',
} as const;

export const leaderEpochFile = 'leader-epoch-checkpoint';
export const partitionMetadataFile = 'partition.metadata';

/** The kinds of file that make one segment. */
export const segmentSuffixes = [
  suffixes.log,
  suffixes.offsetIndex,
  suffixes.timeIndex,
  suffixes.transactionIndex,
] as const;

export const indexSuffixes = [suffixes.offsetIndex, suffixes.timeIndex, suffixes.transactionIndex] as const;

const offsetDigits = 20;
const offsetPattern = /^(\d+)\./;

/** `00000000000000000012.log` for (12, '.log'). */
export function fileName(offset: number, suffix: string): string {
  return String(offset).padStart(offsetDigits, '0') + suffix;
}

/** The offset in a name that begins with one, else -1. */
export function offsetOf(name: string): number {
  const match = offsetPattern.exec(name);
  return match ? Number(match[1]) : -1;
}

/** Joined path of the file of a kind. */
export function filePath(files: FileSystem, directory: string, offset: number, suffix: string): string {
  return files.join(directory, fileName(offset, suffix));
}
