/**
 * Apache Kafka and Kompakt, started with the same configuration, and how to wait until a change has reached all of Kafka: its controller
 * answers when a change is decided, its broker does it some time later, ours answers when it is done.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startBroker } from '../../../broker/index.ts';
import {
  formatMetadataVersion,
  kraftVersionFeature,
  metadataVersionFeature,
  supportedFeatures,
} from '../../../broker/metadata/features.ts';
import { errors } from '../../../protocol/errors.ts';
import { describeConfigs } from '../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { describeGroups } from '../../../protocol/messages/groups/describe-groups.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../protocol/messages/topics/delete-topics.ts';
import { describeTransactions } from '../../../protocol/messages/transactions/describe-transactions.ts';
import { initProducerId } from '../../../protocol/messages/transactions/init-producer-id.ts';
import { Client } from '../../../tools/client.ts';
import { quietPort } from '../../quiet-port.ts';
import { ceilingMs } from '../eventually.ts';
import { startKafka } from '../java/apache-kafka.ts';

/** The release that decides what is right; the other suites with Kafka's jars use an older one, whose files we must keep opening. */
export const comparedVersion = process.env.KAFKA_VERSION ?? '4.4.0';

/**
 * Both brokers have these: what a single node of Kafka's needs, a controller that does not wait for more changes to write (each of
 * ours comes alone), times short enough for a test, no retention while it runs (its records are old), and a cache of fetch sessions
 * that can be filled.
 */
const sameConfig = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  'controller.quorum.append.linger.ms': '0',
  'group.min.session.timeout.ms': '50',
  'max.incremental.fetch.session.cache.slots': '80',
  'message.max.bytes': '100000',
  'log.initial.task.delay.ms': '3600000',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100',
};

export interface Broker {
  readonly port: number;
  /** Waits until what was changed before holds everywhere in this broker. */
  settle(): Promise<void>;
}

export interface Brokers {
  readonly kafka: Setting;
  readonly kompakt: Setting;
  stop(): Promise<void>;
}

export async function startBrokers(): Promise<Brokers> {
  const directory = mkdtempSync(join(tmpdir(), 'differential-'));
  const port = await quietPort();
  const kafka = await startKafka(directory, port, sameConfig, {
    version: comparedVersion,
    features: featureLevels(),
  });
  const kompakt = await startBroker({
    dataDir: join(directory, 'kompakt'),
    config: { ...sameConfig, 'kompakt.group.disconnect.grace.ms': '0' },
  });
  const settings = [await Setting.of(port, true), await Setting.of(kompakt.port, false)] as const;
  return {
    kafka: settings[0],
    kompakt: settings[1],
    stop: async () => {
      for (const setting of settings) setting.close();
      await Promise.all([kafka.stop(), kompakt.stop()]);
      rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Kafka is as far as we are: a feature that we do not serve yet is at 0 there, too. */
function featureLevels(): Record<string, number> {
  const levels = Object.entries(supportedFeatures).map(([name, { max }]) => [name, max] as const);
  const named = Object.fromEntries(levels.filter(([name]) => name !== kraftVersionFeature));
  return { ...named, [metadataVersionFeature]: formatMetadataVersion };
}

const barrierTopic = 'barrier';
const topicResource = 2;
/** Said while a coordinator is on its way; the next try may find it. */
const onItsWay: readonly number[] = [
  errors.coordinatorNotAvailable.code,
  errors.coordinatorLoadInProgress.code,
  errors.notCoordinator.code,
];

/** What a scenario needs to be there before it begins; none of it is compared. */
export class Setting {
  readonly port: number;
  readonly #client: Client;
  /** Changes take effect after their answer. */
  readonly #isSlow: boolean;
  #changes = 0;

  private constructor(port: number, client: Client, isSlow: boolean) {
    this.port = port;
    this.#client = client;
    this.#isSlow = isSlow;
  }

  static async of(port: number, isSlow: boolean): Promise<Setting> {
    const setting = new Setting(port, await Client.connect('127.0.0.1', port), isSlow);
    await setting.topic(barrierTopic, 1);
    await setting.group('the first, which makes __consumer_offsets');
    await setting.#until(async () => {
      const { errorCode } = await setting.#client.request(initProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      });
      return errorCode === errors.none.code;
    });
    return setting;
  }

  async topic(
    name: string,
    numPartitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { topics } = await this.#client.request(createTopics, 7, {
      topics: [
        {
          name,
          numPartitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: ceilingMs,
      validateOnly: false,
    });
    const { errorCode, errorMessage, topicId } = topics[0]!;
    if (errorCode !== errors.none.code)
      throw new Error(`${name} could not be made: ${errorMessage ?? errorCode}`);
    await this.settle();
    return topicId;
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#client.request(deleteTopics, 3, { topicNames: [name], timeoutMs: ceilingMs });
    await this.settle();
  }

  /** Waits until the coordinator of a group answers. */
  async group(groupId: string): Promise<void> {
    await this.#until(async () => {
      const { coordinators } = await this.#client.request(findCoordinator, 4, {
        keyType: 0,
        coordinatorKeys: [groupId],
      });
      return coordinators[0]!.errorCode === errors.none.code;
    });
    await this.#until(async () => {
      const { groups } = await this.#client.request(describeGroups, 5, { groups: [groupId] });
      return !onItsWay.includes(groups[0]!.errorCode);
    });
  }

  /** Waits until the coordinator of a transactional id answers. */
  async transactionalId(transactionalId: string): Promise<void> {
    await this.#until(async () => {
      const { coordinators } = await this.#client.request(findCoordinator, 4, {
        keyType: 1,
        coordinatorKeys: [transactionalId],
      });
      return coordinators[0]!.errorCode === errors.none.code;
    });
    await this.#until(async () => {
      const asked = { transactionalIds: [transactionalId] };
      const { transactionStates } = await this.#client.request(describeTransactions, 0, asked);
      return !onItsWay.includes(transactionStates[0]!.errorCode);
    });
  }

  /**
   * Kafka's broker takes changes of metadata one after the other, each to its end: once a second change can be seen, all of a first one
   * is done. A topic's log is another matter, which is looked at.
   */
  async settle(...topics: readonly string[]): Promise<void> {
    if (!this.#isSlow) return;
    await this.#change();
    await this.#change();
    for (const name of topics) await this.#until(() => this.#canBeRead(name));
  }

  async #change(): Promise<void> {
    const value = String(86_400_000 + ++this.#changes);
    const resource = { resourceType: topicResource, resourceName: barrierTopic };
    await this.#client.request(incrementalAlterConfigs, 1, {
      resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation: 0, value }] }],
      validateOnly: false,
    });
    await this.#until(async () => {
      const { results } = await this.#client.request(describeConfigs, 4, {
        resources: [{ ...resource, configurationKeys: ['retention.ms'] }],
        includeSynonyms: false,
      });
      return results[0]!.configs[0]?.value === value;
    });
  }

  async #canBeRead(name: string): Promise<boolean> {
    const { topics } = await this.#client.request(listOffsets, 4, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    });
    return topics[0]!.partitions[0]!.errorCode === errors.none.code;
  }

  async #until(holds: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + ceilingMs;
    while (!(await holds())) {
      if (performance.now() > endMs) throw new Error('Kafka is not where it should be');
      await pause(1);
    }
  }

  close(): void {
    this.#client.close();
  }
}
