/**
 * A transactional producer that a scenario leads by the hand: it remembers what the coordinator told it, and decides nothing. Kafka
 * writes markers after its answer, so that what ends a transaction waits, without comparing, until all of it is over.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { errors } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { addOffsetsToTxn } from '../../../protocol/messages/transactions/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { describeTransactions } from '../../../protocol/messages/transactions/describe-transactions.ts';
import { endTxn } from '../../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { txnOffsetCommit } from '../../../protocol/messages/transactions/txn-offset-commit.ts';
import type { RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { ceilingMs } from '../eventually.ts';
import type { Setting } from './brokers.ts';
import { sortedBy } from './normalise.ts';
import { batchOf } from './records.ts';
import type { Topic } from './scenarios/commit-requests.ts';
import type { Peer, Side } from './side.ts';

/** From these versions on: many transactions in one AddPartitionsToTxn; EndTxn brings an epoch; offsets are fenced by member. */
const batchVersion = 4;
const epochVersion = 5;
const memberVersion = 3;
/** The last of each that belongs to the protocol before KIP-890. */
export const oldest = { produce: 3, add: 0, end: 0, commit: 0 } as const;
export const old = { init: 4, produce: 11, add: 3, addOffsets: 3, end: 4, commit: 4 } as const;
export const newest = { init: 5, produce: 13, add: 5, addOffsets: 4, end: 5, commit: 6 } as const;

export interface Claim {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

interface Sending {
  /** Left out: the next. */
  readonly baseSequence?: number;
  readonly version?: number;
  readonly count?: number;
  readonly transactionalId?: string | null;
  readonly isTransactional?: boolean;
}

type Commit = RequestInit<typeof txnOffsetCommit>;

/** Kafka's order is that of hash maps. */
export function addedByPlace(answer: ResponseOf<typeof addPartitionsToTxn>) {
  const sorted = (topics: (typeof answer)['resultsByTopicV3AndBelow']) =>
    sortedBy(topics, ({ name }) => name).map((topic) => ({
      ...topic,
      resultsByPartition: sortedBy(topic.resultsByPartition, ({ partitionIndex }) => partitionIndex),
    }));
  return {
    ...answer,
    resultsByTopicV3AndBelow: sorted(answer.resultsByTopicV3AndBelow),
    resultsByTransaction: sortedBy(answer.resultsByTransaction, (one) => one.transactionalId).map((one) => ({
      ...one,
      topicResults: sorted(one.topicResults),
    })),
  };
}

export function committedByPlace({ topics, ...rest }: ResponseOf<typeof txnOffsetCommit>) {
  const codes = ({ partitions }: (typeof topics)[number]) =>
    partitions.map(({ errorCode, partitionIndex }) => `${partitionIndex} ${errorCode}`).sort();
  return {
    ...rest,
    topics: sortedBy(topics, (topic) => `${topic.name} ${codes(topic)}`).map((topic) => ({
      ...topic,
      partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
    })),
  };
}

export function describedByPlace({ transactionStates }: ResponseOf<typeof describeTransactions>) {
  return transactionStates.map(({ topics, ...state }) => ({
    ...state,
    topics: sortedBy(topics, ({ topic }) => topic).map(({ topic, partitions }) => ({
      topic,
      partitions: [...partitions].sort((a, b) => a - b),
    })),
  }));
}

export class TransactionalProducer {
  readonly peer: Peer;
  readonly name: string;
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  readonly #sequences = new Map<string, number>();

  private constructor(peer: Peer, name: string, transactionalId: string) {
    this.peer = peer;
    this.name = name;
    this.transactionalId = transactionalId;
  }

  /** `name` makes the transactional id, and stands in the steps. */
  static async of(side: Side, setting: Setting, name: string): Promise<TransactionalProducer> {
    const transactionalId = `${side.prefix}-${name}`;
    await setting.transactionalId(transactionalId);
    return new TransactionalProducer(await side.connect(name), name, transactionalId);
  }

  /** The same as now, for somebody who will not hear of what comes. */
  left(name = 'who was before'): TransactionalProducer {
    const copy = new TransactionalProducer(this.peer, `${this.name}, ${name},`, this.transactionalId);
    Object.assign(copy, { producerId: this.producerId, producerEpoch: this.producerEpoch });
    for (const [place, sequence] of this.#sequences) copy.#sequences.set(place, sequence);
    return copy;
  }

  get claim(): Claim {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  async init(
    note = '',
    version: number = newest.init,
    more: Partial<RequestInit<typeof initProducerId>> = {},
  ): Promise<number> {
    const { transactionalId } = this;
    const body = { transactionalId, transactionTimeoutMs: 60_000, ...more };
    const answer = await this.peer.ask(initProducerId, version, body, `${this.name} ${note}`);
    if (answer.errorCode === errors.none.code) this.#become(answer);
    // Somebody's transaction is aborted first.
    if (answer.errorCode === errors.concurrentTransactions.code) await this.over();
    return answer.errorCode;
  }

  /** The first init of an id, or one that takes over from whoever has it. */
  async begin(note = 'begins', version: number = newest.init): Promise<void> {
    if ((await this.init(note, version)) === errors.concurrentTransactions.code)
      await this.init(`${note}, again`, version);
  }

  add(
    note: string,
    topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
    version: number = old.add,
    verifyOnly = false,
  ) {
    const { transactionalId, producerId, producerEpoch } = this;
    const asked = topics.map(({ name, partitions }) => ({ name, partitions: [...partitions] }));
    const body =
      version >= batchVersion
        ? { transactions: [{ ...this.claim, verifyOnly, topics: asked }] }
        : {
            v3AndBelowTransactionalId: transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: asked,
          };
    return this.peer.ask(addPartitionsToTxn, version, body, `${this.name} ${note}`, addedByPlace);
  }

  addOffsets(note: string, groupId: string, version: number = old.addOffsets) {
    return this.peer.ask(addOffsetsToTxn, version, { ...this.claim, groupId }, `${this.name} ${note}`);
  }

  nextSequence({ name }: Topic, index: number): number {
    return this.#sequences.get(`${name}-${index}`) ?? 0;
  }

  setNextSequence({ name }: Topic, index: number, sequence: number): void {
    this.#sequences.set(`${name}-${index}`, sequence);
  }

  /** Its next records, or those it is told to send. */
  async send(note: string, { name, topicId }: Topic, index: number, how: Sending = {}): Promise<number> {
    const { producerId, producerEpoch, transactionalId } = this;
    const { version = newest.produce, count = 1, isTransactional = true } = how;
    const place = `${name}-${index}`;
    const baseSequence = how.baseSequence ?? this.#sequences.get(place) ?? 0;
    const values = Array.from(
      { length: count },
      (_, n) => `${this.name}=${producerEpoch}/${baseSequence + n}`,
    );
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional });
    const body = {
      transactionalId: how.transactionalId === undefined ? transactionalId : how.transactionalId,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name, topicId, partitionData: [{ index, records }] }],
    };
    const answer = await this.peer.ask(produce, version, body, `${this.name} ${note}`);
    const { errorCode } = answer.responses[0]!.partitionResponses[0]!;
    if (errorCode === errors.none.code) this.#sequences.set(place, baseSequence + count);
    return errorCode;
  }

  commit(
    note: string,
    groupId: string,
    topics: Commit['topics'],
    version: number = newest.commit,
    more: Partial<Commit> = {},
  ) {
    const own = version >= memberVersion ? { memberId: '' } : {};
    const body = { ...this.claim, groupId, ...own, topics, ...more };
    return this.peer.ask(txnOffsetCommit, version, body, `${this.name} ${note}`, committedByPlace);
  }

  async end(note: string, committed: boolean, version: number = newest.end): Promise<number> {
    const answer = await this.peer.ask(
      endTxn,
      version,
      { ...this.claim, committed },
      `${this.name} ${committed ? 'commits' : 'aborts'} ${note}`,
    );
    if (answer.errorCode !== errors.none.code) return answer.errorCode;
    if (version >= epochVersion) this.#become(answer);
    await this.over();
    return answer.errorCode;
  }

  describe(note: string) {
    const asked = { transactionalIds: [this.transactionalId] };
    return this.peer.ask(describeTransactions, 0, asked, `${this.name} ${note}`, describedByPlace);
  }

  /** Waits until nothing of this id is decided and not yet everywhere; with `state`, until it is there. */
  async over(state?: string): Promise<void> {
    const endMs = performance.now() + ceilingMs;
    for (;;) {
      const asked = { transactionalIds: [this.transactionalId] };
      const { transactionStates } = await this.peer.ready(describeTransactions, 0, asked);
      const { transactionState } = transactionStates[0]!;
      if (state === undefined ? !transactionState.startsWith('Prepare') : transactionState === state) return;
      if (performance.now() > endMs) throw new Error(`${this.transactionalId} stays ${transactionState}`);
      await pause(1);
    }
  }

  #become({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    if (producerId !== this.producerId || producerEpoch !== this.producerEpoch) this.#sequences.clear();
    Object.assign(this, { producerId, producerEpoch });
  }
}
