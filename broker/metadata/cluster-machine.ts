import { zeroUuid } from '../../protocol/schema/field.ts';
import type { EntryPosition, StateMachine } from '../journal/state-machine.ts';
import type {
  ClusterChange,
  ClusterState,
  ConfigResourceType,
  PartitionState,
  TopicState,
} from './cluster-state.ts';
import { ConfigOverrides } from './configs.ts';
import {
  FeatureLevels,
  formatMetadataVersion,
  kraftVersionFeature,
  type RecordVersions,
  recordVersionsAt,
} from './features.ts';
import { decodeMetadataRecord, type MetadataRecord } from './records/index.ts';
import { TopicTable } from './topics.ts';

/**
 * The state machine of `__cluster_metadata`. An entry is a record's value as it is in the log; replaying one changes the
 * tables behind the ClusterState that everybody reads. Listeners hear of it when the whole batch is replayed (`publish`),
 * so nobody sees a topic without its partitions.
 *
 * Records between BeginTransaction and EndTransaction count at the end, those before an AbortTransaction never. Records of
 * things that are not served (ACLs, credentials, quotas, tokens) are counted and stay in the log.
 */
export class ClusterMachine implements ClusterState, StateMachine<Buffer> {
  readonly nodeId: number;
  /** These two, and the epoch in which this start writes, are set by who starts: a new directory gets them late. */
  clusterId = '';
  directoryId = zeroUuid;
  epoch = 0;
  brokerEpoch = -1;
  /** First producer id that no block has. */
  nextProducerId = 0;
  readonly #topics = new TopicTable();
  readonly #configs = new ConfigOverrides();
  readonly #features = new FeatureLevels();
  readonly #unserved = new Map<MetadataRecord['kind'], number>();
  /** ACLs and SCRAM credentials that are in force for a broker that enforces them. */
  readonly #accessRules = new Set<string>();
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  #transaction: { readonly record: MetadataRecord; readonly position: EntryPosition }[] | null = null;
  #changes = new PendingChanges();

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }

  topic(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  topicById(id: string): TopicState | undefined {
    return this.#topics.getById(id);
  }

  topics(): Iterable<TopicState> {
    return this.#topics.sorted();
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  partitionCount(): number {
    return this.#topics.partitionCount;
  }

  configs(type: ConfigResourceType, name: string): ReadonlyMap<string, string> {
    return this.#configs.of(type, name);
  }

  configuredResources(type: ConfigResourceType): Iterable<string> {
    return this.#configs.resources(type);
  }

  get features(): { readonly levels: ReadonlyMap<string, number>; readonly epoch: number } {
    return { levels: this.#features.served, epoch: this.#features.epoch };
  }

  /** Levels as the log has them, those that are not served here included. */
  get recordedFeatures(): ReadonlyMap<string, number> {
    return this.#features.recorded;
  }

  /** Whether the log has a word on a feature, if only that it is off. */
  mentionsFeature(name: string): boolean {
    return this.#features.mentions(name);
  }

  /** Undefined before the directory's format is complete. */
  get metadataVersion(): number | undefined {
    return this.#features.metadataVersion;
  }

  /** What to write at the present metadata.version. */
  get recordVersions(): RecordVersions {
    return recordVersionsAt(this.metadataVersion ?? formatMetadataVersion);
  }

  /** How many records were read of each kind that is kept, not served. */
  get unserved(): ReadonlyMap<string, number> {
    return this.#unserved;
  }

  /** How many ACLs and SCRAM credentials there are: somebody relies on them. */
  get accessRuleCount(): number {
    return this.#accessRules.size;
  }

  /** True between a BeginTransaction and its end: who wrote it died on the way. */
  get isInTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** A topic whose name differs from this one only by '.' and '_'. */
  topicCollidingWith(name: string): string | undefined {
    return this.#topics.collidingWith(name);
  }

  /** A topic whose name differs from this one only in case. */
  topicIgnoringCase(name: string): string | undefined {
    return this.#topics.sameIgnoringCase(name);
  }

  onChange(listener: (change: ClusterChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners what was replayed since the last call; throws the first of their errors after all were told. */
  publish(): void {
    const changes = this.#changes.take();
    const failures: unknown[] = [];
    for (const change of changes) {
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** kraft.version comes as a control record of Raft, not as one of the metadata. */
  setKraftVersion(level: number, offset: number): void {
    this.#features.set(kraftVersionFeature, level, offset);
  }

  replay(value: Buffer, position: EntryPosition): void {
    this.apply(decodeMetadataRecord(value), position);
  }

  /** `replay` of a record that is decoded already. */
  apply(record: MetadataRecord, position: EntryPosition): void {
    if (record.kind === 'beginTransactionRecord') this.#transaction = [];
    else if (record.kind === 'abortTransactionRecord') this.#transaction = null;
    else if (record.kind === 'endTransactionRecord') this.#endTransaction();
    else if (this.#transaction !== null) this.#transaction.push({ record, position });
    else this.#apply(record, position);
  }

  clear(): void {
    this.brokerEpoch = -1;
    this.nextProducerId = 0;
    this.#topics.clear();
    this.#configs.clear();
    this.#features.clear();
    this.#unserved.clear();
    this.#accessRules.clear();
    this.#transaction = null;
    this.#changes = new PendingChanges();
  }

  #endTransaction(): void {
    const entries = this.#transaction ?? [];
    this.#transaction = null;
    for (const { record, position } of entries) this.#apply(record, position);
  }

  #apply(entry: MetadataRecord, position: EntryPosition): void {
    switch (entry.kind) {
      case 'topicRecord':
        this.#changes.created(this.#topics.add(entry.record));
        break;
      case 'partitionRecord':
        this.#changes.added(this.#topics.addPartition(entry.record), entry.record.partitionId);
        break;
      case 'partitionChangeRecord':
        this.#changes.changed(this.#topics.changePartition(entry.record), entry.record.partitionId);
        break;
      case 'removeTopicRecord':
        this.#removeTopic(entry.record.topicId);
        break;
      case 'configRecord':
        this.#configs.apply(entry.record);
        this.#changes.configured(entry.record.resourceType as ConfigResourceType, entry.record.resourceName);
        break;
      case 'featureLevelRecord':
        if (entry.record.name === kraftVersionFeature) break;
        this.#features.set(entry.record.name, entry.record.featureLevel, position.offset);
        this.#changes.featured();
        break;
      case 'producerIdsRecord':
        this.nextProducerId = Math.max(this.nextProducerId, entry.record.nextProducerId);
        break;
      case 'registerBrokerRecord':
        if (entry.record.brokerId === this.nodeId) this.brokerEpoch = entry.record.brokerEpoch;
        break;
      default:
        this.#noteAccessRule(entry);
        if (unservedKinds.has(entry.kind))
          this.#unserved.set(entry.kind, (this.#unserved.get(entry.kind) ?? 0) + 1);
    }
  }

  #noteAccessRule(entry: MetadataRecord): void {
    switch (entry.kind) {
      case 'accessControlEntryRecord':
        this.#accessRules.add(entry.record.id);
        break;
      case 'removeAccessControlEntryRecord':
        this.#accessRules.delete(entry.record.id);
        break;
      case 'userScramCredentialRecord':
        this.#accessRules.add(`${entry.record.mechanism} ${entry.record.name}`);
        break;
      case 'removeUserScramCredentialRecord':
        this.#accessRules.delete(`${entry.record.mechanism} ${entry.record.name}`);
    }
  }

  #removeTopic(id: string): void {
    const topic = this.#topics.remove(id);
    if (topic === undefined) return;
    this.#configs.removeTopic(topic.name);
    this.#changes.deleted(topic);
  }
}

/** Kinds whose state an issue to come serves; the rest of what `#apply` passes over matters to no single node. */
const unservedKinds: ReadonlySet<MetadataRecord['kind']> = new Set([
  'accessControlEntryRecord',
  'userScramCredentialRecord',
  'clientQuotaRecord',
  'delegationTokenRecord',
] as const);

/** What one batch changed, each thing once, in the order in which it happened first. */
class PendingChanges {
  #changes: ClusterChange[] = [];
  /** Topics created in this batch: all else about them is part of that. */
  readonly #created = new Set<TopicState>();
  readonly #grown = new Map<TopicState, { firstNewIndex: number }>();
  readonly #led = new Map<string, { partition: PartitionState }>();
  readonly #configured = new Set<string>();

  created(topic: TopicState): void {
    this.#created.add(topic);
    this.#changes.push({ kind: 'topic-created', topic });
  }

  added(topic: TopicState | undefined, index: number): void {
    if (topic === undefined || this.#created.has(topic)) return;
    const grown = this.#grown.get(topic);
    if (grown !== undefined) {
      grown.firstNewIndex = Math.min(grown.firstNewIndex, index);
      return;
    }
    const change = { kind: 'partitions-added' as const, topic, firstNewIndex: index };
    this.#grown.set(topic, change);
    this.#changes.push(change);
  }

  changed(topic: TopicState | undefined, index: number): void {
    if (topic === undefined || this.#created.has(topic)) return;
    const key = `${topic.id} ${index}`;
    const partition = topic.partitions[index]!;
    const led = this.#led.get(key);
    if (led !== undefined) led.partition = partition;
    else {
      const change = { kind: 'leader-epoch' as const, topic, partition };
      this.#led.set(key, change);
      this.#changes.push(change);
    }
  }

  deleted(topic: TopicState): void {
    this.#changes.push({ kind: 'topic-deleted', topic });
  }

  configured(type: ConfigResourceType, name: string): void {
    const key = `${type} ${name}`;
    if (this.#configured.has(key)) return;
    this.#configured.add(key);
    this.#changes.push({ kind: 'configs', type, name });
  }

  featured(): void {
    if (!this.#changes.some((change) => change.kind === 'features')) this.#changes.push({ kind: 'features' });
  }

  take(): readonly ClusterChange[] {
    const changes = this.#changes;
    this.#changes = [];
    this.#created.clear();
    this.#grown.clear();
    this.#led.clear();
    this.#configured.clear();
    return changes;
  }
}
