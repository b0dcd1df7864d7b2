/**
 * What clients do to a broker whose life may end at any moment, and what they may expect afterwards: everything that was acknowledged, at
 * its offset, in its order; nothing that was shown below the high watermark ever different; no idempotent record twice.
 */
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../protocol/messages/groups/find-coordinator.ts';
import { offsetCommit } from '../../protocol/messages/groups/offset-commit.ts';
import { offsetFetch } from '../../protocol/messages/groups/offset-fetch.ts';
import { createTopics } from '../../protocol/messages/topics/create-topics.ts';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { initProducerId } from '../../protocol/messages/transactions/init-producer-id.ts';
import { forEachBatch } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { readRecords } from '../../protocol/records/record.ts';
import type { SimulatedClient, World } from './world.ts';

interface Sent {
  readonly value: string;
  /** Offset of its acknowledgement; null when none came. */
  offset: number | null;
}

interface Topic {
  readonly name: string;
  readonly partitions: readonly PartitionHistory[];
  isAcknowledged: boolean;
}

class PartitionHistory {
  readonly sent: Sent[] = [];
  /** Offset → value, as some reader saw it below the high watermark. */
  readonly shown = new Map<number, string>();
  /** Of the idempotent producer: its values in the order of their sequences. */
  readonly idempotent: Sent[] = [];
  nextSequence = 0;
  /** A batch without an answer is sent again before the next one. */
  unanswered: Sent | null = null;
}

export class Workload {
  readonly #world: World;
  readonly #topics: Topic[] = [];
  /** Group → the last acknowledged commit, and what was tried since. */
  readonly #commits = new Map<string, { acknowledged: number | null; tried: Set<number> }>();
  #producerId = -1;
  #serial = 0;
  #client: SimulatedClient | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  disconnect(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** One thing that some client does. */
  async step(): Promise<void> {
    const { random } = this.#world;
    const roll = random.next();
    if (this.#topics.length === 0 || roll < 0.05) return this.#createTopic();
    const topic = random.pick(this.#topics);
    const index = random.below(topic.partitions.length);
    if (roll < 0.4) return this.#produce(topic, index);
    if (roll < 0.65) return this.#produceIdempotent(topic, index);
    if (roll < 0.8) return this.#commit(topic);
    await this.#readAll(topic, index);
  }

  /** Reads everything and compares. `mayLose`: a power cut without fsync, after which a log is a prefix of what it was. */
  async check(mayLose: boolean): Promise<void> {
    for (const topic of this.#topics) {
      if (topic.isAcknowledged) await this.#expectTopic(topic);
      for (const [index, history] of topic.partitions.entries()) {
        if (mayLose) forgetBeyond(history, await this.#endOffset(topic, index));
        const values = await this.#readAll(topic, index);
        if (values !== null) compare(`${topic.name}-${index}`, history, values);
      }
    }
    if (!mayLose) {
      for (const group of this.#commits.keys()) await this.#expectCommit(group);
      return;
    }
    this.#commits.clear();
    this.#producerId = -1;
    for (const { partitions } of this.#topics) {
      for (const history of partitions) {
        history.nextSequence = 0;
        history.unanswered = null;
      }
    }
  }

  async #request<A extends Parameters<SimulatedClient['request']>[0]>(
    api: A,
    version: number,
    body: Parameters<SimulatedClient['request']>[2],
    // biome-ignore lint/suspicious/noExplicitAny: the answer of whatever API
  ): Promise<any> {
    if (this.#client === null || this.#client.isClosed) this.#client = this.#world.connect();
    return this.#client.request(api, version, body as never);
  }

  async #createTopic(): Promise<void> {
    const { random } = this.#world;
    const name = `topic-${this.#topics.length}`;
    const numPartitions = 1 + random.below(3);
    const topic: Topic = {
      name,
      partitions: Array.from({ length: numPartitions }, () => new PartitionHistory()),
      isAcknowledged: false,
    };
    const configs = [{ name: 'internal.segment.bytes', value: String(300 + random.below(2_000)) }];
    const answer = await this.#request(createTopics, 5, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
      validateOnly: false,
    });
    topic.isAcknowledged = answer?.topics[0].errorCode === 0;
    if (topic.isAcknowledged) this.#topics.push(topic);
    // Perhaps it was made, perhaps not: nothing is expected of it.
    else this.#topics.push({ ...topic, name: `${name}-given-up` });
  }

  async #send(
    topic: Topic,
    index: number,
    batch: Buffer,
  ): Promise<{ errorCode: number; baseOffset: number } | null> {
    const answer = await this.#request(produce, 9, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: topic.name, partitionData: [{ index, records: batch }] }],
    });
    return answer === null ? null : answer.responses[0].partitionResponses[0];
  }

  async #produce(topic: Topic, index: number): Promise<void> {
    if (!topic.isAcknowledged) return;
    const { random } = this.#world;
    const history = topic.partitions[index]!;
    const sent = Array.from({ length: 1 + random.below(4) }, (): Sent => {
      const padding = random.chance(0.02) ? 'x'.repeat(300_000) : 'x'.repeat(random.below(40));
      return { value: `plain ${this.#serial++} ${padding}`, offset: null };
    });
    history.sent.push(...sent);
    const records = sent.map(({ value }) => ({
      timestampMs: 1,
      key: null,
      value: Buffer.from(value),
      headers: [],
    }));
    const answer = await this.#send(topic, index, buildBatch({ records }));
    if (answer?.errorCode === 0) for (const [i, one] of sent.entries()) one.offset = answer.baseOffset + i;
  }

  async #produceIdempotent(topic: Topic, index: number): Promise<void> {
    if (!topic.isAcknowledged) return;
    if (this.#producerId < 0) {
      const answer = await this.#request(initProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      });
      if (answer === null || answer.errorCode !== 0) return;
      this.#producerId = answer.producerId;
    }
    const history = topic.partitions[index]!;
    const one = history.unanswered ?? { value: `idempotent ${this.#serial++}`, offset: null };
    if (history.unanswered === null) history.idempotent.push(one);
    const batch = buildBatch({
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: history.nextSequence,
      records: [{ timestampMs: 1, key: null, value: Buffer.from(one.value), headers: [] }],
    });
    const answer = await this.#send(topic, index, batch);
    // Without an answer, or with one that may mean that it was written, the same batch is sent again.
    history.unanswered = answer?.errorCode === 0 ? null : one;
    if (answer?.errorCode !== 0) return;
    one.offset = answer.baseOffset;
    history.nextSequence += 1;
  }

  async #commit(topic: Topic): Promise<void> {
    if (!topic.isAcknowledged) return;
    const group = `group-${this.#world.random.below(3)}-${topic.name}`;
    const found = await this.#request(findCoordinator, 3, { key: group, keyType: 0 });
    if (found === null || found.errorCode !== 0) return;
    let commit = this.#commits.get(group);
    if (commit === undefined) this.#commits.set(group, (commit = { acknowledged: null, tried: new Set() }));
    const offset = this.#serial++;
    commit.tried.add(offset);
    const answer = await this.#request(offsetCommit, 7, {
      groupId: group,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: topic.name,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: '' }],
        },
      ],
    });
    if (answer === null || answer.topics[0].partitions[0].errorCode !== 0) return;
    commit.acknowledged = offset;
    commit.tried = new Set([offset]);
  }

  async #expectCommit(group: string): Promise<void> {
    const { acknowledged, tried } = this.#commits.get(group)!;
    if (acknowledged === null) return;
    await this.#request(findCoordinator, 3, { key: group, keyType: 0 });
    const topic = group.slice(group.indexOf('topic-'));
    const answer = await this.#request(offsetFetch, 5, {
      groupId: group,
      topics: [{ name: topic, partitionIndexes: [0] }],
    });
    const { committedOffset, errorCode } = answer.topics[0].partitions[0];
    if (errorCode !== 0 || !tried.has(committedOffset)) {
      throw new Error(`${group} committed ${acknowledged}, found ${committedOffset} (error ${errorCode})`);
    }
  }

  async #expectTopic({ name, partitions }: Topic): Promise<void> {
    const answer = await this.#request(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: false });
    const found = answer?.topics[0];
    if (found?.errorCode !== 0 || found.partitions.length !== partitions.length)
      throw new Error(`topic ${name} is gone: ${JSON.stringify(found)}`);
  }

  async #endOffset(topic: Topic, index: number): Promise<number> {
    return (await this.#fetch(topic, index, 0))?.highWatermark ?? 0;
  }

  // biome-ignore lint/suspicious/noExplicitAny: one partition of a Fetch answer
  async #fetch(topic: Topic, partition: number, fetchOffset: number): Promise<any> {
    const answer = await this.#request(fetch, 12, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 50_000_000,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: topic.name, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
      forgottenTopicsData: [],
      rackId: '',
    });
    return answer === null || answer.responses.length === 0 ? null : answer.responses[0].partitions[0];
  }

  /** All values by offset; null when the broker does not answer. What was shown before must be shown again. */
  async #readAll(topic: Topic, index: number): Promise<Map<number, string> | null> {
    if (!topic.isAcknowledged) return null;
    const values = new Map<number, string>();
    const history = topic.partitions[index]!;
    for (let offset = 0; ; ) {
      const answer = await this.#fetch(topic, index, offset);
      if (answer === null || answer.errorCode !== 0) return null;
      if (offset >= answer.highWatermark) break;
      offset = collect(answer.records, values);
    }
    for (const [offset, value] of values) {
      const before = history.shown.get(offset);
      if (before !== undefined && before !== value) {
        throw new Error(`${topic.name}-${index} showed ${before} at ${offset} and now ${value}`);
      }
      history.shown.set(offset, value);
    }
    return values;
  }
}

/** Takes the records of whole batches; returns the offset after the last. */
function collect(records: Buffer, into: Map<number, string>): number {
  let next = 0;
  forEachBatch(records, 0, records.length, (position) => {
    for (const { offset, value } of readRecords(records, position)) {
      into.set(offset, value!.toString());
      next = offset + 1;
    }
  });
  return next;
}

/** After a power cut without fsync nothing is owed beyond the new end. */
function forgetBeyond(history: PartitionHistory, endOffset: number): void {
  for (const one of [...history.sent, ...history.idempotent]) {
    if (one.offset !== null && one.offset >= endOffset) one.offset = null;
  }
  for (const offset of history.shown.keys()) if (offset >= endOffset) history.shown.delete(offset);
}

function compare(name: string, history: PartitionHistory, values: ReadonlyMap<number, string>): void {
  for (const { value, offset } of [...history.sent, ...history.idempotent]) {
    if (offset !== null && values.get(offset) !== value) {
      throw new Error(
        `${name} acknowledged "${value.slice(0, 30)}" at ${offset} and has ${values.get(offset)}`,
      );
    }
  }
  for (const [offset] of history.shown)
    if (!values.has(offset)) throw new Error(`${name} showed ${offset} and lost it`);
  const found = [...values.values()];
  const idempotent = found.filter((value) => value.startsWith('idempotent'));
  if (new Set(idempotent).size < idempotent.length) throw new Error(`${name} has an idempotent record twice`);
  const places = new Map([...values].map(([offset, value]) => [value, offset]));
  for (const inOrder of [history.sent, history.idempotent]) {
    const offsets = inOrder.map(({ value }) => places.get(value)).filter((offset) => offset !== undefined);
    if (offsets.some((offset, i) => i > 0 && offset <= offsets[i - 1]!))
      throw new Error(`${name} is out of order`);
  }
}
