/** Tables that have caught up: with what is decided now, or with an offset that somebody waits for. */
import { partitionOfKey } from '../../protocol/records/murmur2.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import { LookupRefused, type WaitOptions } from './lookup.ts';
import type { PartitionTable } from './partition-table.ts';
import { refuse, topicDeleted } from './refuse.ts';
import type { TopicTable, TopicTables } from './topic-tables.ts';
import type { Waiting } from './waiting.ts';

export interface ReadinessParts {
  readonly cluster: ClusterState;
  readonly tables: Pick<TopicTables, 'open'>;
  readonly transactions: Pick<TransactionCoordinator, 'list'>;
  readonly waiting: Waiting;
}

/** The partitions of a topic that are asked. */
export interface Chosen {
  readonly table: TopicTable;
  readonly partitions: readonly PartitionTable[];
}

/** Also a table with nothing in it has to be looked at first. */
async function caughtUp(table: PartitionTable, offset: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    await table.reached(offset, signal);
    if (!table.isLoading) return;
    await new Promise<void>((resolve) => {
      const moved = (): void => {
        forget();
        signal.removeEventListener('abort', moved);
        resolve();
      };
      const forget = table.onIndexed(moved);
      signal.addEventListener('abort', moved);
    });
  }
}

export function refuseLoading(table: TopicTable): never {
  throw stillLoading(table);
}

export function stillLoading({ topic, progress }: TopicTable): LookupRefused {
  const { offsetsDone, offsetsTotal } = progress;
  const message = `the table of ${topic} is being read: ${offsetsDone} of ${offsetsTotal} offsets`;
  return new LookupRefused({ reason: 'loading', progress }, message);
}

export class Readiness {
  readonly #parts: ReadinessParts;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  /** Of all partitions, or the one; its tables begin to be read. Throws LookupRefused. */
  choose(topic: string, partition: number | undefined): Chosen {
    const table = this.#parts.tables.open(topic);
    const { partitions } = table;
    if (partition === undefined) return { table, partitions };
    return { table, partitions: [this.tableOf({ table, partitions }, partition)] };
  }

  tableOf({ table, partitions }: Chosen, index: number): PartitionTable {
    const one = partitions.find(({ partition }) => partition.index === index);
    return (
      one ?? refuse({ reason: 'unknown-partition' }, `there is no partition ${index} of ${table.topic} here`)
    );
  }

  countOf(topic: string): number {
    return this.#parts.cluster.topic(topic)?.partitions.length ?? 0;
  }

  /** Where the default partitioner of the Java client and of kafkajs puts a key. */
  homeOf(topic: string, key: Buffer): number {
    const count = this.countOf(topic);
    if (count === 0) throw topicDeleted(topic);
    return partitionOfKey(key, count);
  }

  /** Whether `upToDate` would have to wait. */
  isBehind({ partitions }: Chosen): boolean {
    for (const each of partitions)
      if (each.isLoading || each.indexedOffset < each.log.lastStableOffset) return true;
    return false;
  }

  /** Undefined when all that is decided now is in the tables, but for so many offsets; a promise to wait for else. */
  upToDate({ table, partitions }: Chosen, options: WaitOptions, behindMax = 0): undefined | Promise<void> {
    let behind: PartitionTable[] | null = null;
    for (const each of partitions)
      if (each.isLoading || each.indexedOffset + behindMax < each.log.lastStableOffset)
        (behind ??= []).push(each);
    if (behind === null) return undefined;
    const late = behind.map((each) => ({ each, offset: each.log.lastStableOffset }));
    const work = async (signal: AbortSignal): Promise<void> => {
      // One after the other: each listens to the signal while it is waited for.
      for (const { each, offset } of late) await caughtUp(each, offset, signal);
      this.checkLive(table);
    };
    return this.#parts.waiting.during(options, work, () => this.#notUpToDate(table, late));
  }

  /** Waits until the table covers `offset`. */
  covers(
    table: TopicTable,
    partition: PartitionTable,
    offset: number,
    options: WaitOptions,
  ): undefined | Promise<void> {
    if (partition.indexedOffset > offset) return undefined;
    const work = async (signal: AbortSignal): Promise<void> => {
      await partition.reached(offset + 1, signal);
      this.checkLive(table);
    };
    return this.#parts.waiting.during(options, work, () => this.#notYet(partition, offset));
  }

  /** Waits until all below `upTo`, which is decided, is in the table. */
  reaches(
    table: TopicTable,
    partition: PartitionTable,
    upTo: number,
    options: WaitOptions,
  ): undefined | Promise<void> {
    if (partition.indexedOffset >= upTo) return undefined;
    return this.#parts.waiting.during(
      options,
      (signal) => partition.reached(upTo, signal),
      () => this.#notUpToDate(table, [{ each: partition, offset: upTo }]),
    );
  }

  /** Of a table that is being read how far it is; of another what holds it up. */
  async #notUpToDate(
    table: TopicTable,
    late: readonly { readonly each: PartitionTable; readonly offset: number }[],
  ): Promise<LookupRefused> {
    const behind = late.find(({ each, offset }) => each.indexedOffset < offset);
    return table.isLoading || behind === undefined
      ? stillLoading(table)
      : this.#notYet(behind.each, behind.offset - 1);
  }

  /** After a wait the topic may be gone, or another one of its name be there. */
  checkLive({ topic, topicId }: TopicTable): void {
    if (this.#parts.cluster.topic(topic)?.id !== topicId) throw topicDeleted(topic);
  }

  async #notYet(partition: PartitionTable, offset: number): Promise<LookupRefused> {
    const { indexedOffset, log } = partition;
    const blockedBy = await this.#blockedBy(partition, offset);
    const message = `offset ${offset} of ${log.name} is not in the table yet: ${blockedBy}`;
    return new LookupRefused({ reason: 'not-yet', indexedOffset, blockedBy }, message);
  }

  async #blockedBy({ log, indexedOffset, isLoading }: PartitionTable, offset: number): Promise<string> {
    const { endOffset, highWatermark, lastStableOffset, logStartOffset } = log;
    if (offset >= endOffset) return `the log ends at ${endOffset}`;
    if (offset < lastStableOffset) {
      if (!isLoading) return `the table has come to ${indexedOffset}`;
      return `the table is being read from the log, ${indexedOffset - logStartOffset} of ${lastStableOffset - logStartOffset} offsets so far`;
    }
    if (offset >= highWatermark) return `it is not on the device yet, which has all below ${highWatermark}`;
    const producer = [...log.producers()].find((each) => each.transactionFirstOffset === lastStableOffset);
    if (producer === undefined) return `a transaction that began at ${lastStableOffset} and is about to end`;
    const all = await this.#parts.transactions.list();
    const owner =
      typeof all === 'number' ? undefined : all.find((each) => each.producerId === producer.producerId);
    const whose = owner === undefined ? '' : ` of transactional id ${owner.transactionalId}`;
    return `the open transaction of producer ${producer.producerId}${whose}, which began at offset ${lastStableOffset}`;
  }
}
