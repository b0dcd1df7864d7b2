import type { Log } from '../../storage/log/log.ts';
import type {
  AppendOptions,
  AppendOutcome,
  LogEvent,
  LogRead,
  LogReadRefused,
  ReadOptions,
} from '../../storage/log/log-types.ts';
import type { ProducerState } from '../../storage/log/producer-state.ts';
import { RefusedBeginnings } from './refused-beginnings.ts';

/** Somebody who wants to know when a partition changes: a waiting fetch. */
export interface PartitionWatcher {
  /** Called inside the change; must only take note, never read or append. */
  partitionChanged(partition: Partition, event: LogEvent): void;
}

/** The leader epoch of clients that know none. */
const noEpoch = -1;

/** One partition that this node leads: its log, its leader epoch, and who waits for it. */
export class Partition {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly log: Log;
  readonly refusedBeginnings = new RefusedBeginnings();
  readonly #watchers = new Set<PartitionWatcher>();
  /** Listens to the log while there are watchers: most appends have none, and need not ask. */
  #forgetLog: (() => void) | null = null;
  #leaderEpoch: number;
  #isDeleted = false;

  constructor(log: Log, topic: string, topicId: string, index: number, leaderEpoch: number) {
    this.log = log;
    this.topic = topic;
    this.topicId = topicId;
    this.index = index;
    this.#leaderEpoch = leaderEpoch;
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /** False once the topic is deleted: whoever still holds it must look the partition up again. */
  get isLive(): boolean {
    return !this.#isDeleted;
  }

  get logStartOffset(): number {
    return this.log.logStartOffset;
  }

  get endOffset(): number {
    return this.log.endOffset;
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  /** Appends under this partition's leader epoch. `records` is borrowed until the call returns, see Log.append. */
  append(
    records: Buffer,
    options: Omit<AppendOptions, 'leaderEpoch'>,
  ): AppendOutcome | Promise<AppendOutcome> {
    // Not spread out: that costs as much as the checks of a small batch.
    const { origin, ownsBuffer, transactionVersion, precondition } = options;
    const leaderEpoch = this.#leaderEpoch;
    const isAwaited = this.#watchers.size > 0;
    return this.log.append(records, {
      origin,
      leaderEpoch,
      ownsBuffer,
      isAwaited,
      transactionVersion,
      precondition,
    });
  }

  /** What this partition knows of a producer. */
  producer(producerId: number): ProducerState | undefined {
    return this.log.producer(producerId);
  }

  read(offset: number, options: ReadOptions): LogRead | LogReadRefused {
    return this.log.read(offset, options);
  }

  /** The same, for one who must not wait for the disk: null where it might, `reach` it then. */
  readNow(offset: number, options: ReadOptions): LogRead | LogReadRefused | null {
    return this.log.paced.read(offset, options);
  }

  /** Brings into memory what a read looks at. */
  reach(offset: number, options: ReadOptions): Promise<void> {
    return this.log.paced.reach(offset, options);
  }

  /** Where a leader epoch ended here (KIP-320); (-1, -1) when it is not known. The current one ends at the high watermark. */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } {
    if (epoch === this.#leaderEpoch) return { epoch, endOffset: this.log.highWatermark };
    // A log that nobody has written yet does not know that its first epoch begins here.
    if (this.log.latestEpoch() === null && epoch !== noEpoch && epoch < this.#leaderEpoch)
      return { epoch, endOffset: this.log.highWatermark };
    return this.log.endOffsetForEpoch(epoch);
  }

  /** A new term: the epoch enters the leader epoch file, waiting fetches are answered. */
  beginLeaderEpoch(epoch: number): void {
    if (epoch <= this.#leaderEpoch) return;
    this.#leaderEpoch = epoch;
    this.log.beginEpoch(epoch);
    this.#announce('truncated');
  }

  /** The topic is gone: appends are refused, waiters are told. The directory is the log directory's business. */
  markDeleted(): void {
    if (this.#isDeleted) return;
    this.#isDeleted = true;
    this.log.markDeleted();
    this.#announce('deleted');
  }

  watch(watcher: PartitionWatcher): void {
    this.#watchers.add(watcher);
    this.#forgetLog ??= this.log.onEvent((event) => this.#announce(event));
  }

  unwatch(watcher: PartitionWatcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#forgetLog?.();
    this.#forgetLog = null;
  }

  #announce(event: LogEvent): void {
    for (const watcher of this.#watchers) watcher.partitionChanged(this, event);
  }
}
