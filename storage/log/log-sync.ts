import type { TopicSettings } from '../config/topic-settings.ts';
import { type Clock, outsideClock, type Timer } from '../environment/clock.ts';
import { type File, FileError, type FileSystem } from '../environment/files.ts';
import type { Commit } from './append-queue.ts';
import type { DurabilityPolicy } from './log-types.ts';

/**
 * What of a log is on the device. Keeps the files and directories that hold bytes or names which are not, and syncs them:
 * before an acknowledgement (`fsync`, `flush.messages`, the metadata log), some time after an append (`interval`,
 * `flush.ms`), behind a roll, or when asked to.
 *
 * - `syncedOffset`: every record below it is on the device. Under `fsync` it is the high watermark.
 * - `recoveryPoint`: besides, the indexes of all sealed segments below it are. A start after a crash looks at nothing
 *   before the segment that holds it.
 *
 * Syncs run one after the other, so that one which finds nothing left to do still waits for those before it. A sync that
 * fails is never tried again: the kernel may have dropped the bytes and say "done" to the next one. The log goes offline;
 * appends that were waiting are refused, and whether a later start finds them is open, as after any lost answer.
 */

export interface SyncedLog {
  endOffset(): number;
  /** A sync failed: nothing that was not synced by now will be. */
  failed(error: unknown): void;
  /** `syncedOffset` moved up. */
  synced(): void;
}

/** A timer cannot wait longer. */
const timerMsMax = 2 ** 31 - 1;

export class LogSync implements Commit {
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #log: SyncedLog;
  readonly policy: DurabilityPolicy;
  syncedOffset: number;
  #flushMessages = Number.MAX_SAFE_INTEGER;
  #flushMs = Number.MAX_SAFE_INTEGER;
  #unsynced = new Set<File>();
  /** It is in there: an append to it changes nothing. */
  #lastWritten: File | null = null;
  #unsyncedDirectories = new Set<string>();
  readonly #forgotten = new WeakSet<File>();
  /** Small files that nobody keeps open. */
  readonly #closing = new WeakSet<File>();
  /** Base offsets of sealed segments whose files are still being synced, ascending. */
  #sealed: number[] = [];
  #demanded = false;
  /** Syncs that have not ended. */
  #running = 0;
  #failed = false;
  #timer: Timer | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(
    files: FileSystem,
    clock: Clock,
    log: SyncedLog,
    policy: DurabilityPolicy,
    syncedOffset: number,
  ) {
    this.#files = files;
    this.#clock = outsideClock(clock);
    this.#log = log;
    this.policy = policy;
    this.syncedOffset = syncedOffset;
  }

  get recoveryPoint(): number {
    return this.#sealed.length === 0 ? this.syncedOffset : Math.min(this.syncedOffset, this.#sealed[0]!);
  }

  /** Whether something was written that no sync has covered. */
  get isDirty(): boolean {
    return this.#unsynced.size > 0 || this.#unsyncedDirectories.size > 0;
  }

  /** Takes `flush.messages` and `flush.ms` from a topic's settings. */
  follow(settings: TopicSettings): void {
    this.#flushMessages = settings['flush.messages'];
    this.#flushMs = settings['flush.ms'];
    this.#lastWritten = null;
  }

  /** Whether everything that was written is on the device. */
  get isSettled(): boolean {
    return !this.isDirty && this.#running === 0;
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Bytes were written to a file. */
  wrote(file: File): void {
    if (file === this.#lastWritten || this.#failed) return;
    this.#lastWritten = file;
    this.#unsynced.add(file);
    if (this.#timer === null && this.policy.kind !== 'fsync') this.#startTimer();
  }

  /** Names in a directory changed. */
  named(directory: string): void {
    this.#unsyncedDirectories.add(directory);
  }

  /** The append under way must be synced whatever the policy. */
  demand(): void {
    this.#demanded = true;
  }

  isDue(): boolean {
    if (this.#failed) return false;
    if (this.#demanded) return true;
    if (this.policy.kind === 'fsync') return this.isDirty || this.#log.endOffset() > this.syncedOffset;
    if (this.#flushMessages >= Number.MAX_SAFE_INTEGER) return false;
    return this.#log.endOffset() - this.syncedOffset >= this.#flushMessages;
  }

  run(): Promise<void> {
    this.#demanded = false;
    return this.flush();
  }

  /** Resolves when all that was written before the call is on the device, or the log is offline. */
  flush(): Promise<void> {
    return this.#next(async () => {
      const upTo = this.#log.endOffset();
      if (!this.isDirty && this.syncedOffset >= upTo) return;
      this.#stopTimer();
      await this.#syncAll();
      this.#advance(upTo);
    });
  }

  /** A segment was sealed and the log goes on at `nextBase`: brings all up to there to the device in the background. */
  sealed(baseOffset: number, nextBase: number, files: readonly File[], directory: string): void {
    this.#sealed.push(baseOffset);
    // At once: whatever sync comes first must cover the names and bytes of the roll.
    for (const file of files) this.#unsynced.add(file);
    this.named(directory);
    void this.#next(async () => {
      await this.#syncAll();
      this.#sealed.shift();
      if (this.policy.kind !== 'fsync') this.#advance(nextBase);
    });
  }

  /** Small files (metadata, epochs) were made in `directory`: they are synced with what comes next, then closed. */
  made(files: readonly File[], directory: string): void {
    for (const file of files) {
      this.#closing.add(file);
      this.#unsynced.add(file);
    }
    this.named(directory);
  }

  /** Closes `file` once it is synced. */
  closeAfterSync(file: File): void {
    this.#closing.add(file);
  }

  /** A file went away or was replaced: what it held needs no sync any more. */
  forget(file: File): void {
    this.#lastWritten = null;
    this.#unsynced.delete(file);
    this.#forgotten.add(file);
  }

  /** The log was cut. */
  truncated(endOffset: number): void {
    this.syncedOffset = Math.min(this.syncedOffset, endOffset);
  }

  /** Resolves when no sync is under way. */
  idle(): Promise<void> {
    return this.#last;
  }

  /** No sync will succeed any more. */
  stop(): void {
    this.#failed = true;
    this.#demanded = false;
    this.#stopTimer();
  }

  #advance(upTo: number): void {
    if (upTo <= this.syncedOffset) return;
    this.syncedOffset = upTo;
    this.#log.synced();
  }

  async #syncAll(): Promise<void> {
    const files = this.#unsynced;
    const directories = this.#unsyncedDirectories;
    this.#unsynced = new Set();
    this.#lastWritten = null;
    this.#unsyncedDirectories = new Set();
    await Promise.all(Array.from(files, (file) => this.#syncFile(file)));
    await Promise.all(Array.from(directories, (directory) => this.#files.syncDirectory(directory)));
  }

  async #syncFile(file: File): Promise<void> {
    try {
      await file.sync();
    } catch (error) {
      // A snapshot may go with its segment, and a small file be replaced, before its turn has come.
      const isGone = error instanceof FileError && error.code === 'ENOENT' && this.#closing.has(file);
      if (!isGone && !this.#forgotten.has(file)) throw error;
    }
    if (this.#closing.has(file)) file.close();
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#running++;
    this.#last = this.#last.then(async () => {
      try {
        if (!this.#failed) await work();
      } catch (error) {
        this.stop();
        this.#log.failed(error);
      } finally {
        this.#running--;
      }
    });
    return this.#last;
  }

  #startTimer(): void {
    const { policy } = this;
    const afterMs = Math.min(policy.kind === 'interval' ? policy.intervalMs : timerMsMax, this.#flushMs);
    if (afterMs >= timerMsMax) return;
    this.#timer = this.#clock.schedule(afterMs, () => {
      this.#timer = null;
      void this.flush();
    });
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
