/**
 * Which log the cleaner takes next. All logs are looked at once for many passes: a look before each, with a thousand due, costs as much as
 * the passes. A log is looked at again when its turn has come, and all are when none of the ranked is due any more.
 */
import { type Cleanable, rankDue } from '../../compaction/cleanable.ts';
import type { CleanerView } from '../../storage/log/cleaner-view.ts';
import type { Log } from '../../storage/log/log.ts';

export interface DueLog {
  readonly log: Log;
  readonly view: CleanerView;
  readonly cleanable: Cleanable;
}

export class DueLogs {
  readonly #logs: () => Iterable<Log>;
  readonly #look: (log: Log) => DueLog | null;
  /** The dirtiest last. */
  #ranked: Log[] = [];

  /** `look` gives null for a log that must be left alone now. */
  constructor(logs: () => Iterable<Log>, look: (log: Log) => DueLog | null) {
    this.#logs = logs;
    this.#look = look;
  }

  /** The next one is taken from all logs as they are then. */
  forget(): void {
    this.#ranked = [];
  }

  /** The dirtiest of those that are due, as of the last look at all; null when none is. */
  next(): DueLog | null {
    const ranked = this.#nextRanked();
    if (ranked !== null) return ranked;
    const found: DueLog[] = [];
    for (const log of this.#logs()) {
      const seen = this.#look(log);
      if (seen !== null) found.push(seen);
    }
    const [first, ...rest] = rankDue(found);
    this.#ranked = rest.reverse().map(({ log }) => log);
    return first ?? null;
  }

  #nextRanked(): DueLog | null {
    for (let log = this.#ranked.pop(); log !== undefined; log = this.#ranked.pop()) {
      const seen = this.#look(log);
      if (seen?.cleanable.isDue) return seen;
    }
    return null;
  }
}
