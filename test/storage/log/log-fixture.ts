import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch, type NewBatch } from '../../../protocol/records/batch-builder.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { defaultTopicSettings, type TopicSettings } from '../../../storage/config/topic-settings.ts';
import type { Environment } from '../../../storage/environment/environment.ts';
import { Log, type LogDependencies } from '../../../storage/log/log.ts';
import type { Appended, AppendOutcome, LogLogger, ReadOptions } from '../../../storage/log/log-types.ts';

/** What the tests of storage/log share: opening a log, making batches, reading a log back. */

export const directory = '/data/orders-3';
export const topicId = 'sf0KkVQDRf6C6V3cBWHl0A';

/** Keeps what was logged. */
export class RecordedLogger implements LogLogger {
  readonly lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];

  info = (message: string, fields = {}) => void this.lines.push({ level: 'info', message, fields });
  warn = (message: string, fields = {}) => void this.lines.push({ level: 'warn', message, fields });
  error = (message: string, fields = {}) => void this.lines.push({ level: 'error', message, fields });

  count(level: string): number {
    return this.lines.filter((line) => line.level === level).length;
  }
}

export interface OpenOptions extends Partial<Omit<LogDependencies, 'environment' | 'settings'>> {
  readonly settings?: Partial<TopicSettings>;
}

export function openLog(environment: Environment, options: OpenOptions = {}): Log {
  const { files } = environment;
  files.makeDirectorySync(files.join(options.directory ?? directory, '..'));
  return Log.open({
    directory,
    topic: 'orders',
    partition: 3,
    topicId,
    durability: { kind: 'page-cache' },
    logger: new RecordedLogger(),
    producerIdExpirationMs: () => Number.MAX_SAFE_INTEGER,
    recoveryPoint: 0,
    logStartOffset: 0,
    cleanShutdown: false,
    ...options,
    environment,
    settings: { ...defaultTopicSettings, ...options.settings },
  });
}

/** A batch of records with these values, as a producer sends it. */
export function batchOf(
  values: readonly (string | Buffer)[],
  options: Partial<NewBatch> & { timestampMs?: number } = {},
): Buffer {
  const { timestampMs = 1_700_000_000_000, ...rest } = options;
  const records = values.map((value, n) => ({
    timestampMs: timestampMs + n,
    key: null,
    value: Buffer.from(value),
  }));
  return buildBatch({ baseOffset: 0, ...rest, records });
}

export const asClient = { origin: 'client', leaderEpoch: 0 } as const;

/** Appends and expects it to succeed at once. */
export function appendNow(log: Log, records: Buffer, leaderEpoch = 0): Appended {
  const outcome = log.append(records, { origin: 'client', leaderEpoch });
  if (outcome instanceof Promise) throw new Error('the append had to wait');
  return expectAppended(outcome);
}

export function expectAppended(outcome: AppendOutcome): Appended {
  if (!outcome.ok) throw new Error(`refused with ${outcome.errorCode}: ${outcome.message}`);
  return outcome;
}

/** [offset, value] of every record that a reader from `offset` on gets, read after read. */
export function readAll(log: Log, offset = log.logStartOffset, upTo: ReadOptions['upTo'] = 'high-watermark') {
  const found: [number, string][] = [];
  for (let next = offset; ; ) {
    const bytes = readBytes(log, next, { maxBytes: 1 << 20, minOneBatch: true, upTo });
    const before = next;
    batch.forEachBatch(bytes, 0, bytes.length, (position) => {
      next = batch.lastOffset(bytes, position) + 1;
      if (batch.isControl(bytes, position)) return;
      for (const record of readRecords(bytes, position)) {
        if (record.offset >= offset) found.push([record.offset, record.value?.toString() ?? '']);
      }
    });
    if (next === before) return found;
  }
}

/** The bytes of one read. */
export function readBytes(log: Log, offset: number, options: ReadOptions): Buffer {
  const read = log.read(offset, options);
  if (!read.ok) throw new Error(`read of ${offset} refused with ${read.errorCode}`);
  const parts = read.regions.map((region) => {
    const bytes = Buffer.alloc(region.byteLength);
    region.file.readSync(bytes, 0, bytes.length, region.position);
    region.release();
    return bytes;
  });
  return Buffer.concat(parts);
}
