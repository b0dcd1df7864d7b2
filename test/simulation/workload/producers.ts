/** Producers of a simulated broker: plain ones, and an idempotent one that sends again what was not acknowledged. */
import { errors } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import type { Requests } from './requests.ts';
import type { PartitionHistory, Sent, Topic } from './topics.ts';

interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Whatever befalls a broker, these are never its answers to an honest producer. */
const impossible: ReadonlySet<number> = new Set([
  errors.unknownServerError.code,
  errors.unknownTopicOrPartition.code,
  errors.corruptMessage.code,
  errors.invalidRecord.code,
]);

export class Producers {
  readonly #requests: Requests;
  readonly #producerIds = new Set<number>();
  #producerId = -1;
  #serial = 0;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Somebody asks for an id and does nothing with it. */
  async idle(): Promise<void> {
    await this.#newId();
  }

  /** The next one begins its sequences anew, under an id of its own. */
  forget(): void {
    this.#producerId = -1;
  }

  /** The error code; null: no answer came. */
  async plain(topic: Topic, history: PartitionHistory): Promise<number | null> {
    const { random } = this.#requests.world;
    const sent = Array.from({ length: 1 + random.below(4) }, () => {
      const padding = random.chance(0.02) ? 'x'.repeat(300_000) : 'x'.repeat(random.below(40));
      return newSent(`plain ${this.#serial++} ${padding}`);
    });
    history.sent.push(...sent);
    const wasSynced = topic.isSyncedEachTime;
    const answer = await this.#send(topic, history, sent, {});
    if (answer?.errorCode === errors.none.code) {
      for (const [i, one] of sent.entries())
        this.#acknowledge(one, answer.baseOffset + i, wasSynced && topic.isSyncedEachTime);
    }
    return answer?.errorCode ?? null;
  }

  async idempotent(topic: Topic, history: PartitionHistory): Promise<void> {
    if (history.isProducing) return;
    history.isProducing = true;
    try {
      await this.#idempotent(topic, history);
    } finally {
      history.isProducing = false;
    }
  }

  async #idempotent(topic: Topic, history: PartitionHistory): Promise<void> {
    if (this.#producerId < 0 && !(await this.#begin())) return;
    const one = history.unanswered ?? newSent(`idempotent ${this.#serial++}`);
    if (history.unanswered === null) history.idempotent.push(one);
    const baseSequence = history.nextSequence;
    const wasSynced = topic.isSyncedEachTime;
    const answer = await this.#send(topic, history, [one], {
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence,
    });
    // Without an answer, or with one that may mean that it was written, the same batch is sent again.
    history.unanswered = answer?.errorCode === 0 ? null : one;
    if (answer === null) return;
    if (answer.errorCode === errors.outOfOrderSequenceNumber.code)
      throw new Error(`${history.name} has lost its place: sequence ${baseSequence} is out of order`);
    if (answer.errorCode !== 0) return;
    this.#acknowledge(one, answer.baseOffset, wasSynced && topic.isSyncedEachTime);
    history.nextSequence += 1;
  }

  async #begin(): Promise<boolean> {
    const id = await this.#newId();
    if (id === null) return false;
    this.#producerId = id;
    return true;
  }

  async #newId(): Promise<number | null> {
    const answer = await this.#requests.ask(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    if (answer === null || answer.errorCode !== 0) return null;
    if (this.#producerIds.has(answer.producerId))
      throw new Error(`the producer id ${answer.producerId} was given twice`);
    this.#producerIds.add(answer.producerId);
    return answer.producerId;
  }

  #acknowledge(one: Sent, offset: number, isSynced: boolean): void {
    // A start that moved beyond the first answer of a batch gives its second one no offset (Kafka's -1).
    if (offset < 0) return;
    one.offset = offset;
    one.acknowledgedMs = this.#requests.world.clock.monotonicMs();
    one.isSynced = isSynced;
  }

  async #send(
    topic: Topic,
    history: PartitionHistory,
    sent: readonly Sent[],
    producer: { producerId?: number; producerEpoch?: number; baseSequence?: number },
  ): Promise<Produced | null> {
    const timestampMs = this.#requests.world.clock.nowMs();
    const records = sent.map(({ value }) => ({
      timestampMs,
      key: null,
      value: Buffer.from(value),
      headers: [],
    }));
    const partitionData = [
      { index: topic.partitions.indexOf(history), records: buildBatch({ ...producer, records }) },
    ];
    const topicData = [{ name: topic.name, partitionData }];
    const { weather } = this.#requests.world;
    const wasForgiving = weather.isForgiving;
    const answer = await this.#requests.ask(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    if (answer === null) return null;
    const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
    if (impossible.has(errorCode)) throw new Error(`${history.name} answered an append with ${errorCode}`);
    if (errorCode === errors.kafkaStorageError.code && wasForgiving && weather.isForgiving)
      throw new Error(`${history.name} refuses an append, though there is room again`);
    return { errorCode, baseOffset };
  }
}

function newSent(value: string): Sent {
  return { value, offset: null, acknowledgedMs: 0, isSynced: false };
}
