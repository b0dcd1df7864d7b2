import type { CleanJob, CleanProgress, CleanResult } from './clean-job.ts';

/**
 * Where passes run: in a worker thread (worker-cleaner.ts), or between two turns of the broker's own loop
 * (in-process-cleaner.ts) where files are in memory, time is simulated, or the worker's file was lost.
 */
export interface CleanerThread {
  /** null: that is found out with its first pass (late-cleaner.ts). */
  readonly runsIn: 'thread' | 'process' | null;
  /**
   * Runs one pass at a time. Rejects with `Uncleanable` (the log is damaged), `CleanAborted` (told to stop; nothing is left of
   * it), `CleanerLost` (the thread died or hung: try again), or the FileError of a disk that failed.
   */
  clean(job: CleanJob, options?: CleanOptions): Promise<CleanResult>;
  /** Aborts what runs and ends the thread. */
  close(): Promise<void>;
}

export interface CleanOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CleanProgress) => void;
}

/** The thread is gone, and what it was doing with it; the log is as it was. */
export class CleanerLost extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CleanerLost';
  }
}
