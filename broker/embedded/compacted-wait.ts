/**
 * Waiting until what is in a topic is compacted. The cleaner of itself would do that when enough is dirty and the segment that is written
 * to has been sealed, which in a test is never; so whoever waits asks for it:
 *
 *     look ──▶ all below the ends of the call is clean: done
 *       │
 *       ├──▶ something can be sealed or cleaned that could not be at the last look: ask for that, and look again
 *       └──▶ nothing can (min.compaction.lag.ms, an open transaction, a pass under way): wait for a change, or for the lag to be over
 */
import type { BlockedSegment } from '../../compaction/cleanable.ts';
import type { Log } from '../../storage/log/log.ts';
import { CompactionRefused, refuseUnlessCompacted } from '../cleaning/compaction-refused.ts';
import { OptionError } from '../options/option-error.ts';
import {
  checkWait,
  type Look,
  refuseUnknown,
  until,
  type Waited,
  WaitFailed,
  type WaitTimeout,
} from './waits.ts';

/** What has been compacted of a partition. */
export interface CompactedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Everything below it is clean. */
  readonly cleanUpToOffset: number;
  readonly endOffset: number;
}

/** Resolves when all that is in the topic now has been compacted. Rejects at once for a topic that is not compacted. */
export function compacted(
  waited: Waited,
  topic: string,
  options: WaitTimeout = {},
): Promise<CompactedPartition[]> {
  checkWait('compacted', options);
  const { services } = waited.broker;
  refuseUnknown(services, topic);
  const ended = new AbortController();
  let changed = (): void => {};
  const wanted = services.cluster.topic(topic)!.partitions.map((_, partition) => {
    const log = services.partitions.get(topic, partition)?.log;
    if (log === undefined) throw new WaitFailed(`this node has no replica of ${topic}-${partition}`);
    return new WantedLog(waited, log, ended.signal, () => changed());
  });
  const look = (): Look<CompactedPartition[]> => {
    if (services.cluster.topic(topic) === undefined)
      throw new OptionError('topic', `the topic ${topic} was deleted`);
    const open = wanted.map((each) => each.look()).filter((saw) => saw !== null);
    return open.length === 0 ? { done: wanted.map(({ state }) => state) } : { saw: open.join('; ') };
  };
  const follow = (call: () => void): (() => void) => {
    changed = call;
    return () => {
      ended.abort();
      for (const each of wanted) each.forget();
    };
  };
  return until(waited, { what: `${topic} to be compacted`, topics: () => [topic], look, follow }, options);
}

class WantedLog {
  readonly #waited: Waited;
  readonly #log: Log;
  readonly #ended: AbortSignal;
  readonly #changed: () => void;
  /** What is to be clean: all that there was at the beginning. */
  readonly #wantedOffset: number;
  /** How it was when it was asked for last: the same again would do the same again. */
  #askedAt = '';
  #isAsking = false;
  #failure: Error | null = null;
  #forgetLag = (): void => {};

  constructor(waited: Waited, log: Log, ended: AbortSignal, changed: () => void) {
    this.#waited = waited;
    this.#log = log;
    this.#ended = ended;
    this.#changed = changed;
    this.#wantedOffset = log.endOffset;
  }

  get state(): CompactedPartition {
    const { topic, partition, endOffset } = this.#log;
    const { firstDirtyOffset } = this.#waited.broker.cleanable(this.#log).cleanable;
    return { topic, partition, cleanUpToOffset: firstDirtyOffset, endOffset };
  }

  /** Null: it is clean, as far as is wanted. Else what there is instead; asks for what can be done about it. */
  look(): string | null {
    this.forget();
    if (this.#failure !== null) throw this.#failure;
    const log = this.#log;
    const name = `${log.topic}-${log.partition}`;
    try {
      refuseUnlessCompacted(log);
    } catch (error) {
      throw new WaitFailed((error as Error).message);
    }
    const { cleanable, isBusy } = this.#waited.broker.cleanable(log);
    const { firstDirtyOffset, firstUncleanableOffset, blocked } = cleanable;
    if (firstDirtyOffset >= this.#wantedOffset) return null;
    if (isBusy || this.#isAsking) return `a pass over ${name} is under way`;
    const activeBase = log.segments().at(-1)?.baseOffset ?? log.endOffset;
    const state = `${firstDirtyOffset} ${firstUncleanableOffset} ${activeBase}`;
    if (
      state !== this.#askedAt &&
      (activeBase < this.#wantedOffset || firstUncleanableOffset > firstDirtyOffset)
    ) {
      this.#askedAt = state;
      this.#ask(activeBase < this.#wantedOffset);
      return `a pass over ${name} is under way`;
    }
    const [first] = blocked;
    if (first?.reason === 'lag') this.#followLag(first);
    const range = `offsets ${firstDirtyOffset} to ${this.#wantedOffset - 1} of ${name} are not clean`;
    return first === undefined ? range : `${range}: ${this.#why(first)}`;
  }

  forget(): void {
    this.#forgetLag();
    this.#forgetLag = () => {};
  }

  #ask(includeActive: boolean): void {
    const { topic, partition } = this.#log;
    this.#isAsking = true;
    const asked = { partition, includeActive, signal: this.#ended };
    this.#waited.broker.compactions
      .compact(topic, asked)
      .then(([receipt]) => {
        if (receipt?.outcome === 'failed')
          this.#failure = new WaitFailed(`${topic}-${partition} cannot be compacted: ${receipt.why}`);
      })
      .catch((error) => {
        this.#failure = error instanceof CompactionRefused ? new WaitFailed(error.message) : error;
      })
      .finally(() => {
        this.#isAsking = false;
        this.#changed();
      });
  }

  #followLag({ untilMs }: BlockedSegment): void {
    const { clock } = this.#waited.broker.services.environment;
    const timer = clock.schedule(Math.max(1, untilMs - clock.nowMs()), this.#changed);
    this.#forgetLag = () => timer.cancel();
  }

  #why({ segment, reason, untilMs }: BlockedSegment): string {
    const leftMs = untilMs - this.#waited.broker.services.environment.clock.nowMs();
    if (reason === 'lag')
      return `offset ${segment.nextOffset - 1} is too young for ${leftMs} ms yet (min.compaction.lag.ms)`;
    if (reason === 'open-transaction') return 'a transaction is open there';
    return 'they are in the segment that is written to';
  }
}
