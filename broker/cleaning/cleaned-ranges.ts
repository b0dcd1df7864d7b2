import type { CleanerOffsets } from '../../storage/directory/cleaner-offsets.ts';
import type { Clock } from '../../storage/environment/clock.ts';
import type { Log } from '../../storage/log/log.ts';

/** Below `upToOffset` the cleaner may have taken records away, the last time before `sinceMs` (wall clock). */
export interface CleanedRange {
  readonly upToOffset: number;
  readonly sinceMs: number;
}

/**
 * Of which offsets a log still has every record: for whoever asks it about the past. The checkpoint says so when all went well. A pass
 * that is replacing segments, or broke off while it was, has gone further; so may have one that was at work just before an
 * unclean stop: then what was sealed counts as cleaned.
 */
export class CleanedRanges {
  readonly #offsets: CleanerOffsets;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #replaced = new WeakMap<Log, CleanedRange>();

  constructor(offsets: CleanerOffsets, clock: Clock) {
    this.#offsets = offsets;
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
  }

  of(log: Log): CleanedRange {
    const checkpoint = Math.min(this.#offsets.get(log.topic, log.partition) ?? 0, log.endOffset);
    const replaced = this.#replaced.get(log);
    return {
      upToOffset: Math.max(checkpoint, log.sealedBeforeCrash, replaced?.upToOffset ?? 0),
      sinceMs: replaced?.sinceMs ?? this.#startedMs,
    };
  }

  /** A pass over the log is about to replace segments. */
  replacing(log: Log, upToOffset: number): void {
    this.#replaced.set(log, {
      upToOffset: Math.max(upToOffset, this.of(log).upToOffset),
      sinceMs: this.#clock.nowMs(),
    });
  }
}
