/** A transactional client that sends what it is told, right or wrong, and gives the codes it got. */

import { errorName } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { addPartitionsToTxn } from '../../../protocol/messages/transactions/add-partitions-to-txn.ts';
import { describeTransactions } from '../../../protocol/messages/transactions/describe-transactions.ts';
import { endTxn } from '../../../protocol/messages/transactions/end-txn.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { txnOffsetCommit } from '../../../protocol/messages/transactions/txn-offset-commit.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import type { Requests } from '../killed/requests.ts';

export const topic = 'codes';

export class CodesClient {
  readonly #requests: Requests;
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;

  constructor(requests: Requests, transactionalId: string) {
    this.#requests = requests;
    this.transactionalId = transactionalId;
  }

  get claim() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  async ask<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Promise<ResponseOf<A>> {
    const answer = await this.#requests.request(api, version, body);
    if (answer === null) throw new Error(`${api.name} v${version} was not answered`);
    return answer;
  }

  /** Waits until the coordinators are there, and know that this id is new. */
  async find(): Promise<void> {
    for (const keyType of [0, 1])
      await settled(async () => {
        const { errorCode } = await this.ask(findCoordinator, 3, { key: this.transactionalId, keyType });
        return errorName(errorCode);
      });
    await this.complete();
  }

  async init(
    version = 4,
    more: { producerId?: number; producerEpoch?: number; transactionTimeoutMs?: number } = {},
  ) {
    const answer = await this.ask(initProducerId, version, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: 60_000,
      ...more,
    });
    if (answer.errorCode === 0)
      Object.assign(this, { producerId: answer.producerId, producerEpoch: answer.producerEpoch });
    return errorName(answer.errorCode);
  }

  async add(version = 3, topics = [{ name: topic, partitions: [0] }], verifyOnly = false): Promise<string> {
    const answer = await this.ask(
      addPartitionsToTxn,
      version,
      version >= 4
        ? { transactions: [{ ...this.claim, verifyOnly, topics }] }
        : {
            v3AndBelowTransactionalId: this.transactionalId,
            v3AndBelowProducerId: this.producerId,
            v3AndBelowProducerEpoch: this.producerEpoch,
            v3AndBelowTopics: topics,
          },
    );
    const results =
      version >= 4 ? answer.resultsByTransaction[0]!.topicResults : answer.resultsByTopicV3AndBelow;
    return results
      .flatMap(({ resultsByPartition }) => resultsByPartition.map((one) => errorName(one.partitionErrorCode)))
      .sort()
      .join(' ');
  }

  async send(
    version: number,
    baseSequence: number,
    more: { transactionalId?: string | null; isTransactional?: boolean } = {},
  ) {
    const { producerId, producerEpoch } = this;
    const { transactionalId = this.transactionalId, isTransactional = true } = more;
    const record = { timestampMs: Date.now(), key: null, value: Buffer.from('v') };
    const records = buildBatch({
      producerId,
      producerEpoch,
      baseSequence,
      isTransactional,
      records: [record],
    });
    const answer = await this.ask(produce, version, {
      transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    });
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode);
  }

  async end(version: number, committed: boolean, epoch = this.producerEpoch): Promise<string> {
    const answer = await this.ask(endTxn, version, { ...this.claim, producerEpoch: epoch, committed });
    if (answer.errorCode === 0 && version >= 5)
      Object.assign(this, { producerId: answer.producerId, producerEpoch: answer.producerEpoch });
    return errorName(answer.errorCode);
  }

  async commitOffset(version: number, more: object = {}): Promise<string> {
    const answer = await this.ask(txnOffsetCommit, version, {
      ...this.claim,
      groupId: 'codes-group',
      memberId: '',
      topics: [
        { name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
        { name: 'nowhere', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
      ],
      ...more,
    });
    return answer.topics
      .map(({ name, partitions }) => `${name} ${errorName(partitions[0]!.errorCode)}`)
      .sort()
      .join(', ');
  }

  /** Waits until the last transaction is over. */
  async complete(): Promise<string> {
    return settled(async () => {
      const { transactionStates } = await this.ask(describeTransactions, 0, {
        transactionalIds: [this.transactionalId],
      });
      const { transactionState, errorCode } = transactionStates[0]!;
      if (transactionState.startsWith('Prepare')) return 'CONCURRENT_TRANSACTIONS';
      return errorCode === 0 ? transactionState : errorName(errorCode);
    });
  }
}

const notNow = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_ENOUGH_REPLICAS',
]);

/** Asks until the answer is another one than "not now". */
export async function settled(ask: () => Promise<string>): Promise<string> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (!notNow.has(answer) || performance.now() > endMs) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
