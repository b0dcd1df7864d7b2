/**
 * A fetch that found too little waits at its partitions. It counts what has come in all of them up to the high watermark (or the
 * last stable offset), and is answered when that reaches `minBytes`, when something happens that the client must hear of
 * (deletion, a new epoch, a moved log start, a disk error), or when its time is up. It is dropped when its connection closes.
 *
 * A change only marks the partition; counting happens in a microtask after it, so that one request with many partitions wakes a
 * waiter once, and nothing reads a log in the middle of an append. A fetch of very many partitions goes to its places in turns of
 * the loop.
 */

import { type Clock, microtask, type Timer } from '../../storage/environment/clock.ts';
import type { LogEvent } from '../../storage/log/log-types.ts';
import type { CallerConnection } from '../apis/handler.ts';
import type { FetchTarget } from './fetch-read.ts';
import type { Partition, PartitionWatcher } from './partition.ts';

/** So many partitions are looked at in one turn of the loop; a larger fetch lets others in between. */
export const partitionsPerTurn = 2_000;

export interface FetchWait {
  readonly clock: Clock;
  readonly connection: CallerConnection;
  readonly targets: readonly FetchTarget[];
  /** The partition of a target; undefined when there is none. */
  find(target: FetchTarget): Partition | undefined;
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly isReadCommitted: boolean;
}

/** `answer`: read again and answer; `gone`: nobody is there any more. */
export type WaitEnd = 'answer' | 'gone';

export function waitForBytes(wait: FetchWait): Promise<WaitEnd> {
  return new Promise((resolve, reject) => {
    new WaitingFetch(wait, resolve, reject).begin();
  });
}

interface Waiting {
  readonly partition: Partition;
  readonly target: FetchTarget;
  /** What there is to read, as of the last look. */
  bytes: number;
}

class WaitingFetch implements PartitionWatcher {
  readonly #wait: FetchWait;
  readonly #resolve: (end: WaitEnd) => void;
  readonly #reject: (error: unknown) => void;
  readonly #byPartition = new Map<Partition, Waiting>();
  readonly #changed = new Set<Waiting>();
  readonly #timer: Timer;
  readonly #forgetConnection: () => void;
  #next = 0;
  #bytes = 0;
  #mustAnswer = false;
  #isScheduled = false;
  #isOver = false;

  constructor(wait: FetchWait, resolve: (end: WaitEnd) => void, reject: (error: unknown) => void) {
    this.#wait = wait;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = wait.clock.schedule(wait.maxWaitMs, () => this.#end('answer'));
    this.#forgetConnection = wait.connection.onClose(() => this.#end('gone'));
  }

  /** Goes to its partitions; what has come since they were read counts, too. */
  begin(): void {
    if (this.#wait.connection.isClosed) return this.#end('gone');
    this.#guarded(() => {
      const { targets, clock } = this.#wait;
      const end = Math.min(targets.length, this.#next + partitionsPerTurn);
      while (this.#next < end) this.#place(targets[this.#next++]!);
      if (this.#bytes >= this.#wait.minBytes) this.#end('answer');
      else if (this.#next < targets.length) clock.defer(() => this.begin());
    });
  }

  partitionChanged(partition: Partition, event: LogEvent): void {
    // Nothing new to read.
    if (event === 'replaced') return;
    if (event === 'advanced') this.#changed.add(this.#byPartition.get(partition)!);
    else this.#mustAnswer = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    microtask(() => this.#guarded(() => this.#look()));
  }

  #place(target: FetchTarget): void {
    const partition = this.#wait.find(target);
    // There is nothing to wait for at a partition that is not there.
    if (partition === undefined) return;
    const bytes = availableBytes(partition, target, this.#wait.isReadCommitted);
    this.#byPartition.set(partition, { partition, target, bytes });
    this.#bytes += bytes;
    partition.watch(this);
  }

  #look(): void {
    this.#isScheduled = false;
    if (this.#mustAnswer) return this.#end('answer');
    for (const waiting of this.#changed) {
      const bytes = availableBytes(waiting.partition, waiting.target, this.#wait.isReadCommitted);
      this.#bytes += bytes - waiting.bytes;
      waiting.bytes = bytes;
    }
    this.#changed.clear();
    if (this.#bytes >= this.#wait.minBytes) this.#end('answer');
  }

  /** Runs outside every request: what fails here must reach the one that waits. */
  #guarded(action: () => void): void {
    if (this.#isOver) return;
    try {
      action();
    } catch (error) {
      this.#leave();
      this.#reject(error);
    }
  }

  #end(end: WaitEnd): void {
    if (this.#isOver) return;
    this.#leave();
    this.#resolve(end);
  }

  #leave(): void {
    this.#isOver = true;
    this.#timer.cancel();
    this.#forgetConnection();
    for (const partition of this.#byPartition.keys()) partition.unwatch(this);
  }
}

const enough = Number.MAX_SAFE_INTEGER;

/** Bytes that a fetch from this offset would count, without a limit of the whole. */
function availableBytes(partition: Partition, target: FetchTarget, isReadCommitted: boolean): number {
  const { log } = partition;
  const bound = isReadCommitted ? log.lastStableOffset : log.highWatermark;
  if (target.fetchOffset === bound) return 0;
  // In an older segment there is no more to come than what is there, however much the newer ones have.
  if (target.fetchOffset < bound && log.isInOlderSegment(target.fetchOffset, bound)) return enough;
  const read = partition.read(target.fetchOffset, {
    maxBytes: target.maxBytes,
    minOneBatch: true,
    upTo: isReadCommitted ? 'stable' : 'high-watermark',
  });
  // An offset that is out of range now is an error to tell: it counts as enough.
  if (!read.ok) return enough;
  for (const region of read.regions) region.release();
  return Math.min(read.byteLength, target.maxBytes);
}
