/** A transactional producer as a client plays it, request by request, in the protocol of before KIP-890 or of after. */

import { produceHandler } from '../../../broker/apis/data/produce.ts';
import type { Handler } from '../../../broker/apis/handler.ts';
import { addOffsetsToTxnHandler } from '../../../broker/apis/transactions/add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from '../../../broker/apis/transactions/add-partitions-to-txn.ts';
import { endTxnHandler } from '../../../broker/apis/transactions/end-txn.ts';
import { initProducerIdHandler } from '../../../broker/apis/transactions/init-producer-id.ts';
import { txnOffsetCommitHandler } from '../../../broker/apis/transactions/txn-offset-commit.ts';
import { transactionStateTopic } from '../../../broker/metadata/topic-names.ts';
import { errorName } from '../../../protocol/errors.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../../protocol/schema/api.ts';
import { batchOf, type World } from '../world.ts';

/** 0: adds its partitions itself, and keeps its epoch; 2: they are added, and each end brings an epoch. */
export type ClientVersion = 0 | 2;

export class TransactionClient {
  readonly world: World;
  readonly transactionalId: string;
  readonly version: ClientVersion;
  producerId = -1;
  producerEpoch = -1;
  timeoutMs = 60_000;
  readonly #sequences = new Map<string, number>();

  constructor(world: World, version: ClientVersion = 2, transactionalId = 'tx') {
    this.world = world;
    this.version = version;
    this.transactionalId = transactionalId;
  }

  /** One that is ready to go. */
  static async ready(
    world: World,
    version: ClientVersion = 2,
    transactionalId = 'tx',
  ): Promise<TransactionClient> {
    await world.cluster.controller.ensureInternalTopic(transactionStateTopic);
    const client = new TransactionClient(world, version, transactionalId);
    const code = await client.init();
    if (code !== 'NONE') throw new Error(code);
    return client;
  }

  /** Who it is, in each of its requests. */
  get claim() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  /** InitProducerId; `again`: as one that has an id already (KIP-360). */
  async init(again = false): Promise<string> {
    const { transactionalId, timeoutMs: transactionTimeoutMs } = this;
    const own = again ? { producerId: this.producerId, producerEpoch: this.producerEpoch } : {};
    const answer = await this.#ask(initProducerIdHandler, 5, {
      transactionalId,
      transactionTimeoutMs,
      ...own,
    });
    if (answer.errorCode === 0) this.#become(answer);
    return errorName(answer.errorCode);
  }

  /** AddPartitionsToTxn for "t-0 t-1". */
  async add(partitions: string): Promise<string> {
    const answer = await this.#ask(addPartitionsToTxnHandler, 3, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: partitions.split(' ').map((name) => {
        const { topic, index } = placeOf(name);
        return { name: topic, partitions: [index] };
      }),
    });
    const codes = answer.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
      resultsByPartition.map(({ partitionErrorCode }) => errorName(partitionErrorCode)),
    );
    return [...new Set(codes)].join(' ');
  }

  /** Produces to "t-0"; the sequence goes on where this one left off. */
  async send(partition: string, ...values: string[]): Promise<string> {
    const baseSequence = this.#sequences.get(partition) ?? 0;
    const code = await this.sendAt(partition, baseSequence, values);
    if (code === 'NONE') this.#sequences.set(partition, baseSequence + values.length);
    return code;
  }

  async sendAt(partition: string, baseSequence: number, values: readonly string[]): Promise<string> {
    const { producerId, producerEpoch } = this;
    const { topic, index } = placeOf(partition);
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true });
    const answer = await this.#ask(produceHandler, this.version === 2 ? 12 : 9, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: topic, partitionData: [{ index, records }] }],
    });
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode);
  }

  /** Commits an offset of t-0 for a group, as part of the transaction. */
  async commitOffset(
    groupId: string,
    offset: number,
    member: { memberId?: string; generationIdOrMemberEpoch?: number; groupInstanceId?: string } = {},
  ): Promise<string> {
    if (this.version === 0) {
      const added = await this.#ask(addOffsetsToTxnHandler, 3, { ...this.claim, groupId });
      if (added.errorCode !== 0) return errorName(added.errorCode);
    }
    const answer = await this.#ask(txnOffsetCommitHandler, this.version === 2 ? 5 : 3, {
      ...this.claim,
      groupId,
      memberId: '',
      ...member,
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }],
        },
      ],
    });
    return errorName(answer.topics[0]!.partitions[0]!.errorCode);
  }

  commit(): Promise<string> {
    return this.end(true);
  }

  abort(): Promise<string> {
    return this.end(false);
  }

  async end(committed: boolean): Promise<string> {
    const answer = await this.#ask(endTxnHandler, this.version === 2 ? 5 : 3, { ...this.claim, committed });
    if (answer.errorCode === 0 && this.version === 2) this.#become(answer);
    return errorName(answer.errorCode);
  }

  #become({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    if (producerId !== this.producerId || producerEpoch !== this.producerEpoch) this.#sequences.clear();
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  async #ask<A extends AnyApi>(
    handler: Handler<A>,
    version: number,
    body: RequestInit<A>,
  ): Promise<ResponseOf<A>> {
    return (await this.world.ask(handler, version, body))!;
  }
}

function placeOf(partition: string): { topic: string; index: number } {
  const at = partition.lastIndexOf('-');
  return { topic: partition.slice(0, at), index: Number(partition.slice(at + 1)) };
}
