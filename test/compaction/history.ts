import { buildBatch, type NewBatch, type NewRecord } from '../../protocol/records/batch-builder.ts';
import { codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { buildEndTransactionMarker } from '../../protocol/records/control.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { Log } from '../../storage/log/log.ts';
import type { AppendOutcome } from '../../storage/log/log-types.ts';
import type { SeededRandom } from '../simulation/random.ts';

/**
 * What was written to a compacted log, remembered record by record: producers with and without sequence numbers, transactions that
 * are committed, aborted and open, tombstones, records without a key, codecs. The model that a cleaned log is held against.
 */
export interface WrittenRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
  readonly headers: readonly (readonly [string, string | null])[];
  readonly transaction: Transaction | null;
}

export interface Transaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** -1 while it is open. */
  markerOffset: number;
  isCommitted: boolean;
}

interface Producer {
  readonly id: number;
  epoch: number;
  sequence: number;
  open: Transaction | null;
}

export interface HistoryOptions {
  readonly keys: number;
  /** Codecs of the batches. */
  readonly codecs?: readonly number[];
  readonly hasNullKeys?: boolean;
}

export const allCodecs = Object.values(codecIds);

/** Codecs that have to be loaded are then at hand: an append answers at once. */
export async function loadCodecs(): Promise<void> {
  for (const codec of allCodecs) await ensureCodec(codec);
}

const idempotentIds = [100, 101, 102];
const transactionalIds = [200, 201, 202];

export class History {
  /** By offset, without markers. */
  readonly records = new Map<number, WrittenRecord>();
  transactions: Transaction[] = [];
  readonly random: SeededRandom;
  readonly #clock: Clock;
  readonly #options: HistoryOptions;
  readonly #producers = new Map<number, Producer>();
  #serial = 0;

  constructor(random: SeededRandom, clock: Clock, options: HistoryOptions) {
    this.random = random;
    this.#clock = clock;
    this.#options = options;
  }

  /** The same so far, to go on in another way. */
  copy(random: SeededRandom, clock: Clock): History {
    const copy = new History(random, clock, this.#options);
    const copies = new Map(this.transactions.map((transaction) => [transaction, { ...transaction }]));
    const copyOf = (transaction: Transaction | null) => transaction && copies.get(transaction)!;
    for (const record of this.records.values())
      copy.records.set(record.offset, { ...record, transaction: copyOf(record.transaction) });
    copy.transactions = [...copies.values()];
    for (const producer of this.#producers.values())
      copy.#producers.set(producer.id, { ...producer, open: copyOf(producer.open) });
    copy.#serial = this.#serial;
    return copy;
  }

  /** Appends a batch, or ends a transaction; false when the log did not take it. */
  async step(log: Log): Promise<boolean> {
    const { random } = this;
    const dice = random.below(100);
    if (dice < 45) return this.#data(log, {}, null);
    if (dice < 62) return this.#idempotent(log);
    const producer = this.#producer(random.pick(transactionalIds));
    if (producer.open === null || dice < 85) return this.#transactional(log, producer);
    return this.end(log, producer.id, random.chance(0.5));
  }

  /** Ends the open transaction of a producer. */
  async end(log: Log, producerId: number, isCommitted: boolean): Promise<boolean> {
    const producer = this.#producer(producerId);
    const transaction = producer.open;
    if (transaction === null) return false;
    // KIP-890: a marker may bring a new epoch.
    if (this.random.chance(0.3)) this.#raiseEpoch(producer);
    const marker = buildEndTransactionMarker({
      committed: isCommitted,
      coordinatorEpoch: 0,
      producerId,
      producerEpoch: producer.epoch,
      timestampMs: this.#clock.nowMs(),
    });
    const outcome = await log.append(marker, { origin: 'coordinator', leaderEpoch: 0, ownsBuffer: true });
    if (!outcome.ok) return false;
    transaction.markerOffset = outcome.baseOffset;
    transaction.isCommitted = isCommitted;
    producer.open = null;
    return true;
  }

  /** Ends all that are open. */
  async endAll(log: Log): Promise<void> {
    for (const { id, open } of this.#producers.values())
      if (open !== null) await this.end(log, id, this.random.chance(0.5));
  }

  /** The log ends there now: what was written from `endOffset` on does not exist. */
  forgetFrom(log: Log): void {
    const { endOffset } = log;
    for (const offset of [...this.records.keys()]) if (offset >= endOffset) this.records.delete(offset);
    this.transactions = this.transactions.filter(({ firstOffset }) => firstOffset < endOffset);
    for (const transaction of this.transactions)
      if (transaction.markerOffset >= endOffset) transaction.markerOffset = -1;
    this.#producers.clear();
    for (const { producerId, epoch, lastSequence } of log.producers()) {
      const open = this.transactions.findLast(
        (each) => each.producerId === producerId && each.markerOffset < 0,
      );
      this.#producers.set(producerId, {
        id: producerId,
        epoch,
        sequence: lastSequence + 1,
        open: open ?? null,
      });
    }
  }

  /** What has been cleaned away does not come back when newer records are cut off. */
  keepOnly(isLeft: (offset: number) => boolean): void {
    for (const offset of [...this.records.keys()]) if (!isLeft(offset)) this.records.delete(offset);
  }

  /** Value by key of all records of [from, upTo) that count: those of aborted transactions do not, those of open ones may. */
  state(from: number, upTo: number, withOpen: boolean): Map<string, string> {
    const state = new Map<string, string>();
    for (const { offset, key, value, transaction } of this.records.values()) {
      if (offset < from || offset >= upTo || key === null) continue;
      if (transaction !== null && !isVisible(transaction, withOpen)) continue;
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
    return state;
  }

  #idempotent(log: Log): Promise<boolean> {
    const { random } = this;
    const producer = this.#producer(random.pick(idempotentIds));
    if (random.chance(0.1)) this.#raiseEpoch(producer);
    return this.#data(log, this.#sequenced(producer), null, producer);
  }

  #transactional(log: Log, producer: Producer): Promise<boolean> {
    if (producer.open === null && this.random.chance(0.2)) this.#raiseEpoch(producer);
    const identity = { ...this.#sequenced(producer), isTransactional: true };
    const transaction = producer.open ?? {
      producerId: producer.id,
      firstOffset: log.endOffset,
      markerOffset: -1,
      isCommitted: false,
    };
    return this.#data(log, identity, transaction, producer);
  }

  async #data(
    log: Log,
    identity: Partial<NewBatch>,
    transaction: Transaction | null,
    producer?: Producer,
  ): Promise<boolean> {
    const { random } = this;
    const records = Array.from({ length: 1 + random.below(4) }, () => this.#record());
    const codec = random.pick(this.#options.codecs ?? [0]);
    const outcome = await this.#append(log, buildBatch({ ...identity, codec, records }));
    if (!outcome.ok) return false;
    if (producer) producer.sequence += records.length;
    if (transaction !== null && producer?.open === null) {
      producer.open = transaction;
      this.transactions.push(transaction);
    }
    for (const [n, record] of records.entries()) this.#note(outcome.baseOffset + n, record, transaction);
    return true;
  }

  /** A client may not write without a key, but the topic may have been another one before. */
  async #append(log: Log, bytes: Buffer): Promise<AppendOutcome> {
    const { settings } = log;
    if (this.#options.hasNullKeys) log.updateSettings({ ...settings, 'cleanup.policy': ['delete'] });
    const outcome = await log.append(bytes, { origin: 'client', leaderEpoch: 0, ownsBuffer: true });
    log.updateSettings(settings);
    return outcome;
  }

  #record(): NewRecord {
    const { random } = this;
    const serial = this.#serial++;
    const isKeyless = this.#options.hasNullKeys === true && random.chance(0.1);
    const key = isKeyless ? null : Buffer.from(`key-${random.below(this.#options.keys)}`);
    const value = random.chance(0.2) ? null : Buffer.from(`v${serial}`.padEnd(random.below(30), '.'));
    const timestampMs = this.#clock.nowMs() + random.below(2_000) - 1_000;
    const header = { key: 'h', value: random.chance(0.5) ? Buffer.from(`${serial}`) : null };
    return { timestampMs, key, value, headers: random.chance(0.2) ? [header] : [] };
  }

  #note(offset: number, record: NewRecord, transaction: Transaction | null): void {
    const { key, value, timestampMs, headers = [] } = record;
    this.records.set(offset, {
      offset,
      key: key?.toString() ?? null,
      value: value?.toString() ?? null,
      timestampMs,
      headers: headers.map((header) => [header.key, header.value?.toString() ?? null]),
      transaction,
    });
  }

  #sequenced({ id, epoch, sequence }: Producer): Partial<NewBatch> {
    return { producerId: id, producerEpoch: epoch, baseSequence: sequence };
  }

  #raiseEpoch(producer: Producer): void {
    producer.epoch++;
    producer.sequence = 0;
  }

  #producer(id: number): Producer {
    let producer = this.#producers.get(id);
    if (producer === undefined)
      this.#producers.set(id, (producer = { id, epoch: 0, sequence: 0, open: null }));
    return producer;
  }
}

function isVisible({ markerOffset, isCommitted }: Transaction, withOpen: boolean): boolean {
  return markerOffset < 0 ? withOpen : isCommitted;
}
