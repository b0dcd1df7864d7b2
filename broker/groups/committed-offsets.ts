import type { CommittedOffset } from './group-entries.ts';

interface StoredOffset {
  readonly value: CommittedOffset;
  /** Where its record is: of two commits the one written later counts. */
  readonly recordOffset: number;
}

/** Committed offsets of all groups of a shard: group → topic → partition → offset. Changed only by replay. */
export class CommittedOffsets {
  readonly #byGroup = new Map<string, Map<string, Map<number, StoredOffset>>>();

  clear(): void {
    this.#byGroup.clear();
  }

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#byGroup.get(groupId)?.get(topic)?.get(partition)?.value;
  }

  /** What a group has committed; each with its topic and partition. */
  *of(groupId: string): Generator<{ topic: string; partition: number; value: CommittedOffset }> {
    for (const [topic, partitions] of this.#byGroup.get(groupId) ?? [])
      for (const [partition, { value }] of partitions) yield { topic, partition, value };
  }

  groupIds(): Iterable<string> {
    return this.#byGroup.keys();
  }

  /** An entry of a transaction comes with its marker: a later commit may have overtaken it. */
  set(groupId: string, topic: string, partition: number, value: CommittedOffset, recordOffset: number): void {
    let topics = this.#byGroup.get(groupId);
    if (topics === undefined) this.#byGroup.set(groupId, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    const before = partitions.get(partition);
    if (before === undefined || before.recordOffset <= recordOffset)
      partitions.set(partition, { value, recordOffset });
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
