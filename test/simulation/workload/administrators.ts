/** Administrators of a simulated broker: topics, more partitions, other configurations, records deleted before their time. */
import { errors } from '../../../protocol/errors.ts';
import { describeConfigs } from '../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { deleteRecords } from '../../../protocol/messages/data/delete-records.ts';
import { createPartitions } from '../../../protocol/messages/topics/create-partitions.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import type { Requests } from './requests.ts';
import { type PartitionHistory, Topic } from './topics.ts';

const topicType = 2;
const setOperation = 0;
const deleteOperation = 1;

const values: readonly (readonly [string, readonly (string | null)[]])[] = [
  ['internal.segment.bytes', ['300', '1000', '2500']],
  ['retention.ms', ['-1', '5000', '60000']],
  ['retention.bytes', ['-1', '700', '3000', null]],
  ['segment.ms', ['1000', '600000']],
  ['flush.messages', ['1', '3', null]],
  ['flush.ms', ['50', null]],
  ['index.interval.bytes', ['0', '100', null]],
  ['compression.type', ['gzip', 'uncompressed', null]],
  ['message.timestamp.type', ['LogAppendTime', 'CreateTime']],
  ['max.message.bytes', ['200', '1000000', null]],
  ['preallocate', ['true', 'false']],
];

export class Administrators {
  readonly #requests: Requests;
  #topics = 0;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Null when it is not known whether it was made: nothing is expected of it then. */
  async createTopic(): Promise<Topic | null> {
    const { random } = this.#requests.world;
    const topic = new Topic(`topic-${this.#topics++}`, 1 + random.below(3));
    const segmentBytes = String(300 + random.below(2_000));
    const answer = await this.#requests.ask(createTopics, 5, {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitionCount.acknowledged,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name: 'internal.segment.bytes', value: segmentBytes }],
        },
      ],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    if (answer?.topics[0]?.errorCode !== 0) return null;
    topic.config('internal.segment.bytes').confirm(segmentBytes);
    return topic;
  }

  async createPartitions(topic: Topic): Promise<void> {
    const count = Math.max(...topic.partitionCount.possible) + 1;
    if (count > 5 || topic.isBeingChanged) return;
    topic.isBeingChanged = true;
    topic.partitionCount.try(count);
    const answer = await this.#requests.ask(createPartitions, 3, {
      topics: [{ name: topic.name, count, assignments: null }],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    topic.isBeingChanged = false;
    if (answer?.results[0]?.errorCode !== 0) return;
    topic.partitionCount.confirm(count);
    topic.grow(count);
  }

  async alterConfig(topic: Topic): Promise<void> {
    if (topic.isBeingChanged) return;
    const { random } = this.#requests.world;
    const [name, choices] = random.pick(values);
    const value = random.pick(choices);
    const known = topic.config(name);
    known.try(value);
    if (name.startsWith('retention') && value !== null && value !== '-1') topic.mayShrink = true;
    topic.isBeingChanged = true;
    const configOperation = value === null ? deleteOperation : setOperation;
    const answer = await this.#requests.ask(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: topicType,
          resourceName: topic.name,
          configs: [{ name, configOperation, value }],
        },
      ],
      validateOnly: false,
    });
    topic.isBeingChanged = false;
    const errorCode = answer?.responses[0]?.errorCode;
    if (errorCode === errors.invalidConfig.code) throw new Error(`${name}=${value} was refused`);
    if (errorCode === 0) known.confirm(value);
  }

  async deleteRecords(topic: Topic, history: PartitionHistory): Promise<void> {
    const { random } = this.#requests.world;
    const ends = [...history.sent, ...history.idempotent].map(({ offset }) => (offset ?? -1) + 1);
    const end = Math.max(0, ...ends);
    const offset = random.chance(0.3) ? -1 : random.below(end + 1);
    // -1 is the high watermark, which may be anywhere.
    history.deletionTriedTo = Math.max(
      history.deletionTriedTo,
      offset === -1 ? Number.POSITIVE_INFINITY : offset,
    );
    const partitions = [{ partitionIndex: topic.partitions.indexOf(history), offset }];
    const answer = await this.#requests.ask(deleteRecords, 2, {
      topics: [{ name: topic.name, partitions }],
      timeoutMs: 30_000,
    });
    if (answer === null) return;
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!;
    if (errorCode !== 0) return;
    if (lowWatermark < offset) throw new Error(`${history.name} deleted up to ${lowWatermark} of ${offset}`);
    history.deletedTo = Math.max(history.deletedTo, lowWatermark);
  }

  /** Topics and their configurations outlive everything: the metadata log is synced whatever the policy. */
  async expectTopic(topic: Topic): Promise<void> {
    const { name, partitionCount } = topic;
    const answer = await this.#requests.ask(metadata, 9, {
      topics: [{ name }],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    const found = answer?.topics[0];
    if (found?.errorCode !== 0 || !partitionCount.allows(found.partitions.length))
      throw new Error(`topic ${name} is gone: ${JSON.stringify(found)}`);
    partitionCount.confirm(found.partitions.length);
    topic.grow(found.partitions.length);
    for (const { partitionIndex, leaderId, leaderEpoch } of found.partitions) {
      const history = topic.partitions[partitionIndex]!;
      if (leaderId < 0) throw new Error(`${history.name} has no leader`);
      if (leaderEpoch < history.leaderEpoch)
        throw new Error(`${history.name} is in epoch ${leaderEpoch} and was in ${history.leaderEpoch}`);
      history.leaderEpoch = leaderEpoch;
    }
    await this.#expectConfigs(topic);
  }

  async #expectConfigs({ name, configs }: Topic): Promise<void> {
    const answer = await this.#requests.ask(describeConfigs, 4, {
      resources: [{ resourceType: topicType, resourceName: name, configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    });
    const result = answer?.results[0];
    if (result?.errorCode !== 0)
      throw new Error(`the configs of ${name} are gone: ${JSON.stringify(result)}`);
    const topicSource = 1;
    for (const [key, known] of configs) {
      const found = result.configs.find((config) => config.name === key);
      const value = found?.configSource === topicSource ? found.value : null;
      if (!known.allows(value))
        throw new Error(`${name} has ${key}=${value}, not any of ${JSON.stringify(known.possible)}`);
      known.confirm(value);
    }
  }
}
