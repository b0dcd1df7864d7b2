/**
 * A broker's inside without its network: cluster metadata, partitions on memory files, fetch sessions and groups, on a clock that
 * tests own. Every region that a log gives out is counted until it is released.
 */
import type { Caller, Handler } from '../../broker/apis/handler.ts';
import { type BrokerSettings, defaultBrokerSettings, topicDefaults } from '../../broker/config/settings.ts';
import { GroupCoordinator } from '../../broker/groups/group-coordinator.ts';
import { configResourceTypes } from '../../broker/metadata/cluster-state.ts';
import type { OpenedCluster } from '../../broker/metadata/open-cluster.ts';
import { silentLogger } from '../../broker/observe/logger.ts';
import { FetchSessions } from '../../broker/partitions/fetch-sessions.ts';
import type { Partition } from '../../broker/partitions/partition.ts';
import { Partitions } from '../../broker/partitions/partitions.ts';
import type { Services } from '../../broker/services.ts';
import { ProducerIds } from '../../broker/transactions/producer-ids.ts';
import { TransactionCoordinator } from '../../broker/transactions/transaction-coordinator.ts';
import { buildBatch, type NewBatch } from '../../protocol/records/batch-builder.ts';
import type { AnyApi, RequestInit, ResponseOf } from '../../protocol/schema/api.ts';
import { resolveTopicSettings } from '../../storage/config/topic-settings.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import { MemoryFileSystem } from '../../storage/environment/memory-files.ts';
import { Log } from '../../storage/log/log.ts';
import type { Appended, AppendOutcome, DurabilityPolicy, FileRegion } from '../../storage/log/log-types.ts';
import { SeededRandom } from '../simulation/random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { ask } from './caller.ts';
import { newTopic, open } from './metadata/cluster-fixture.ts';

export interface WorldOptions {
  readonly settings?: Partial<BrokerSettings>;
  readonly durability?: DurabilityPolicy;
  readonly clock?: VirtualClock;
  readonly files?: FileSystem;
  readonly seed?: number;
}

export class World {
  readonly clock: VirtualClock;
  readonly files: FileSystem;
  readonly random: SeededRandom;
  /** Tests change them as dynamic configs do. */
  readonly settings: { -readonly [Name in keyof BrokerSettings]: BrokerSettings[Name] };
  readonly regions = new Regions();
  readonly #durability: DurabilityPolicy;
  readonly #logs = new Set<Log>();
  cluster!: OpenedCluster;
  partitions!: Partitions;
  groups!: GroupCoordinator;
  transactions!: TransactionCoordinator;
  services!: Services;

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? new VirtualClock();
    this.files = options.files ?? new MemoryFileSystem({ clock: this.clock });
    this.random = new SeededRandom(options.seed ?? 1);
    this.#durability = options.durability ?? { kind: 'page-cache' };
    this.settings = { ...defaultBrokerSettings(), ...options.settings };
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    const { clock, files, random, settings } = this;
    const environment = { clock, files, random };
    this.cluster = await open({ environment, settings });
    const { state, controller } = this.cluster;
    this.partitions = new Partitions(state, {
      open: (topic, index) => this.#openLog(topic.name, topic.id, index),
      delete: (log) => this.#deleteLog(log),
    });
    this.groups = new GroupCoordinator({
      environment,
      settings,
      cluster: state,
      metadata: controller,
      partitions: this.partitions,
      logger: silentLogger,
    });
    await this.groups.start();
    const producerIds = new ProducerIds(controller);
    this.transactions = new TransactionCoordinator({
      environment,
      settings,
      cluster: state,
      metadata: controller,
      partitions: this.partitions,
      groups: this.groups,
      producerIds,
      logger: silentLogger,
    });
    await this.transactions.start();
    this.services = {
      environment,
      settings,
      logger: silentLogger,
      cluster: state,
      metadata: controller,
      partitions: this.partitions,
      groups: this.groups,
      fetchSessions: new FetchSessions(
        environment,
        state,
        () => settings['max.incremental.fetch.session.cache.slots'],
      ),
      producerIds,
      transactions: this.transactions,
      advertised: { endpointFor: () => ({ host: 'localhost', port: 9092 }) },
      logDirectory: { path: '/data', isOffline: false, volume: () => null },
    } as unknown as Services;
  }

  /** Everything is closed and opened again from the same files. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Fails when somebody has kept a region, or let go of one twice. */
  async stop(): Promise<void> {
    await this.transactions.close();
    await this.groups.close();
    const { open: kept, releasedTwice } = this.regions;
    if (kept > 0 || releasedTwice > 0)
      throw new Error(`${kept} regions were kept, ${releasedTwice} released twice`);
    this.partitions.close();
    for (const log of this.#logs) await log.close();
    this.#logs.clear();
    await this.cluster.close();
  }

  /** Makes a topic; gives its first partition. */
  async topic(name: string, partitionCount = 1, configs: Record<string, string> = {}): Promise<Partition> {
    const topic = newTopic(name, {
      numPartitions: partitionCount,
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    });
    const [made] = await this.cluster.controller.createTopics([topic], { validateOnly: false });
    if (made!.errorCode !== 0) throw new Error(`${name}: ${made!.errorMessage ?? made!.errorCode}`);
    return this.partitions.get(name, 0)!;
  }

  async deleteTopic(name: string): Promise<void> {
    const zero = 'AAAAAAAAAAAAAAAAAAAAAA';
    await this.cluster.controller.deleteTopics([{ name, id: zero }]);
  }

  idOf(topic: string): string {
    return this.cluster.state.topic(topic)!.id;
  }

  ask<A extends AnyApi>(
    handler: Handler<A>,
    version: number,
    body: RequestInit<A>,
    caller: Partial<Caller> = {},
  ): Promise<ResponseOf<A> | null> {
    return ask(this.services, handler, version, body, caller);
  }

  #deleteLog(log: Log): void {
    this.#logs.delete(log);
    this.files.removeTreeSync(log.directory);
  }

  #openLog(topic: string, topicId: string, partition: number): Log {
    const { clock, files, random } = this;
    const overrides = this.cluster.state.configs(configResourceTypes.topic, topic);
    const log = Log.open({
      environment: { clock, files, random },
      directory: `/data/${topic}-${partition}`,
      topic,
      partition,
      topicId,
      settings: resolveTopicSettings(overrides, topicDefaults(this.settings)),
      durability: this.#durability,
      logger: silentLogger,
      producerIdExpirationMs: () => 86_400_000,
      recoveryPoint: 0,
      logStartOffset: 0,
      cleanShutdown: false,
    });
    this.regions.watch(log);
    this.#logs.add(log);
    return log;
  }
}

/** Which regions are out; a second release of one is an error of its own. */
export class Regions {
  readonly #open = new Set<FileRegion>();
  given = 0;
  releasedTwice = 0;

  get open(): number {
    return this.#open.size;
  }

  watch(log: Log): void {
    const read = log.read.bind(log);
    log.read = (offset, options) => {
      const result = read(offset, options);
      if (result.ok) for (const region of result.regions) this.#watchRegion(region);
      return result;
    };
  }

  #watchRegion(region: FileRegion): void {
    this.given += 1;
    this.#open.add(region);
    const release = region.release.bind(region);
    (region as { release: () => void }).release = () => {
      if (!this.#open.delete(region)) this.releasedTwice += 1;
      release();
    };
  }
}

/** A batch of these values, as a producer sends it; a key where it is written "key=value". */
export function batchOf(
  values: readonly string[],
  options: Partial<NewBatch> & { timestampMs?: number } = {},
) {
  const { timestampMs = 1_700_000_000_000, ...rest } = options;
  const records = values.map((value, n) => {
    const at = value.indexOf('=');
    return {
      timestampMs: timestampMs + n,
      key: at < 0 ? null : Buffer.from(value.slice(0, at)),
      value: Buffer.from(value.slice(at + 1)),
    };
  });
  return buildBatch({ baseOffset: 0, ...rest, records });
}

/** Appends as a producer and expects it to be done at once. */
export function appendNow(partition: Partition, ...values: string[]): Appended {
  return expectAppended(partition.append(batchOf(values), { origin: 'client' }));
}

export function expectAppended(outcome: AppendOutcome | Promise<AppendOutcome>): Appended {
  if (outcome instanceof Promise) throw new Error('the append has to wait');
  if (!outcome.ok) throw new Error(`refused with ${outcome.errorCode}: ${outcome.message}`);
  return outcome;
}
