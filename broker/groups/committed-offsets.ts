import type { CommittedOffset } from './group-entries.ts';

/** What one group has committed: topic → partition → offset. Changed only by replay. */
export type GroupOffsets = Map<string, Map<number, CommittedOffset>>;

/** Committed offsets of all groups of a shard, and which of them an open transaction is about to change. */
export class CommittedOffsets {
  readonly #byGroup = new Map<string, GroupOffsets>();

  clear(): void {
    this.#byGroup.clear();
  }

  of(groupId: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> | undefined {
    return this.#byGroup.get(groupId);
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#byGroup.get(groupId)?.get(topic)?.get(partition);
  }

  groupIds(): Iterable<string> {
    return this.#byGroup.keys();
  }

  set(groupId: string, topic: string, partition: number, value: CommittedOffset): void {
    let topics = this.#byGroup.get(groupId);
    if (topics === undefined) this.#byGroup.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    partitions.set(partition, value);
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.#byGroup.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined) return;
    partitions.delete(partition);
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.#byGroup.delete(groupId);
  }
}
