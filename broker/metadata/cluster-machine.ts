import { zeroUuid } from '../../protocol/schema/field.ts';
import type { EntryPosition, StateMachine } from '../journal/state-machine.ts';
import type { ClusterChange, ClusterState, ConfigResourceType, TopicState } from './cluster-state.ts';
import { ConfigOverrides } from './configs.ts';
import {
  FeatureLevels,
  formatMetadataVersion,
  kraftVersionFeature,
  type RecordVersions,
  recordVersionsAt,
} from './features.ts';
import { KeptRecords } from './kept-records.ts';
import { PendingChanges } from './pending-changes.ts';
import { copyOf, decodeMetadataRecord, type MetadataRecord } from './records/index.ts';
import { Registrations } from './registrations.ts';
import { TopicTable } from './topics.ts';

/**
 * The state machine of `__cluster_metadata`. An entry is a record's value as it is in the log; replaying one changes the
 * tables behind the ClusterState that everybody reads. Listeners hear of it when the whole batch is replayed (`publish`),
 * so nobody sees a topic without its partitions.
 *
 * Records between BeginTransaction and EndTransaction count at the end, those before an AbortTransaction never. Records of
 * things that are not served (ACLs, credentials, quotas, tokens) are kept as they are, for the log's snapshots.
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
  readonly #kept = new KeptRecords();
  readonly #registrations = new Registrations();
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  /** Topics that were removed since the last snapshot; null: nobody wants to know any more. */
  #removedIds: Set<string> | null = new Set();
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

  /** Features that the log has a word on, if only that they are off. */
  get mentionedFeatures(): Iterable<string> {
    return this.#features.mentioned;
  }

  /** Records that are in force somewhere else, not here. */
  get kept(): KeptRecords {
    return this.#kept;
  }

  /** Every broker that has ever registered and was not unregistered. */
  get registrations(): Registrations {
    return this.#registrations;
  }

  /** How many ACLs and SCRAM credentials there are: somebody relies on them. */
  get accessRuleCount(): number {
    const { counts } = this.#kept;
    return (counts.get('accessControlEntryRecord') ?? 0) + (counts.get('userScramCredentialRecord') ?? 0);
  }

  /** Whether the records say so that a start reads: those since the last snapshot. Nobody may ask after `started`. */
  wasRemoved(topicId: string): boolean {
    return this.#removedIds?.has(topicId) ?? false;
  }

  /** The start is over. */
  started(): void {
    this.#removedIds = null;
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
    else if (this.#transaction !== null) this.#transaction.push({ record: copyOf(record), position });
    else this.#apply(record, position);
  }

  clear(): void {
    this.brokerEpoch = -1;
    this.nextProducerId = 0;
    this.#topics.clear();
    this.#configs.clear();
    this.#features.clear();
    this.#kept.clear();
    this.#registrations.clear();
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
      case 'clearElrRecord':
        for (const { topic, index } of this.#topics.clearElr(entry.record.topicName))
          this.#changes.changed(topic, index);
        break;
      case 'registerBrokerRecord':
        if (entry.record.brokerId === this.nodeId) this.brokerEpoch = entry.record.brokerEpoch;
        this.#registrations.apply(entry);
        break;
      default:
        this.#registrations.apply(entry);
        this.#kept.apply(entry);
    }
  }

  #removeTopic(id: string): void {
    const topic = this.#topics.remove(id);
    this.#removedIds?.add(id);
    if (topic === undefined) return;
    this.#configs.removeTopic(topic.name);
    this.#changes.deleted(topic);
  }
}
