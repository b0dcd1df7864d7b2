import type { CleanerOffsets } from '../../storage/directory/cleaner-offsets.ts';
import type { Log } from '../../storage/log/log.ts';

/**
 * Of which offsets a log still has every record: for whoever asks it about the past. The checkpoint says so when all went well. A pass
 * that is replacing segments, or broke off while it was, has gone further; so may have one that was at work just before an
 * unclean stop: then what was sealed counts as cleaned.
 */
export class CleanedRanges {
  readonly #offsets: CleanerOffsets;
  readonly #replaced = new WeakMap<Log, number>();

  constructor(offsets: CleanerOffsets) {
    this.#offsets = offsets;
  }

  /** Below it the cleaner may have taken records away. */
  of(log: Log): number {
    const checkpoint = Math.min(this.#offsets.get(log.topic, log.partition) ?? 0, log.endOffset);
    return Math.max(checkpoint, log.sealedBeforeCrash, this.#replaced.get(log) ?? 0);
  }

  /** A pass over the log is about to replace segments. */
  replacing(log: Log, upToOffset: number): void {
    this.#replaced.set(log, Math.max(upToOffset, this.of(log)));
  }
}
