/**
 * A fetch that found too little waits at its partitions. It counts what has come in all of them up to the high watermark (or the
 * last stable offset), and is answered when that reaches `minBytes`, when something happens that the client must hear of
 * (deletion, a new epoch, a moved log start, a disk error), or when its time is up. It is dropped when its connection closes.
 *
 * A change only marks the partition; counting happens in a microtask after it, so that one request with many partitions wakes a
 * waiter once, and nothing reads a log in the middle of an append.
 */
import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { LogEvent } from '../../storage/log/log-types.ts';
import type { CallerConnection } from '../apis/handler.ts';
import type { FetchTarget } from './fetch-read.ts';
import type { Partition, PartitionWatcher } from './partition.ts';

export interface WaitingPartition {
  readonly partition: Partition;
  readonly target: FetchTarget;
  /** What the fetch has found there so far. */
  bytes: number;
}

export interface FetchWait {
  readonly clock: Clock;
  readonly connection: CallerConnection;
  readonly waiting: readonly WaitingPartition[];
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly isReadCommitted: boolean;
}

/** `answer`: read again and answer; `gone`: nobody is there any more. */
export type WaitEnd = 'answer' | 'gone';

export function waitForBytes(wait: FetchWait): Promise<WaitEnd> {
  return new Promise((resolve) => new WaitingFetch(wait, resolve));
}

class WaitingFetch implements PartitionWatcher {
  readonly #wait: FetchWait;
  readonly #resolve: (end: WaitEnd) => void;
  readonly #byPartition = new Map<Partition, WaitingPartition>();
  readonly #changed = new Set<WaitingPartition>();
  readonly #timer: Timer;
  readonly #forgetConnection: () => void;
  #bytes = 0;
  #mustAnswer = false;
  #isScheduled = false;
  #isOver = false;

  constructor(wait: FetchWait, resolve: (end: WaitEnd) => void) {
    this.#wait = wait;
    this.#resolve = resolve;
    for (const waiting of wait.waiting) {
      this.#byPartition.set(waiting.partition, waiting);
      this.#bytes += waiting.bytes;
      waiting.partition.watch(this);
    }
    this.#timer = wait.clock.schedule(wait.maxWaitMs, () => this.#end('answer'));
    this.#forgetConnection = wait.connection.onClose(() => this.#end('gone'));
    if (wait.connection.isClosed) this.#end('gone');
  }

  partitionChanged(partition: Partition, event: LogEvent): void {
    if (event === 'advanced') this.#changed.add(this.#byPartition.get(partition)!);
    else this.#mustAnswer = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#look());
  }

  #look(): void {
    this.#isScheduled = false;
    if (this.#isOver) return;
    if (this.#mustAnswer) return this.#end('answer');
    for (const waiting of this.#changed) {
      const bytes = availableBytes(waiting, this.#wait.isReadCommitted);
      this.#bytes += bytes - waiting.bytes;
      waiting.bytes = bytes;
    }
    this.#changed.clear();
    if (this.#bytes >= this.#wait.minBytes) this.#end('answer');
  }

  #end(end: WaitEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#forgetConnection();
    for (const partition of this.#byPartition.keys()) partition.unwatch(this);
    this.#resolve(end);
  }
}

function availableBytes({ partition, target }: WaitingPartition, isReadCommitted: boolean): number {
  const read = partition.read(target.fetchOffset, {
    maxBytes: target.maxBytes,
    minOneBatch: true,
    upTo: isReadCommitted ? 'stable' : 'high-watermark',
  });
  // An offset that is out of range now is an error to tell: it counts as enough.
  if (!read.ok) return Number.MAX_SAFE_INTEGER;
  for (const region of read.regions) region.release();
  return Math.min(read.byteLength, target.maxBytes);
}
