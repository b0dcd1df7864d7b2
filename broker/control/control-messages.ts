/**
 * What the control socket carries (protocol/control/messages.ts), made of the broker's values and back. Only a name with a dash
 * is changed, and what is null comes back as nothing. An explanation that is too long for one reply becomes several.
 */
import type { UncleanableReason } from '../../compaction/clean-job.ts';
import type { BlockedRange, ExplainedRecord } from '../../compaction/explain.ts';
import type { CompactionReceipt } from '../../compaction/receipt.ts';
import type { ControlCleaner, ControlStatus } from '../../protocol/control/messages.ts';
import type { CompactionProgress, CompactOptions } from '../cleaning/compactions.ts';
import type { PartitionExplanation } from '../cleaning/explain-log.ts';
import type { CleanerStatus } from '../cleaning/log-cleaner.ts';
import type { Gap } from '../observe/gaps.ts';

/** Records or ranges in one reply: at most some 4 KiB each, with a sentence in which there may be a path. */
const itemsPerReply = 200;
/** Partitions with a trouble that Status names. */
const troublesMax = 100;
const whyCharactersMax = 1_000;

/** The fields of message GapsReply. */
export interface GapsReply {
  readonly gaps: readonly Gap[];
  readonly others: number;
}

export interface CompactRequest {
  readonly topic: string;
  readonly options: Pick<
    CompactOptions,
    'partition' | 'includeActive' | 'dropTombstonesOlderThanMs' | 'dryRun'
  >;
}

/** The fields of message CompactRequest, as protobufjs decodes them. */
type CompactFields = { topic: string } & CompactRequest['options'];

export function compactRequestToMessage({ topic, options }: CompactRequest): object {
  return { topic, ...options };
}

export function compactRequestOf(message: object): CompactRequest {
  const { topic, ...options } = message as CompactFields;
  return { topic, options };
}

/** The fields of message CompactReply. */
export interface CompactReply {
  readonly progress: CompactionProgress | null;
  readonly receipt: CompactionReceipt | null;
}

export function receiptToMessage(receipt: CompactionReceipt): object {
  const { records, ...rest } = receipt;
  const { lag, active, 'open-transaction': openTransaction } = records.notCleanable;
  const notCleanable = { lag, active, openTransaction };
  return { receipt: { ...rest, records: { ...records, notCleanable } } };
}

export function compactReplyOf(message: object): CompactReply {
  const { progress, receipt } = message as { progress: CompactionProgress | null; receipt: Message | null };
  return { progress, receipt: receipt === null ? null : receiptOf(receipt) };
}

type Message = Record<string, unknown>;

function receiptOf(message: Message): CompactionReceipt {
  const records = message['records'] as CompactionReceipt['records'] & { notCleanable: Message };
  const { lag, active, openTransaction } = records.notCleanable as unknown as Record<string, number>;
  const notCleanable = { lag, 'open-transaction': openTransaction, active } as Record<
    UncleanableReason,
    number
  >;
  const { topic, partition, outcome, why = null, range, ...rest } = message;
  // In the order of the library's.
  return { topic, partition, outcome, why, range, ...rest, records: { ...records, notCleanable } } as never;
}

/** The fields of message ExplainReply. */
interface ExplainReply {
  readonly partition: Message | null;
  readonly records: readonly Message[];
  readonly blocked: readonly BlockedRange[];
}

/** As many replies as it takes; the first one has the partition. */
export function* explanationToMessages(explanation: PartitionExplanation): Generator<object> {
  const { state, records, ...partition } = explanation;
  const { blocked } = state;
  const count = Math.max(1, records.length, blocked.length);
  for (let at = 0; at < count; at += itemsPerReply) {
    yield {
      ...(at === 0 ? { partition: { ...partition, state } } : {}),
      records: records.slice(at, at + itemsPerReply),
      blocked: blocked.slice(at, at + itemsPerReply),
    };
  }
}

/** Puts the replies of a stream together again. */
export async function* explanationsOf(messages: AsyncIterable<object>): AsyncGenerator<PartitionExplanation> {
  let current: Message | null = null;
  let records: ExplainedRecord[] = [];
  let blocked: BlockedRange[] = [];
  for await (const message of messages) {
    const reply = message as ExplainReply;
    if (reply.partition !== null) {
      if (current !== null) yield explanationOf(current, records, blocked);
      current = reply.partition;
      records = [];
      blocked = [];
    }
    for (const record of reply.records) records.push(recordOf(record));
    for (const range of reply.blocked) blocked.push(range);
  }
  if (current !== null) yield explanationOf(current, records, blocked);
}

function explanationOf(
  message: Message,
  records: ExplainedRecord[],
  blocked: BlockedRange[],
): PartitionExplanation {
  const { topic, partition, why, state, unreadable = null, recordCount } = message;
  const { obstacle = null, ...rest } = state as Message;
  // In the order of the library's.
  return {
    ...{ topic, partition, why, state: { ...rest, obstacle, blocked }, unreadable, recordCount },
    records,
  } as never;
}

function recordOf(message: Message): ExplainedRecord {
  return { ...message, valueBytes: message['valueBytes'] ?? null } as never;
}

export function cleanerToMessage({ troubles, ...status }: CleanerStatus): ControlCleaner {
  return {
    ...status,
    troubles: troubles.slice(0, troublesMax).map((trouble) => ({
      ...trouble,
      why: trouble.why.slice(0, whyCharactersMax),
    })),
    troubleCount: troubles.length,
  };
}

export function statusOf(message: object): ControlStatus {
  const { version, pid, uptimeMs, dataDirectory, clusterId, nodeId, ...others } = message as ControlStatus;
  const { listeners, httpUrl, lookupAddress, cleaner, ...rest } = others;
  const { isEnabled, threads, runsIn = null, running, troubles, ...counted } = cleaner;
  // In the order in which a person reads it.
  return {
    ...{
      version,
      pid,
      uptimeMs,
      dataDirectory,
      clusterId,
      nodeId,
      listeners,
      httpUrl,
      lookupAddress,
      ...rest,
    },
    cleaner: { isEnabled, threads, runsIn, running, troubles, ...counted },
  };
}
