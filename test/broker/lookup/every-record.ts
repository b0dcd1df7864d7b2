/** A topic of one partition of which every record that was ever written is remembered: what a store must answer, the past included. */
import type { KeyAnswer } from '../../../broker/lookup/lookup.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { contentOf } from '../cleaning/cleaning-world.ts';
import { TransactionClient } from '../transactions/transaction-client.ts';
import { expectAppended } from '../world.ts';
import { type LookupWorld, told } from './lookup-world.ts';

export interface Remembered {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestampMs: number;
  /** Whose transaction it is in, until that has ended. */
  transaction: TransactionClient | null;
  isAborted: boolean;
}

export class EveryRecord {
  readonly at: LookupWorld;
  readonly partition: Partition;
  readonly isInOrder: boolean;
  readonly records: Remembered[] = [];
  readonly keys: readonly string[];
  readonly #random: SeededRandom;
  readonly #clients: TransactionClient[] = [];
  #values = 0;

  private constructor(
    at: LookupWorld,
    partition: Partition,
    random: SeededRandom,
    keys: readonly string[],
    isInOrder: boolean,
  ) {
    this.isInOrder = isInOrder;
    this.at = at;
    this.partition = partition;
    this.#random = random;
    this.keys = keys;
  }

  /** `isInOrder`: records are stamped when they are appended; else in no order. */
  static async open(
    at: LookupWorld,
    random: SeededRandom,
    keyCount: number,
    isInOrder = true,
  ): Promise<EveryRecord> {
    const partition = await at.table('t', 1, {
      'min.cleanable.dirty.ratio': '0',
      'delete.retention.ms': '10000',
      'message.timestamp.type': isInOrder ? 'LogAppendTime' : 'CreateTime',
    });
    const keys = Array.from({ length: keyCount }, (_, n) => `key-${n}`);
    const every = new EveryRecord(at, partition, random, keys, isInOrder);
    for (const id of ['left', 'right']) every.#clients.push(await TransactionClient.ready(at.world, 2, id));
    return every;
  }

  aKey(): string {
    return this.#random.pick([...this.keys, 'never']);
  }

  /** A batch of some records, as any client sends it. */
  async append(): Promise<void> {
    const nowMs = this.at.world.clock.nowMs();
    const timestampMs = nowMs + (this.isInOrder ? 0 : this.#random.below(20_000) - 10_000);
    const drawn = Array.from({ length: 1 + this.#random.below(4) }, () => ({
      key: this.#random.pick(this.keys),
      value: this.#random.chance(0.25) ? null : `${this.#values++}`,
    }));
    const records = drawn.map(({ key, value }) => ({
      timestampMs,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    }));
    const outcome = this.partition.append(buildBatch({ records }), { origin: 'client' });
    const { baseOffset } = expectAppended(await outcome);
    for (const [n, one] of drawn.entries())
      this.remember({ ...one, offset: baseOffset + n, timestampMs }, null);
  }

  /** A record in a transaction. */
  async send(): Promise<void> {
    const client = this.#random.pick(this.#clients);
    const key = this.#random.pick(this.keys);
    const value = `${this.#values++}`;
    const offset = this.partition.endOffset;
    const code = await client.send('t-0', `${key}=${value}`);
    if (code !== 'NONE') throw new Error(code);
    this.remember({ key, value, offset, timestampMs: this.at.world.clock.nowMs() }, client);
  }

  remember(
    record: Omit<Remembered, 'transaction' | 'isAborted'>,
    transaction: TransactionClient | null,
  ): void {
    this.records.push({ ...record, transaction, isAborted: false });
  }

  async end(client = this.#random.pick(this.#clients)): Promise<void> {
    const own = this.records.filter(({ transaction }) => transaction === client);
    if (own.length === 0) return;
    const isAborted = this.#random.chance(0.4);
    const code = await (isAborted ? client.abort() : client.commit());
    if (code !== 'NONE') throw new Error(code);
    for (const record of own) {
      record.transaction = null;
      record.isAborted = isAborted;
    }
  }

  async endAll(): Promise<void> {
    for (const client of this.#clients) await this.end(client);
  }

  /** What was decided and lies below `bound`, in order. */
  decided(bound = this.partition.log.lastStableOffset): Remembered[] {
    const upTo = Math.min(bound, this.partition.log.lastStableOffset);
    return this.records.filter(({ offset, isAborted }) => offset < upTo && !isAborted);
  }

  /** The same of the records that the log still has. */
  kept(bound?: number): Remembered[] {
    const { world } = this.at;
    const inLog = new Set(contentOf(world, this.partition).map((line) => Number(line.split(' ')[0])));
    const { logStartOffset } = this.partition.log;
    return this.decided(bound).filter(({ offset }) => offset >= logStartOffset && inLog.has(offset));
  }
}

export function lineOf({ offset, key, value }: Remembered): string {
  return `${offset} ${key}${value === null ? '!' : `=${value}`}`;
}

/** What a lookup must say where this is the newest record of the key. */
export function lineFor(newest: Remembered | undefined): string {
  if (newest === undefined) return 'absent';
  return `${newest.value === null ? 'deleted' : 'found'} ${lineOf(newest)}`;
}

/** The live record that an answer gives, for comparing answers that differ in how a key is not there. */
export function livesIn(answer: KeyAnswer): string {
  return answer.kind === 'found' ? told(answer.record) : 'nothing';
}
