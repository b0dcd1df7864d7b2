/**
 * Reads many partitions for one fetch, under its byte limits, in the order asked.
 *
 * The limits are Kafka's: `maxBytes` for the whole answer and one for each partition, except that the first partition that has
 * anything gives its first batch whole (KIP-74), so that a consumer always gets on. A partition is read up to the high watermark,
 * or to the last stable offset for read_committed.
 */
import { errors } from '../../protocol/errors.ts';
import type { AbortedTransaction, FileRegion, ReadOptions } from '../../storage/log/log-types.ts';
import type { Partition } from './partition.ts';
import type { Partitions } from './partitions.ts';

/** One partition as a fetch asks for it. */
export interface FetchTarget {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  /** -1: the client does not check. */
  readonly currentLeaderEpoch: number;
  /** -1: the client does not ask for divergence (KIP-595). */
  readonly lastFetchedEpoch: number;
}

export interface FetchLimits {
  readonly maxBytes: number;
  readonly isReadCommitted: boolean;
  /** Topics are named by id (Fetch v13+): an unknown one gets UNKNOWN_TOPIC_ID. */
  readonly byTopicId: boolean;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly topicId: string;
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | undefined;
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  readonly records: FileRegion | null;
}

/** What is left of a fetch's limits while its partitions are read one after the other. */
export interface FetchBudget {
  bytesLeft: number;
  mayExceed: boolean;
}

export function newBudget(limits: FetchLimits): FetchBudget {
  return { bytesLeft: limits.maxBytes, mayExceed: true };
}

/** True when there is no such partition: an answer of its own, but no reason to answer the others at once. */
export function isMissing({ errorCode }: FetchedPartition): boolean {
  return errorCode === errors.unknownTopicId.code || errorCode === errors.unknownTopicOrPartition.code;
}

/** Kafka's order of what a fetch found: what is there, then topic ids that are not known, then partitions that are not there. */
export function missingLast<T>(found: readonly T[], resultOf: (one: T) => FetchedPartition): readonly T[] {
  if (!found.some((one) => isMissing(resultOf(one)))) return found;
  const rank = ({ errorCode }: FetchedPartition): number =>
    errorCode === errors.unknownTopicOrPartition.code ? 2 : errorCode === errors.unknownTopicId.code ? 1 : 0;
  return [...found].sort((a, b) => rank(resultOf(a)) - rank(resultOf(b)));
}

/** Reads one partition and takes what it gives off the budget. */
export function fetchPartition(
  partitions: Partitions,
  target: FetchTarget,
  limits: FetchLimits,
  budget: FetchBudget,
): FetchedPartition;
/** Null where that might wait for the disk, unless it `isReached`. */
export function fetchPartition(
  partitions: Partitions,
  target: FetchTarget,
  limits: FetchLimits,
  budget: FetchBudget,
  isReached: boolean,
): FetchedPartition | null;
export function fetchPartition(
  partitions: Partitions,
  target: FetchTarget,
  limits: FetchLimits,
  budget: FetchBudget,
  isReached = true,
): FetchedPartition | null {
  const { topic, topicId, partition: index } = target;
  const partition = partitions.find(topic, topicId, limits.byTopicId, index);
  if (partition === undefined)
    // Kafka's two ways of refusing differ here: what is not there at all has an empty list, what cannot be read has none.
    return {
      ...refused(target, partitions.missingCode(topic, topicId, limits.byTopicId, index)),
      abortedTransactions: [],
    };
  const epochError = leaderEpochError(partition.leaderEpoch, target.currentLeaderEpoch);
  if (epochError !== errors.none.code) return refused(target, epochError);
  if (target.lastFetchedEpoch >= 0) {
    const divergence = divergenceOf(partition, target);
    if (divergence !== null) return divergence;
  }
  const options = readOptions(target, limits, budget);
  const read = isReached
    ? partition.read(target.fetchOffset, options)
    : partition.readNow(target.fetchOffset, options);
  if (read === null) return null;
  if (!read.ok) return refused(target, read.errorCode);
  const region = read.regions.length > 0 ? read.regions[0]! : null;
  if (region !== null) {
    budget.bytesLeft -= region.byteLength;
    budget.mayExceed = false;
  }
  const { log } = partition;
  return {
    topic: partition.topic,
    topicId: partition.topicId,
    partitionIndex: target.partition,
    errorCode: errors.none.code,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergingEpoch: undefined,
    abortedTransactions: limits.isReadCommitted ? (read.abortedTransactions ?? []) : null,
    records: region,
  };
}

/** Brings into memory what `fetchPartition` will look at. */
export async function reachPartition(
  partitions: Partitions,
  target: FetchTarget,
  limits: FetchLimits,
  budget: FetchBudget,
): Promise<void> {
  const { topic, topicId, partition: index, fetchOffset } = target;
  const partition = partitions.find(topic, topicId, limits.byTopicId, index);
  await partition?.reach(fetchOffset, readOptions(target, limits, budget));
}

function readOptions(target: FetchTarget, limits: FetchLimits, budget: FetchBudget): ReadOptions {
  return {
    maxBytes: Math.max(0, Math.min(target.maxBytes, budget.bytesLeft)),
    minOneBatch: budget.mayExceed,
    upTo: limits.isReadCommitted ? 'stable' : 'high-watermark',
  };
}

/** Gives back what a fetch read and will not send. */
export function releaseFetched(fetched: readonly FetchedPartition[]): void {
  for (const { records } of fetched) records?.release();
}

/** An answer that carries nothing but its error. */
export function refused(target: FetchTarget, errorCode: number): FetchedPartition {
  return {
    topic: target.topic,
    topicId: target.topicId,
    partitionIndex: target.partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: undefined,
    abortedTransactions: null,
    records: null,
  };
}

/** NONE, or what Kafka says to a client whose idea of the leader epoch is not ours (KIP-320). `asked` -1: not checked. */
export function leaderEpochError(current: number, asked: number): number {
  if (asked < 0 || asked === current) return errors.none.code;
  return asked < current ? errors.fencedLeaderEpoch.code : errors.unknownLeaderEpoch.code;
}

/** A reader that says which epoch it read last is told where that epoch ended here, if that is before its place. */
function divergenceOf(partition: Partition, target: FetchTarget): FetchedPartition | null {
  const { log } = partition;
  const end = partition.endOffsetForEpoch(target.lastFetchedEpoch);
  if (end.endOffset < 0 || end.epoch < 0 || target.fetchOffset < log.logStartOffset) {
    return refused(target, errors.offsetOutOfRange.code);
  }
  if (end.epoch >= target.lastFetchedEpoch && end.endOffset >= target.fetchOffset) return null;
  return {
    ...refused(target, errors.none.code),
    topic: partition.topic,
    topicId: partition.topicId,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergingEpoch: end,
  };
}
