/**
 * Transactional producers on a broker whose life may end at any moment, and a read_committed consumer that looks at all of it in the
 * next life. Expected: each transaction whose commit was answered is there whole, records and offset; each that was aborted, fenced or
 * never ended is not there at all; one whose commit was not answered is either, and stays so; nothing is left undecided.
 */
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../protocol/messages/groups/find-coordinator.ts';
import { offsetFetch } from '../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { addOffsetsToTxn } from '../../protocol/messages/transactions/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { endTxn } from '../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../protocol/messages/transactions/init-producer-id.ts';
import { txnOffsetCommit } from '../../protocol/messages/transactions/txn-offset-commit.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../protocol/schema/api.ts';
import { type AbortedTransaction, committedValues } from './read-committed.ts';

const partitionCount = 3;
/** As long as a client tries what it is told to try again. */
const tries = 40;
const retried = new Set([14, 15, 16, 19, 51]);

interface Transaction {
  readonly name: string;
  readonly values: string[];
  /** Committed for the producer's group; null: none. */
  offset: number | null;
  outcome: 'open' | 'committed' | 'aborted' | 'unknown';
}

/** Where it happens: a simulated world, or a process on this machine. */
export interface TransactionWorld {
  readonly random: {
    below(limit: number): number;
    chance(probability: number): boolean;
    pick<T>(from: readonly T[]): T;
  };
  readonly clock: { advance(byMs: number): Promise<void> };
  connect(): TransactionWorldClient;
}

/** A request resolves with its answer, or with null when none came. */
export interface TransactionWorldClient {
  readonly isClosed: boolean;
  request<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A> | null>;
  close(): void;
}

/** One transactional id, used by one client after the other. */
interface Producer {
  readonly transactionalId: string;
  readonly groupId: string;
  /** 0: before KIP-890, 2: after. */
  readonly version: 0 | 2;
  producerId: number;
  producerEpoch: number;
  isReady: boolean;
  readonly sequences: Map<number, number>;
  readonly transactions: Transaction[];
}

function producersOf(name: string): readonly Producer[] {
  return ([0, 2, 2] as const).map((version, n) => ({
    transactionalId: `${name}-${n}`,
    groupId: `${name}-group-${n}`,
    version,
    producerId: -1,
    producerEpoch: -1,
    isReady: false,
    sequences: new Map(),
    transactions: [],
  }));
}

export class TransactionWorkload {
  readonly #world: TransactionWorld;
  readonly #topic: string;
  readonly #producers: readonly Producer[];
  #client: TransactionWorldClient | null = null;
  #isCreated = false;
  #serial = 0;
  /** How often a look found something, for a test that must not be idle. */
  readonly seen = { committed: 0, aborted: 0, unknown: 0 };

  /** `name` tells it from others on the same broker. */
  constructor(world: TransactionWorld, name = 'ledger', producers = producersOf(name)) {
    this.#world = world;
    this.#topic = name;
    this.#producers = producers;
  }

  disconnect(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** The same producers as they know themselves now, on another broker that has all they were told. */
  copyFor(world: TransactionWorld): TransactionWorkload {
    const copy = new TransactionWorkload(world, this.#topic, structuredClone(this.#producers));
    copy.#isCreated = this.#isCreated;
    return copy;
  }

  /** One transaction, or as much of it as comes about; `halfway` is called before it ends. */
  async step(halfway: () => Promise<void> = async () => {}): Promise<void> {
    if (!this.#isCreated) return this.#create();
    const { random } = this.#world;
    const producer = random.pick(this.#producers);
    if (!producer.isReady && !(await this.#init(producer))) return;
    const transaction: Transaction = {
      name: `${producer.transactionalId}/${this.#serial++}`,
      values: [],
      offset: null,
      outcome: 'open',
    };
    producer.transactions.push(transaction);
    let isWhole = true;
    for (let n = random.below(5); n >= 0 && isWhole; n--)
      isWhole = await this.#send(producer, transaction, random.below(partitionCount));
    if (isWhole && random.chance(0.6)) isWhole = await this.#commitOffset(producer, transaction);
    await halfway();
    // Some just stop, and somebody else takes the id over.
    if (random.chance(0.1)) {
      producer.isReady = false;
      transaction.outcome = 'aborted';
      return;
    }
    await this.#end(producer, transaction, isWhole && random.chance(0.75));
  }

  /** Ends what is open by taking every id over, reads all, and compares. */
  async check(): Promise<void> {
    if (!this.#isCreated) return;
    for (const producer of this.#producers) {
      await this.#endAgain(producer);
      if (producer.producerId >= 0 && !(await this.#init(producer)))
        throw new Error(`${producer.transactionalId} cannot be taken over`);
    }
    const found = new Map<string, number>();
    for (let partition = 0; partition < partitionCount; partition++)
      for (const value of await this.#readCommitted(partition)) found.set(value, (found.get(value) ?? 0) + 1);
    for (const [value, count] of found) if (count > 1) throw new Error(`${value} is there ${count} times`);
    for (const producer of this.#producers) {
      for (const transaction of producer.transactions) this.#judge(transaction, found);
      await this.#expectOffset(producer);
    }
    if (found.size > 0) throw new Error(`nobody has written ${[...found.keys()].join(', ')}`);
  }

  /** Whether a transaction is there whole or not at all, as it must; takes its values out of `found`. */
  #judge(transaction: Transaction, found: Map<string, number>): void {
    const { name, values } = transaction;
    const present = values.filter((value) => found.delete(value));
    if (transaction.outcome === 'open') transaction.outcome = 'aborted';
    if (transaction.outcome === 'unknown' && values.length > 0) {
      this.seen.unknown += 1;
      transaction.outcome = present.length > 0 ? 'committed' : 'aborted';
    }
    const expected = transaction.outcome === 'committed' ? values.length : 0;
    if (present.length !== expected)
      throw new Error(
        `${name} is ${transaction.outcome}, ${present.length} of ${values.length} records are there`,
      );
    if (transaction.outcome === 'committed') this.seen.committed += 1;
    else this.seen.aborted += 1;
  }

  async #create(): Promise<void> {
    const configs = [
      { name: 'internal.segment.bytes', value: String(600 + this.#world.random.below(3_000)) },
      // The records are from 1970.
      { name: 'retention.ms', value: '-1' },
    ];
    const answer = await this.#request(createTopics, 5, {
      topics: [
        { name: this.#topic, numPartitions: partitionCount, replicationFactor: 1, assignments: [], configs },
      ],
      validateOnly: false,
    });
    // It may be there from a life that ended before it could say so.
    this.#isCreated = [0, 36].includes(answer?.topics[0].errorCode);
  }

  async #init(producer: Producer): Promise<boolean> {
    const { transactionalId } = producer;
    const coordinator = await this.#patiently(async () => {
      const answer = await this.#request(findCoordinator, 3, { key: transactionalId, keyType: 1 });
      return answer === null ? null : { errorCode: answer.errorCode };
    });
    if (coordinator === null) return false;
    const answer = await this.#patiently(() =>
      this.#request(initProducerId, 4, { transactionalId, transactionTimeoutMs: 600_000 }),
    );
    if (answer === null || answer.errorCode !== 0) return false;
    this.#become(producer, answer);
    producer.isReady = true;
    return true;
  }

  async #send(producer: Producer, transaction: Transaction, partition: number): Promise<boolean> {
    const { transactionalId, producerId, producerEpoch, version } = producer;
    if (version === 0) {
      const added = await this.#patiently(async () => {
        const answer = await this.#request(addPartitionsToTxn, 3, {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: [{ name: this.#topic, partitions: [partition] }],
        });
        const [result] = answer?.resultsByTopicV3AndBelow ?? [];
        return result ? { errorCode: result.resultsByPartition[0].partitionErrorCode } : null;
      });
      if (added?.errorCode !== 0) return false;
    }
    const values = Array.from(
      { length: 1 + this.#world.random.below(3) },
      () => `${transaction.name}#${this.#serial++}`,
    );
    const baseSequence = producer.sequences.get(partition) ?? 0;
    const answer = await this.#patiently(async () => {
      const records = buildBatch({
        producerId,
        producerEpoch,
        baseSequence,
        isTransactional: true,
        records: values.map((value) => ({ timestampMs: 1, key: null, value: Buffer.from(value) })),
      });
      const topicData = [{ name: this.#topic, partitionData: [{ index: partition, records }] }];
      const sent = await this.#request(produce, version === 2 ? 12 : 9, {
        transactionalId,
        acks: -1,
        timeoutMs: 30_000,
        topicData,
      });
      return sent === null ? null : sent.responses[0].partitionResponses[0];
    });
    // Perhaps written, perhaps not: its transaction is not committed by anybody.
    transaction.values.push(...values);
    if (answer?.errorCode !== 0) return false;
    producer.sequences.set(partition, baseSequence + values.length);
    return true;
  }

  async #commitOffset(producer: Producer, transaction: Transaction): Promise<boolean> {
    const { transactionalId, producerId, producerEpoch, groupId, version } = producer;
    await this.#request(findCoordinator, 3, { key: groupId, keyType: 0 });
    const claim = { transactionalId, producerId, producerEpoch, groupId };
    if (version === 0) {
      const added = await this.#patiently(() => this.#request(addOffsetsToTxn, 3, claim));
      if (added?.errorCode !== 0) return false;
    }
    const offset = this.#serial++;
    const answer = await this.#patiently(async () => {
      const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }];
      const committed = await this.#request(txnOffsetCommit, version === 2 ? 5 : 3, {
        ...claim,
        memberId: '',
        topics: [{ name: this.#topic, partitions }],
      });
      return committed === null ? null : committed.topics[0].partitions[0];
    });
    if (answer?.errorCode !== 0) return false;
    transaction.offset = offset;
    return true;
  }

  async #end(producer: Producer, transaction: Transaction, committed: boolean): Promise<void> {
    transaction.outcome = committed ? 'unknown' : 'aborted';
    const { transactionalId, producerId, producerEpoch, version } = producer;
    const request = { transactionalId, producerId, producerEpoch, committed };
    const answer = await this.#patiently(() => this.#request(endTxn, version === 2 ? 5 : 3, request));
    if (answer?.errorCode === 0) {
      if (committed) transaction.outcome = 'committed';
      if (version === 2) this.#become(producer, answer);
      return;
    }
    // Refused for good, it is not committed. "Not now" to the end, of a disk that is failing: who knows what was written.
    if (answer !== null && committed && !retried.has(answer.errorCode)) transaction.outcome = 'aborted';
    // An abort of nothing is refused in the old protocol; whatever it was, the next one begins anew.
    producer.isReady = false;
  }

  /** Sometimes the client lives on, and asks again for the commit that it has no answer to. */
  async #endAgain(producer: Producer): Promise<void> {
    const last = producer.transactions.at(-1);
    if (last?.outcome !== 'unknown' || !this.#world.random.chance(0.5)) return;
    await this.#end(producer, last, true);
  }

  #become(producer: Producer, answer: { producerId: number; producerEpoch: number }): void {
    if (answer.producerId !== producer.producerId || answer.producerEpoch !== producer.producerEpoch)
      producer.sequences.clear();
    producer.producerId = answer.producerId;
    producer.producerEpoch = answer.producerEpoch;
  }

  async #readCommitted(partition: number): Promise<string[]> {
    const bytes: Buffer[] = [];
    const aborted: AbortedTransaction[] = [];
    for (let fetchOffset = 0; ; ) {
      const answer = await this.#patiently(() => this.#fetch(partition, fetchOffset));
      if (answer?.errorCode !== 0)
        throw new Error(`${this.#topic}-${partition} cannot be read: ${answer?.errorCode}`);
      if (answer.lastStableOffset !== answer.highWatermark)
        throw new Error(`${this.#topic}-${partition} has an open transaction at ${answer.lastStableOffset}`);
      aborted.push(...answer.abortedTransactions);
      if (answer.records === null || answer.records.length === 0) break;
      bytes.push(answer.records);
      fetchOffset = committedValues(answer.records, []).nextOffset;
    }
    return committedValues(Buffer.concat(bytes), aborted).values;
  }

  // biome-ignore lint/suspicious/noExplicitAny: one partition of a Fetch answer
  async #fetch(partition: number, fetchOffset: number): Promise<any> {
    const answer = await this.#request(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 1,
      topics: [{ topic: this.#topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
      forgottenTopicsData: [],
      rackId: '',
    });
    return answer === null ? null : answer.responses[0].partitions[0];
  }

  /** The group has the offset of the last transaction that committed one. */
  async #expectOffset({ groupId, transactions }: Producer): Promise<void> {
    const decided = transactions.filter(({ offset }) => offset !== null);
    if (decided.length === 0) return;
    await this.#request(findCoordinator, 3, { key: groupId, keyType: 0 });
    const answer = await this.#patiently(async () => {
      const asked = { groupId, topics: [{ name: this.#topic, partitionIndexes: [0] }], requireStable: true };
      const found = await this.#request(offsetFetch, 7, asked);
      return found === null || found.errorCode !== 0 ? found : found.topics[0].partitions[0];
    });
    const expected = decided.filter(({ outcome }) => outcome === 'committed').at(-1)?.offset ?? -1;
    if (answer?.errorCode !== 0 || answer.committedOffset !== expected)
      throw new Error(
        `${groupId} should be at ${expected}, found ${answer?.committedOffset} (error ${answer?.errorCode})`,
      );
  }

  /** Asks again while the answer is "not now". */
  async #patiently<Answer extends { readonly errorCode: number }>(
    ask: () => Promise<Answer | null>,
  ): Promise<Answer | null> {
    let answer = await ask();
    for (let n = 1; n < tries && answer !== null && retried.has(answer.errorCode); n++) {
      await this.#world.clock.advance(50);
      answer = await ask();
    }
    return answer;
  }

  async #request(
    api: AnyApi,
    version: number,
    body: object,
    // biome-ignore lint/suspicious/noExplicitAny: the answer of whatever API
  ): Promise<any> {
    if (this.#client === null || this.#client.isClosed) this.#client = this.#world.connect();
    return this.#client.request(api, version, body as never);
  }
}
