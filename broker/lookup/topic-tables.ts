/** The key tables of all topics: made at first use, or at start where the topic says so, dropped with the topic or its policy. */

import type { TopicSettings } from '../../storage/config/topic-settings.ts';
import { outsideClock } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/broker-keys.ts';
import {
  type ClusterChange,
  type ClusterState,
  configResourceTypes,
  type TopicState,
} from '../metadata/cluster-state.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partition } from '../partitions/partition.ts';
import type { Partitions } from '../partitions/partitions.ts';
import { hashSeedBytes, type KeyHash, KeyHasher } from './key-map-hash.ts';
import { type LoadProgress, LookupRefused, type TableStatus } from './lookup.ts';
import { PartitionTable } from './partition-table.ts';
import { topicDeleted } from './refuse.ts';
import { Slices } from './slices.ts';
import { storedSeed } from './table-checkpoint.ts';
import { TableMemory } from './table-memory.ts';

export interface TopicTablesParts {
  readonly environment: Environment;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly settings: Pick<BrokerSettings, 'kompakt.lookup.memory.max.bytes'>;
  readonly logger: Logger;
  /** The data directory was, by whoever had it last; left out: it was not. */
  readonly wasStoppedClean?: boolean;
  /** By how many bits of its hash a key is known; left out: as many as there are. */
  readonly hashBits?: number;
}

export class TopicTables {
  readonly #parts: TopicTablesParts;
  readonly #slices: Slices;
  readonly #memory: TableMemory;
  /** By topic id. */
  readonly #tables = new Map<string, TopicTable>();
  #forgetCluster: (() => void) | null = null;

  constructor(parts: TopicTablesParts) {
    this.#parts = parts;
    this.#slices = new Slices(outsideClock(parts.environment.clock));
    this.#memory = new TableMemory(() => parts.settings['kompakt.lookup.memory.max.bytes']);
  }

  /** Begins to read the tables of topics that want to have them at start. */
  start(): void {
    const { cluster, environment } = this.#parts;
    this.#forgetCluster = cluster.onChange((change) => {
      // Those who make partitions and tell logs of their new settings listen to the same change: after them.
      environment.clock.defer(() => this.#follow(change));
    });
    for (const { name } of cluster.topics()) this.#openAtStart(name);
  }

  /** Stores the tables, for which the logs must be open yet. */
  async stop(): Promise<void> {
    this.#forgetCluster?.();
    this.#forgetCluster = null;
    const tables = [...this.#tables.values()];
    this.#tables.clear();
    for (const table of tables) await table.close();
  }

  /**
   * The tables of a topic; they begin to be read at first use. Throws LookupRefused: there is no such topic, or it is no table.
   */
  open(topic: string): TopicTable {
    const state = this.#parts.cluster.topic(topic);
    if (state === undefined)
      throw new LookupRefused({ reason: 'unknown-topic' }, `there is no topic ${topic}`);
    const known = this.#tables.get(state.id);
    if (known?.isAsChecked(state.partitions.length)) {
      for (const table of known.partitions) table.retry();
      return known;
    }
    const own = this.#ownPartitions(topic, state.partitions.length);
    const refusal = refusalOf(state, own);
    if (refusal !== null) {
      this.#drop(state.id, refusal);
      throw refusal;
    }
    if (known) {
      known.extend(own);
      known.checked();
      for (const table of known.partitions) table.retry();
      return known;
    }
    const hasher = new KeyHasher(this.#seedOf(own));
    const table = new TopicTable(topic, state.id, hasher, (partition) => this.#tableOf(partition, hasher));
    this.#tables.set(state.id, table);
    table.extend(own);
    table.checked();
    return table;
  }

  /** Throws LookupRefused where the topic with this id is gone, or is no table any more. Begins nothing. */
  check(topic: string, topicId: string): void {
    const state = this.#parts.cluster.topic(topic);
    if (state?.id !== topicId) throw topicDeleted(topic);
    const refusal = refusalOf(state, this.#ownPartitions(topic, 1));
    if (refusal !== null) throw refusal;
  }

  status(): TableStatus[] {
    return [...this.#tables.values()].flatMap((table) =>
      table.partitions.map((partition) => partition.status),
    );
  }

  #tableOf(partition: Partition, hasher: KeyHasher): PartitionTable {
    const { environment, logger, hashBits, wasStoppedClean = false } = this.#parts;
    return new PartitionTable(partition, {
      hasher,
      environment,
      slices: this.#slices,
      memory: this.#memory,
      logger,
      trustsStored: wasStoppedClean,
      ...(hashBits === undefined ? {} : { hashBits }),
    });
  }

  /** That of the stored tables, so that they can be used; else a new one. */
  #seedOf(partitions: readonly Partition[]): Buffer {
    const { files, random } = this.#parts.environment;
    for (const { log } of this.#parts.wasStoppedClean ? partitions : []) {
      const seed = storedSeed(files, log);
      if (seed !== null) return seed;
    }
    return random.bytes(hashSeedBytes);
  }

  #ownPartitions(topic: string, count: number): Partition[] {
    const own: Partition[] = [];
    for (let index = 0; index < count; index++) {
      const partition = this.#parts.partitions.get(topic, index);
      if (partition !== undefined) own.push(partition);
    }
    return own;
  }

  #follow(change: ClusterChange): void {
    if (this.#forgetCluster === null) return;
    if (change.kind === 'topic-deleted') this.#drop(change.topic.id, topicDeleted(change.topic.name));
    else if (change.kind === 'configs' && change.type === configResourceTypes.topic)
      this.#reviewTopic(change.name);
    else if (change.kind === 'topic-created' || change.kind === 'partitions-added')
      this.#reviewTopic(change.topic.name);
  }

  /** Its policy or its partitions may have changed. */
  #reviewTopic(topic: string): void {
    const state = this.#parts.cluster.topic(topic);
    if (state === undefined) return;
    if (!this.#tables.has(state.id)) return this.#openAtStart(topic);
    try {
      this.open(topic);
    } catch (error) {
      if (!(error instanceof LookupRefused)) throw error;
    }
  }

  #openAtStart(topic: string): void {
    const log = this.#parts.partitions.get(topic, 0)?.log;
    if (log === undefined || whyNoTable([log]) !== null) return;
    if (log.settings['kompakt.lookup.enable'] === 'true') this.open(topic);
  }

  #drop(topicId: string, why: LookupRefused): void {
    this.#tables.get(topicId)?.drop(why);
    this.#tables.delete(topicId);
  }
}

/** The tables of one topic's partitions. */
export class TopicTable {
  readonly topic: string;
  readonly topicId: string;
  readonly #hasher: KeyHasher;
  readonly #make: (partition: Partition) => PartitionTable;
  #partitions: readonly PartitionTable[] = [];
  #checkedSettings: TopicSettings | null = null;

  constructor(
    topic: string,
    topicId: string,
    hasher: KeyHasher,
    make: (partition: Partition) => PartitionTable,
  ) {
    this.topic = topic;
    this.topicId = topicId;
    this.#hasher = hasher;
    this.#make = make;
  }

  /** In order of their numbers; a new list when partitions are added. */
  get partitions(): readonly PartitionTable[] {
    return this.#partitions;
  }

  partition(index: number): PartitionTable | undefined {
    return this.#partitions.find(({ partition }) => partition.index === index);
  }

  get isLoading(): boolean {
    return this.#partitions.some((each) => each.isLoading);
  }

  get progress(): LoadProgress {
    let offsetsDone = 0;
    let offsetsTotal = 0;
    for (const { log, indexedOffset, isLoading } of this.#partitions) {
      const total = Math.max(0, log.lastStableOffset - log.logStartOffset);
      offsetsTotal += total;
      offsetsDone += isLoading ? Math.min(total, Math.max(0, indexedOffset - log.logStartOffset)) : total;
    }
    return { offsetsDone, offsetsTotal };
  }

  /** It was found to be a table; settings that change are other ones. */
  checked(): void {
    this.#checkedSettings = this.#partitions[0]?.log.settings ?? null;
  }

  /** It has so many partitions, all of them here, and settings with which it is a table. */
  isAsChecked(partitionCount: number): boolean {
    const partitions = this.#partitions;
    return partitions.length === partitionCount && partitions[0]?.log.settings === this.#checkedSettings;
  }

  /** Once for a key, whichever partitions are asked for it; `key` is borrowed as long as the hash is used. */
  hash(key: Buffer): KeyHash {
    return this.#hasher.hash(key);
  }

  /** Adds tables for partitions that have none. */
  extend(partitions: readonly Partition[]): void {
    if (partitions.length === this.#partitions.length) return;
    this.#partitions = partitions.map(
      (partition) => this.partition(partition.index) ?? this.#make(partition),
    );
  }

  async close(): Promise<void> {
    for (const partition of this.#partitions) await partition.close();
  }

  drop(why: LookupRefused): void {
    for (const partition of this.#partitions) partition.drop(why);
  }
}

function refusalOf({ name, isInternal }: TopicState, own: readonly Partition[]): LookupRefused | null {
  const why = isInternal ? 'it is internal' : whyNoTable(own);
  return why === null ? null : new LookupRefused({ reason: 'not-a-table' }, `${name} is not a table: ${why}`);
}

/** null: nothing speaks against it. */
function whyNoTable(partitions: readonly (Partition | Log)[]): string | null {
  const [first] = partitions;
  if (first === undefined) return 'this node has no partition of it';
  const { settings } = 'log' in first ? first.log : first;
  const policy = settings['cleanup.policy'];
  if (!policy.includes('compact')) return `its cleanup.policy is ${policy.join(',')}`;
  return settings['kompakt.lookup.enable'] === 'false' ? 'kompakt.lookup.enable is false' : null;
}
