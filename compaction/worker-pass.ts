/**
 * What the cleaner's thread does with a job, apart from being a thread: a pass at a time, its progress now and then, signs of
 * life always, and an ear for Abort.
 *
 * A pass reads and computes; between chunks it lets the loop turn, because Node gives the memory that a codec's binding returned
 * back in a turn of the loop only: without, a pass over 600 MB of lz4 held 1.6 GB. (Measured: 15 µs a chunk of 256 KiB.) The
 * port is asked there too, by the question that the pass puts anyway: is it aborted? Where a pass waits (the throttle), a timer
 * gives the signs of life.
 */
import { type Clock, turn } from '../storage/environment/clock.ts';
import type { Environment } from '../storage/environment/environment.ts';
import type { CleanJob, CleanProgress, CleanResult } from './clean-job.ts';
import type { Kernel } from './kernel.ts';
import type { CleanContext } from './pass.ts';
import type { ProgressReply } from './service.ts';
import type { CleanerActions } from './service-stub.ts';

/** Progress is told when as much time has passed and as much was read since it was told last. */
export const progressMs = 200;
export const progressBytes = 16 * 1024 * 1024;
/** After so long, a sign of life at least. */
export const signOfLifeMs = 2_000;

export interface WorkerPassOptions {
  readonly environment: Environment;
  /** Called for each pass: its kernel goes with it, and its memory back. */
  readonly createKernel: () => Kernel;
  readonly runPass: (job: CleanJob, context: CleanContext) => Promise<CleanResult>;
  /** Delivers what has arrived meanwhile. */
  readonly receivePending: () => void;
}

export function workerActions(options: WorkerPassOptions): CleanerActions {
  const { environment, createKernel, runPass, receivePending } = options;
  let isAborted = false;
  return {
    async clean(job, onProgress) {
      isAborted = false;
      const reporter = new Reporter(environment.clock, onProgress);
      try {
        return await runPass(job, {
          ...environment,
          createKernel,
          isAborted: () => {
            receivePending();
            return isAborted;
          },
          onProgress: (progress) => reporter.note(progress),
          giveWay: () => turn(environment.clock),
        });
      } finally {
        reporter.stop();
      }
    },
    abort: () => {
      isAborted = true;
    },
  };
}

/** Thins out what a pass tells of itself. */
class Reporter {
  readonly #clock: Clock;
  readonly #tell: (progress: ProgressReply) => void;
  #toldMs: number;
  #told: CleanProgress | null = null;
  #last: CleanProgress | null = null;
  #timer: { cancel(): void } | null = null;

  constructor(clock: Clock, tell: (progress: ProgressReply) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#toldMs = clock.monotonicMs();
    this.#schedule();
  }

  note(progress: CleanProgress): void {
    this.#last = progress;
    const { phase, bytesDone } = progress;
    const waitedMs = this.#clock.monotonicMs() - this.#toldMs;
    // The begin of each half is told at once.
    const isNew = phase !== this.#told?.phase;
    const isDue = waitedMs >= progressMs && bytesDone - (this.#told?.bytesDone ?? 0) >= progressBytes;
    if (isNew || isDue || waitedMs >= signOfLifeMs) this.#send(progress);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** It runs while the pass waits: a pass that is throttled has nothing to say of itself just then. */
  #schedule(): void {
    this.#timer = this.#clock.schedule(signOfLifeMs, () => {
      if (this.#clock.monotonicMs() - this.#toldMs >= signOfLifeMs)
        this.#send(this.#last === this.#told ? null : this.#last);
      this.#schedule();
    });
  }

  #send(progress: ProgressReply): void {
    this.#toldMs = this.#clock.monotonicMs();
    if (progress !== null) this.#told = progress;
    this.#tell(progress);
  }
}
