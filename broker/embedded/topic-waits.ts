/** Waiting for topics: until they have so many records. */
import * as batch from '../../protocol/records/batch.ts';
import { maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { readLegacyBatch } from '../../protocol/records/legacy.ts';
import { type LogRecord, openRecords } from '../../protocol/records/record.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Log } from '../../storage/log/log.ts';
import type { RunningBroker } from '../broker.ts';
import { DecidedBatches } from '../lookup/decided-batches.ts';
import { Slices } from '../lookup/slices.ts';
import { checkInteger } from '../options/check-options.ts';
import { OptionError } from '../options/option-error.ts';
import { checkWait, type Look, refuseUnknown, until, type Waited, type WaitTimeout } from './waits.ts';

export interface RecordsOptions extends WaitTimeout {
  /** Default 1. */
  readonly atLeast?: number;
  /** Left out: all. */
  readonly partition?: number;
}

/** A record as a read_committed consumer is given it. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer | null }[];
}

/** Resolves with all committed records of the topic, by partition and offset, when there are so many. */
export function records(waited: Waited, topic: string, options: RecordsOptions = {}): Promise<TopicRecord[]> {
  checkWait('records', options, 'atLeast', 'partition');
  const { atLeast = 1, partition } = options;
  checkInteger('atLeast', atLeast, 0, Number.MAX_SAFE_INTEGER);
  if (partition !== undefined) checkInteger('partition', partition, 0, 2 ** 31 - 1);
  const { broker } = waited;
  refuseUnknown(broker.services, topic);
  const partitionCount = broker.services.cluster.topic(topic)!.partitions.length;
  if (partition !== undefined && partition >= partitionCount)
    throw new OptionError('partition', `${topic} has no partition ${partition}, it has ${partitionCount}`);
  const readers: PartitionReader[] = [];
  const look = async (): Promise<Look<TopicRecord[]>> => {
    const known = broker.services.cluster.topic(topic);
    if (known === undefined) throw new OptionError('topic', `the topic ${topic} was deleted`);
    for (let index = readers.length; index < known.partitions.length; index++)
      readers.push(new PartitionReader(broker, broker.services.partitions.get(topic, index)!.log));
    const wanted = partition === undefined ? readers : [readers[partition]!];
    for (const reader of wanted) await reader.readOn();
    const found = wanted.flatMap((reader) => reader.records);
    return found.length >= atLeast ? { done: found } : { saw: `there are ${found.length}` };
  };
  return until(waited, { what: `${atLeast} records in ${topic}`, topics: () => [topic], look }, options);
}

class PartitionReader {
  readonly records: TopicRecord[] = [];
  readonly #log: Log;
  readonly #batches: DecidedBatches;
  #next = 0;

  constructor({ services }: RunningBroker, log: Log) {
    this.#log = log;
    this.#batches = new DecidedBatches(
      log,
      new Slices(outsideClock(services.environment.clock)),
      () => log.isDeleted,
    );
  }

  async readOn(): Promise<void> {
    for (;;) {
      const from = this.#next;
      this.#next = await this.#batches.read(from, (chunk, at) => this.#take(chunk, at, from));
      if (this.#next <= from) return;
    }
  }

  #take(chunk: Buffer, at: number, from: number): void {
    if (batch.magic(chunk, at) < batch.magicV2) {
      for (const record of readLegacyBatch(chunk, at).records) this.#add(record, from);
      return;
    }
    const cursor = openRecords(chunk, at, maxDecompressedBatchBytes);
    while (cursor.next()) this.#add(cursor.record(), from);
  }

  #add({ offset, timestamp, key, value, headers }: LogRecord, from: number): void {
    if (offset < from) return;
    const { topic, partition } = this.#log;
    const copy = (bytes: Buffer | null): Buffer | null => (bytes === null ? null : Buffer.from(bytes));
    this.records.push({
      topic,
      partition,
      offset,
      timestampMs: timestamp,
      key: copy(key),
      value: copy(value),
      headers: headers.map((header) => ({ name: header.key, value: copy(header.value) })),
    });
  }
}
