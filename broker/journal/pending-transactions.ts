import type { EntryPosition } from './state-machine.ts';

/**
 * Entries that a journal has read in transactional batches (offset commits of a transaction) and that count only once
 * their COMMIT marker is there. Per producer id, in log order; an ABORT drops them; a log that ends before the marker
 * leaves them here, and the marker that comes later finds them.
 */
export class PendingTransactions<Entry> {
  readonly #byProducer = new Map<number, PendingEntry<Entry>[]>();
  #revision = 0;

  /** Another one after each change: whoever keeps an index of the entries knows whether it is true. */
  get revision(): number {
    return this.#revision;
  }

  add(producerId: number, entry: Entry, position: EntryPosition): void {
    this.#revision += 1;
    const pending = this.#byProducer.get(producerId);
    if (pending === undefined) this.#byProducer.set(producerId, [{ entry, position }]);
    else pending.push({ entry, position });
  }

  /** Takes what a marker decides on, for the caller to replay (COMMIT) or forget (ABORT). */
  take(producerId: number): readonly PendingEntry<Entry>[] {
    const pending = this.#byProducer.get(producerId) ?? [];
    if (this.#byProducer.delete(producerId)) this.#revision += 1;
    return pending;
  }

  /** Every undecided entry: an offset among them is not stable (KIP-447). */
  *entries(): Iterable<Entry> {
    for (const pending of this.#byProducer.values()) for (const { entry } of pending) yield entry;
  }

  /** Forgets undecided entries that something later in the log has made void. */
  drop(matches: (entry: Entry) => boolean): void {
    for (const [producerId, pending] of this.#byProducer) {
      const kept = pending.filter(({ entry }) => !matches(entry));
      if (kept.length === pending.length) continue;
      this.#revision += 1;
      if (kept.length === 0) this.#byProducer.delete(producerId);
      else this.#byProducer.set(producerId, kept);
    }
  }

  get producerCount(): number {
    return this.#byProducer.size;
  }

  clear(): void {
    this.#revision += 1;
    this.#byProducer.clear();
  }
}

export interface PendingEntry<Entry> {
  readonly entry: Entry;
  readonly position: EntryPosition;
}
