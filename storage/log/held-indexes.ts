/**
 * Which sealed indexes are held in memory: those that are searched often, as long as all together take no more than a bound. Where
 * there is no more room, one that was not searched lately goes (second chance, as in environment/open-files.ts).
 *
 * Kafka maps every index into memory and leaves it to the system which pages stay. Node has no mappings, and a search by reads
 * takes six or seven of them, 1 to 1.5 µs each: more than all else that a lookup by key does.
 */

/** An index that is held. */
export interface Holder {
  readonly heldBytes: number;
  /** Set by whoever searches it. */
  isRecentlyUsed: boolean;
  /** From now on it holds nothing, and is none of those any more (`leave`). */
  letGo(): void;
}

/** Of all indexes of the process: those of 64 GB of log with an entry for each 16 KiB. */
const heldBytesMax = 32 * 1024 * 1024;
/** What it costs to hold anything at all. */
const holderBytes = 256;

export class HeldIndexes {
  readonly #bytesMax: number;
  readonly #holders = new Set<Holder>();
  #bytes = 0;

  constructor(bytesMax: number = heldBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Makes room for an index; false where it alone is too large. */
  admit(holder: Holder): boolean {
    const bytes = holder.heldBytes + holderBytes;
    if (bytes > this.#bytesMax) return false;
    for (const other of this.#holders) {
      if (this.#bytes + bytes <= this.#bytesMax) break;
      if (other.isRecentlyUsed) {
        other.isRecentlyUsed = false;
        // To the end of the round: a Set is walked in the order of insertion, and what comes behind is walked too.
        this.#holders.delete(other);
        this.#holders.add(other);
        continue;
      }
      other.letGo();
    }
    // Not yet again: one that is searched all the time is not to go for one that came by.
    holder.isRecentlyUsed = false;
    this.#holders.add(holder);
    this.#bytes += bytes;
    return true;
  }

  /** Idempotent. */
  leave(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#bytes -= holder.heldBytes + holderBytes;
  }
}

export const heldIndexes = new HeldIndexes();
