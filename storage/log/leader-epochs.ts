/**
 * Which leader epoch began at which offset (KIP-101, KIP-320): `leader-epoch-checkpoint`, by which consumers find out that
 * the log was cut behind their back.
 *
 *    0            version
 *    2            number of entries
 *    0 0          epoch, start offset: both strictly ascending
 *    3 52
 *
 * A file of 0 bytes has no entries. Kept in memory; log.ts writes the text when it changes. After a crash the entries of
 * what is recovered come back from the batches themselves.
 */

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Also Kafka's answer when it cannot say. */
export const unknownEpoch = -1;
const version = 0;

export class LeaderEpochs {
  #entries: EpochEntry[];

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = [...entries];
  }

  /** The entries in a file; null when it is damaged. */
  static parse(text: string): LeaderEpochs | null {
    if (text === '') return new LeaderEpochs();
    const [versionLine, countLine, ...lines] = text.trimEnd().split('\n');
    if (Number(versionLine) !== version || Number(countLine) !== lines.length) return null;
    const epochs = new LeaderEpochs();
    for (const line of lines) {
      const match = /^(\d+) (\d+)$/.exec(line.trim());
      if (!match) return null;
      epochs.assign(Number(match[1]), Number(match[2]));
    }
    return epochs;
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  get latest(): EpochEntry | null {
    return this.#entries.at(-1) ?? null;
  }

  get earliest(): EpochEntry | null {
    return this.#entries[0] ?? null;
  }

  toText(): string {
    const lines = this.#entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`);
    return `${version}\n${lines.length}\n${lines.join('')}`;
  }

  /** Notes that `epoch` begins at `startOffset`; entries that contradict it go. True when something changed. */
  assign(epoch: number, startOffset: number): boolean {
    const latest = this.latest;
    if (latest && latest.epoch === epoch && startOffset >= latest.startOffset) return false;
    const kept = this.#entries.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset);
    this.#entries = [...kept, { epoch, startOffset }];
    return true;
  }

  /** Forgets the epochs that begin at `endOffset` or above. True when something changed. */
  truncateFromEnd(endOffset: number): boolean {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => entry.startOffset < endOffset);
    return this.#entries.length < before;
  }

  /** Lets the first entry begin at `startOffset`; those that ended before it go. True when something changed. */
  truncateFromStart(startOffset: number): boolean {
    let first = -1;
    while (first + 1 < this.#entries.length && this.#entries[first + 1]!.startOffset <= startOffset) first++;
    if (first < 0 || (first === 0 && this.#entries[0]!.startOffset === startOffset)) return false;
    this.#entries = [{ epoch: this.#entries[first]!.epoch, startOffset }, ...this.#entries.slice(first + 1)];
    return true;
  }

  /**
   * Up to where the log has records of `epoch` (or of the greatest epoch before it, which is then given), as
   * OffsetForLeaderEpoch answers; (-1, -1) when the epoch is later than all here.
   */
  endOffsetFor(epoch: number, logEndOffset: number): { epoch: number; endOffset: number } {
    if (this.latest?.epoch === epoch) return { epoch, endOffset: logEndOffset };
    const higher = this.#entries.findIndex((entry) => entry.epoch > epoch);
    if (epoch === unknownEpoch || higher < 0) return { epoch: unknownEpoch, endOffset: -1 };
    const floor = this.#entries[higher - 1];
    return { epoch: floor?.epoch ?? epoch, endOffset: this.#entries[higher]!.startOffset };
  }

  /** The epoch that `offset` was written in, or -1. */
  epochAt(offset: number): number {
    let found = unknownEpoch;
    for (const entry of this.#entries) {
      if (entry.startOffset > offset) break;
      found = entry.epoch;
    }
    return found;
  }
}
