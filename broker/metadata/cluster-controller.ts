import { errors } from '../../protocol/errors.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { Decision } from '../journal/state-machine.ts';
import type { Logger } from '../observe/logger.ts';
import type { ClusterMachine } from './cluster-machine.ts';
import type { TopicState } from './cluster-state.ts';
import { type DecideContext, maxRecordsPerRequest, noProblem, type Problem } from './decide.ts';
import { decideAlterConfigs, decideIncrementalAlterConfigs } from './decide-configs.ts';
import { decideCreateTopics, refused, tooManyPartitions } from './decide-create-topics.ts';
import { decideUpdateFeatures, type FeatureUpdate } from './decide-features.ts';
import { decideCreatePartitions, decideDeleteTopics } from './decide-topics.ts';
import { internalTopic } from './internal-topics.ts';
import type {
  ConfigAlteration,
  ConfigReplacement,
  ConfigResult,
  CreateTopicResult,
  DeleteTopicResult,
  MetadataController,
  NamedResult,
  NewPartitions,
  NewTopic,
} from './metadata-controller.ts';
import { type MetadataJournal, MetadataWriteError } from './metadata-journal.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { producerIdsRecord } from './records/producer-ids.ts';
import { leaderEpochRecord } from './start-records.ts';
import { isInternalTopic } from './topic-names.ts';

/**
 * The write side of cluster metadata over its journal: each call is one decision (decide-….ts) and one synced batch. When
 * the log cannot be written, every part of the request is answered with the log's error and nothing has changed.
 */
export class ClusterController implements MetadataController {
  readonly #state: ClusterMachine;
  readonly #journal: MetadataJournal;
  readonly #context: DecideContext;
  readonly #logger: Logger;
  #leastProducerId = 0;

  constructor(options: {
    readonly state: ClusterMachine;
    readonly journal: MetadataJournal;
    readonly settings: BrokerSettings;
    readonly rules: DecideContext['rules'];
    readonly logger: Logger;
    readonly isCaseInsensitive: boolean;
    readonly newTopicId: () => string;
  }) {
    this.#state = options.state;
    this.#journal = options.journal;
    this.#logger = options.logger;
    this.#context = options;
  }

  createTopics(
    requests: readonly NewTopic[],
    options: { validateOnly: boolean; byAutoCreation?: boolean },
  ): Promise<readonly CreateTopicResult[]> {
    const onCapped = (topic: string, asked: number): void =>
      this.#logger.info('A topic gets one replica, as kompakt.replication.factor.cap says', { topic, asked });
    return this.#run(
      () => decideCreateTopics(this.#context, requests, { validateOnly: options.validateOnly, onCapped }),
      (problem) => requests.map(({ name }) => refused(name, problem)),
    );
  }

  deleteTopics(
    topics: readonly { name: string | null; id: string }[],
  ): Promise<readonly DeleteTopicResult[]> {
    return this.#run(
      () => decideDeleteTopics(this.#context, topics),
      (problem) => topics.map(({ name, id }) => ({ name, topicId: id, ...problem })),
    );
  }

  createPartitions(
    requests: readonly NewPartitions[],
    options: { validateOnly: boolean },
  ): Promise<readonly NamedResult[]> {
    return this.#run(
      () => decideCreatePartitions(this.#context, requests, options),
      (problem) => requests.map(({ name }) => ({ name, ...problem })),
    );
  }

  async ensureInternalTopic(name: string): Promise<TopicState | { errorCode: number }> {
    const existing = this.#state.topic(name);
    if (existing !== undefined) return existing;
    const [result] = await this.autoCreateTopics([name], { evenIfDisabled: true });
    return this.#state.topic(name) ?? { errorCode: result?.errorCode || errors.unknownServerError.code };
  }

  /** A topic that somebody else created meanwhile is as good as created. */
  async autoCreateTopics(
    names: readonly string[],
    options: { evenIfDisabled?: boolean } = {},
  ): Promise<readonly CreateTopicResult[]> {
    const unknown: Problem = {
      errorCode: errors.unknownTopicOrPartition.code,
      errorMessage: errors.unknownTopicOrPartition.message,
    };
    if (!this.#context.settings['auto.create.topics.enable'] && !options.evenIfDisabled)
      return names.map((name) => refused(name, unknown));
    // More than any request may create: known without a look at each.
    if (names.length > maxRecordsPerRequest) return names.map((name) => refused(name, tooManyPartitions));
    const requests = names.map((name) => autoCreated(name, this.#context.settings));
    const results = await this.createTopics(requests, { validateOnly: false, byAutoCreation: true });
    return results.map((result) => {
      const topic = this.#state.topic(result.name);
      if (result.errorCode !== errors.topicAlreadyExists.code || topic === undefined) return result;
      const numPartitions = topic.partitions.length;
      return { name: topic.name, ...noProblem, topicId: topic.id, numPartitions, replicationFactor: 1 };
    });
  }

  incrementalAlterConfigs(
    alterations: readonly ConfigAlteration[],
    validateOnly: boolean,
  ): Promise<readonly ConfigResult[]> {
    return this.#run(
      () => decideIncrementalAlterConfigs(this.#context, alterations, validateOnly),
      (problem) => alterations.map(({ type, name }) => ({ type, name, ...problem })),
    );
  }

  alterConfigs(
    replacements: readonly ConfigReplacement[],
    validateOnly: boolean,
  ): Promise<readonly ConfigResult[]> {
    return this.#run(
      () => decideAlterConfigs(this.#context, replacements, validateOnly),
      (problem) => replacements.map(({ type, name }) => ({ type, name, ...problem })),
    );
  }

  /** Rejects when the block could not be recorded: no id may be given out then. */
  allocateProducerIds(): Promise<{ firstProducerId: number; count: number }> {
    return this.#journal.run(() => {
      const firstProducerId = Math.max(this.#state.nextProducerId, this.#leastProducerId);
      const { nodeId: brokerId, brokerEpoch } = this.#state;
      const nextProducerId = firstProducerId + producerIdBlock;
      return {
        entries: [encodeMetadataRecord(producerIdsRecord, 0, { brokerId, brokerEpoch, nextProducerId })],
        answer: { firstProducerId, count: producerIdBlock },
      };
    });
  }

  noteProducerId(producerId: number): void {
    this.#leastProducerId = Math.max(this.#leastProducerId, producerId + 1);
  }

  async bumpLeaderEpochs(
    partitions: readonly { topic: string; partition: number; atLeast?: number }[],
  ): Promise<void> {
    const entries: Buffer[] = [];
    for (const { topic, partition, atLeast = 0 } of partitions) {
      const found = this.#state.topic(topic);
      const leaderEpoch = found?.partitions[partition]?.leaderEpoch;
      if (found === undefined || leaderEpoch === undefined) continue;
      // A record raises the epoch by one; a log that is ahead of its metadata needs as many as lie between.
      for (let epoch = leaderEpoch; epoch < Math.max(leaderEpoch + 1, atLeast); epoch++)
        entries.push(leaderEpochRecord(this.#state, found.id, partition));
    }
    for (let at = 0; at < entries.length; at += maxRecordsPerRequest) {
      const batch = entries.slice(at, at + maxRecordsPerRequest);
      await this.#journal.run(() => ({ entries: batch, answer: undefined }));
    }
  }

  quorum(): { readonly endOffset: number } {
    return { endOffset: this.#journal.endOffset };
  }

  updateFeatures(updates: readonly FeatureUpdate[], validateOnly: boolean): Promise<readonly NamedResult[]> {
    return this.#run(
      () => decideUpdateFeatures(this.#state, updates, validateOnly),
      (problem) => updates.map(({ name }) => ({ name, ...problem })),
    );
  }

  /** A decision whose answers have a place for an error each. */
  async #run<Answer>(
    decide: () => Decision<Buffer, Answer>,
    refuse: (problem: Problem) => Answer,
  ): Promise<Answer> {
    try {
      return await this.#journal.run(decide);
    } catch (error) {
      if (!(error instanceof MetadataWriteError)) throw error;
      this.#logger.error('The metadata log cannot be written', { error: error.message });
      return refuse({ errorCode: error.errorCode, errorMessage: error.message });
    }
  }
}

/** Kafka's: a block is recorded before its first id is given out. */
const producerIdBlock = 1000;

function autoCreated(name: string, settings: BrokerSettings): NewTopic {
  if (isInternalTopic(name)) return internalTopic(name, settings);
  return { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
}
