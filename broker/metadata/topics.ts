import type { RecordOf } from '../../protocol/schema/api.ts';
import type { PartitionState, TopicState } from './cluster-state.ts';
import type { partitionChangeRecord, partitionRecord, topicRecord } from './records/topics.ts';
import { isInternalTopic } from './topic-names.ts';

/**
 * Topics and their partitions as TopicRecord, PartitionRecord, PartitionChangeRecord and RemoveTopicRecord tell them. The
 * objects are live: a topic's identity stays while its partitions change, so whoever holds one sees the present.
 *
 * Epochs of a partition: `partitionEpoch` grows with every change record, `leaderEpoch` exactly with those that name a
 * leader, be it the same one.
 */
export class TopicTable {
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  /** Names that would be one in metric names ('.' as '_'), and on a disk that ignores case. */
  readonly #unified = new NameIndex((name) => name.replaceAll('.', '_'));
  readonly #lowerCase = new NameIndex((name) => name.toLowerCase());
  /** Null until somebody asks: a load adds thousands. */
  #sorted: Topic[] | null = null;
  #partitionCount = 0;

  get size(): number {
    return this.#byName.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  get(name: string): TopicState | undefined {
    return this.#byName.get(name);
  }

  getById(id: string): TopicState | undefined {
    return this.#byId.get(id);
  }

  /** By name, ascending. */
  sorted(): readonly TopicState[] {
    this.#sorted ??= [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#sorted;
  }

  /** A topic that differs from `name` only by '.' and '_', if either is in it. */
  collidingWith(name: string): string | undefined {
    return /[._]/.test(name) ? this.#unified.first(name) : undefined;
  }

  /** A topic that differs from `name` only in case. */
  sameIgnoringCase(name: string): string | undefined {
    return this.#lowerCase.first(name);
  }

  add({ name, topicId }: RecordOf<typeof topicRecord>): TopicState {
    const topic: Topic = { name, id: topicId, isInternal: isInternalTopic(name), partitions: [] };
    this.#byName.set(name, topic);
    this.#byId.set(topicId, topic);
    this.#unified.add(name);
    this.#lowerCase.add(name);
    this.#sorted?.splice(placeOf(name, this.#sorted), 0, topic);
    return topic;
  }

  /** The topic that went, undefined if there was none. */
  remove(id: string): TopicState | undefined {
    const topic = this.#byId.get(id);
    if (topic === undefined) return undefined;
    this.#byId.delete(id);
    this.#byName.delete(topic.name);
    this.#unified.delete(topic.name);
    this.#lowerCase.delete(topic.name);
    this.#partitionCount -= topic.partitions.length;
    this.#sorted?.splice(placeOf(topic.name, this.#sorted), 1);
    return topic;
  }

  addPartition(record: RecordOf<typeof partitionRecord>): TopicState | undefined {
    const topic = this.#byId.get(record.topicId);
    if (topic === undefined) return undefined;
    const { partitionId: index, leader, leaderEpoch, partitionEpoch, replicas, isr, directories } = record;
    if (topic.partitions[index] === undefined) this.#partitionCount += 1;
    topic.partitions[index] = {
      index,
      leader,
      leaderEpoch,
      partitionEpoch,
      replicas,
      isr,
      directories,
      removingReplicas: orNone(record.removingReplicas),
      addingReplicas: orNone(record.addingReplicas),
      leaderRecoveryState: record.leaderRecoveryState,
      eligibleLeaderReplicas: orNone(record.eligibleLeaderReplicas),
      lastKnownElr: orNone(record.lastKnownElr),
    };
    return topic;
  }

  changePartition(record: RecordOf<typeof partitionChangeRecord>): TopicState | undefined {
    const topic = this.#byId.get(record.topicId);
    const before = topic?.partitions[record.partitionId];
    if (topic === undefined || before === undefined) return undefined;
    const hasLeader = record.leader !== noLeaderChange;
    const hasRecovery = record.leaderRecoveryState !== noRecoveryChange;
    topic.partitions[record.partitionId] = {
      index: before.index,
      leader: hasLeader ? record.leader : before.leader,
      leaderEpoch: before.leaderEpoch + (hasLeader ? 1 : 0),
      partitionEpoch: before.partitionEpoch + 1,
      replicas: record.replicas ?? before.replicas,
      isr: record.isr ?? before.isr,
      directories: record.directories ?? before.directories,
      removingReplicas: changed(record.removingReplicas, before.removingReplicas),
      addingReplicas: changed(record.addingReplicas, before.addingReplicas),
      leaderRecoveryState: hasRecovery ? record.leaderRecoveryState : before.leaderRecoveryState,
      eligibleLeaderReplicas: changed(record.eligibleLeaderReplicas, before.eligibleLeaderReplicas),
      lastKnownElr: changed(record.lastKnownElr, before.lastKnownElr),
    };
    return topic;
  }

  /** Empties the lists of eligible leaders of a topic, or with an empty name of all; tells which partitions had any. */
  clearElr(topicName: string): { readonly topic: TopicState; readonly index: number }[] {
    const cleared = [];
    for (const topic of this.#byName.values()) {
      if (topicName !== '' && topic.name !== topicName) continue;
      for (const [index, partition] of topic.partitions.entries()) {
        if (
          partition === undefined ||
          partition.eligibleLeaderReplicas.length + partition.lastKnownElr.length === 0
        )
          continue;
        const partitionEpoch = partition.partitionEpoch + 1;
        topic.partitions[index] = {
          ...partition,
          partitionEpoch,
          eligibleLeaderReplicas: none,
          lastKnownElr: none,
        };
        cleared.push({ topic, index });
      }
    }
    return cleared;
  }

  clear(): void {
    this.#byName.clear();
    this.#byId.clear();
    this.#unified.clear();
    this.#lowerCase.clear();
    this.#sorted = null;
    this.#partitionCount = 0;
  }
}

/** What PartitionChangeRecord.leader holds when it names none. */
export const noLeaderChange = -2;

/** What PartitionChangeRecord.leaderRecoveryState holds when it changes nothing. */
const noRecoveryChange = -1;

/** One for all: thousands of partitions have nothing under way. */
const none: readonly number[] = [];

function orNone(ids: readonly number[] | null): readonly number[] {
  return ids === null || ids.length === 0 ? none : ids;
}

function changed(ids: readonly number[] | null, before: readonly number[]): readonly number[] {
  return ids === null ? before : orNone(ids);
}

interface Topic extends TopicState {
  readonly partitions: PartitionState[];
}

/** Where a name is, or belongs, among topics sorted by name. */
function placeOf(name: string, sorted: readonly TopicState[]): number {
  let low = 0;
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Names by what they would be if some letters were the same. */
class NameIndex {
  readonly #unify: (name: string) => string;
  readonly #names = new Map<string, string[]>();

  constructor(unify: (name: string) => string) {
    this.#unify = unify;
  }

  first(name: string): string | undefined {
    return this.#names.get(this.#unify(name))?.[0];
  }

  add(name: string): void {
    const key = this.#unify(name);
    const names = this.#names.get(key);
    if (names === undefined) this.#names.set(key, [name]);
    else names.push(name);
  }

  delete(name: string): void {
    const key = this.#unify(name);
    const left = (this.#names.get(key) ?? []).filter((other) => other !== name);
    if (left.length === 0) this.#names.delete(key);
    else this.#names.set(key, left);
  }

  clear(): void {
    this.#names.clear();
  }
}
