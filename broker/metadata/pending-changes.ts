import type { ClusterChange, ConfigResourceType, PartitionState, TopicState } from './cluster-state.ts';

/** What one batch changed, each thing once, in the order in which it happened first. */
export class PendingChanges {
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
