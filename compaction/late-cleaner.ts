import type { CleanJob, CleanResult } from './clean-job.ts';
import type { CleanerThread, CleanOptions } from './cleaner-thread.ts';

/** Loads what runs passes with the first pass: a broker starts without it, and one that cleans nothing never needs it. */
export class LateCleaner implements CleanerThread {
  readonly #load: () => Promise<CleanerThread>;
  #loading: Promise<CleanerThread> | null = null;
  #loaded: CleanerThread | null = null;
  #isClosed = false;

  constructor(load: () => Promise<CleanerThread>) {
    this.#load = load;
  }

  get runsIn(): CleanerThread['runsIn'] {
    return this.#loaded?.runsIn ?? null;
  }

  async clean(job: CleanJob, options?: CleanOptions): Promise<CleanResult> {
    this.#loading ??= this.#load();
    this.#loaded = await this.#loading;
    // What is closed before its first pass refuses it as any other does.
    if (this.#isClosed) await this.#loaded.close();
    return this.#loaded.clean(job, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#loading)?.close();
  }
}
