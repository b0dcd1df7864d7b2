/**
 * Passes in a thread of their own. The thread starts with the first pass and goes when there is nothing to do, so that a broker
 * that cleans nothing pays nothing; passes come one after the other.
 *
 *    none ── clean ──> starts ──> runs ── result ──> idle ── idleEndMs ──> none
 *                                  ├── result of a large map, or error ──> none        the memory goes back at once
 *                                  └── died, hung, close() ──> ended, then its `.cleaned` files are removed ──> none
 *
 * A pass that is lost never leaves a thread behind that could still write: it rejects when the thread has ended.
 */
import { type Clock, type Timer, turn } from '../storage/environment/clock.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import { CleanAborted, type CleanJob, type CleanResult } from './clean-job.ts';
import { removeCleaned } from './cleaned-segment.ts';
import { CleanerLost, type CleanerThread, type CleanOptions } from './cleaner-thread.ts';
import { RunningThread } from './running-thread.ts';
import { cleanerProtocol } from './service.ts';
import type { StartThread } from './thread-port.ts';

/** A thread without work ends after it; a start takes some 50 ms, and nobody waits for it. */
export const idleEndMs = 10_000;
/** A pass that used so much gives it back by the end of its thread: nothing else makes V8 do so at once. */
export const largePassBytes = 32 * 1024 * 1024;
/** No message for so long, though one is due every two seconds: the thread hangs. */
export const hangMs = 60_000;
/** From a pass that was told to abort to the end of its thread, if it does not hear. */
export const abortGraceMs = 5_000;
/** A thread that is in a call of the system ends after it. Such a one is left to itself: it runs none of our code any more. */
export const endGraceMs = 10_000;

export interface WorkerCleanerOptions {
  readonly startThread: StartThread;
  readonly clock: Clock;
  readonly files: FileSystem;
}

export class WorkerCleaner implements CleanerThread {
  readonly runsIn = 'thread';
  readonly #options: WorkerCleanerOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** Passes that run or wait. */
  #wanted = 0;
  #thread: RunningThread | null = null;
  #ending: Promise<void> = Promise.resolve();
  #idle: Timer | null = null;
  #isClosed = false;
  #giveUp: ((error: Error) => void) | null = null;

  constructor(options: WorkerCleanerOptions) {
    this.#options = options;
  }

  clean(job: CleanJob, options: CleanOptions = {}): Promise<CleanResult> {
    this.#wanted++;
    const pass = this.#last
      .then(() => this.#run(job, options))
      .finally(() => {
        if (--this.#wanted === 0) this.#goIdle();
      });
    this.#last = pass.catch(() => {});
    return pass;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#giveUp?.(new CleanAborted());
    await this.#last;
    this.#idle?.cancel();
    this.#retire();
    await this.#ending;
  }

  async #run(job: CleanJob, options: CleanOptions): Promise<CleanResult> {
    this.#idle?.cancel();
    await this.#ending;
    const protocol = await cleanerProtocol(() => turn(this.#options.clock));
    if (this.#isClosed || options.signal?.aborted) throw new CleanAborted();
    if (this.#thread === null || this.#thread.hasEnded) {
      try {
        this.#thread = new RunningThread(protocol, this.#options.startThread);
      } catch (cause) {
        throw new CleanerLost('the thread of the cleaner did not start', { cause });
      }
    }
    return this.#pass(this.#thread, job, options);
  }

  async #pass(thread: RunningThread, job: CleanJob, options: CleanOptions): Promise<CleanResult> {
    const { signal, onProgress } = options;
    const { clock, files } = this.#options;
    let isGivenUp = false;
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = (error) => {
        isGivenUp = true;
        reject(error);
      };
    });
    const watch = new Watch(clock, (error) => this.#giveUp?.(error));
    const abort = (): void => {
      thread.abort();
      watch.aborted();
    };
    signal?.addEventListener('abort', abort, { once: true });
    thread.onMessage = () => watch.heard();
    try {
      const passed = thread.clean(job, (progress) => onProgress?.(progress));
      const result = await Promise.race([passed, givenUp]);
      if (result.memoryBytes >= largePassBytes) this.#retire();
      return result;
    } catch (error) {
      this.#retire();
      await this.#ending;
      // What the thread says itself, it says when it has removed them.
      if (isGivenUp || error instanceof CleanerLost) removeCleaned(files, job.directory, job.segments);
      throw error;
    } finally {
      watch.stop();
      signal?.removeEventListener('abort', abort);
      thread.onMessage = null;
      this.#giveUp = null;
    }
  }

  #goIdle(): void {
    if (this.#isClosed || this.#thread === null) return;
    this.#idle = this.#options.clock.schedule(idleEndMs, () => this.#retire());
  }

  /** The thread ends; `#ending` tells when. */
  #retire(): void {
    const thread = this.#thread;
    if (thread === null) return;
    this.#thread = null;
    this.#ending = new Promise((resolve) => {
      const timer = this.#options.clock.schedule(endGraceMs, resolve);
      void thread.end().finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/** Gives a pass up that is silent for too long, or that does not hear. */
class Watch {
  readonly #clock: Clock;
  readonly #giveUp: (error: Error) => void;
  #hang: Timer;
  #abort: Timer | null = null;

  constructor(clock: Clock, giveUp: (error: Error) => void) {
    this.#clock = clock;
    this.#giveUp = giveUp;
    this.#hang = this.#schedule();
  }

  heard(): void {
    this.#hang.cancel();
    this.#hang = this.#schedule();
  }

  aborted(): void {
    this.#abort ??= this.#clock.schedule(abortGraceMs, () => this.#giveUp(new CleanAborted()));
  }

  stop(): void {
    this.#hang.cancel();
    this.#abort?.cancel();
  }

  #schedule(): Timer {
    const timer = this.#clock.schedule(hangMs, () => {
      // After a broker that was busy itself, the timer comes before the messages: those first.
      this.#clock.defer(() => {
        if (this.#hang !== timer) return;
        this.#giveUp(new CleanerLost(`the thread of the cleaner was silent for ${hangMs / 1000} s`));
      });
    });
    return timer;
  }
}
