import type { CleanLimits, CleanResult } from '../../compaction/clean-job.ts';
import { cleanPartition, type PassOutcome } from '../../compaction/clean-partition.ts';
import { type Cleanable, findCleanable } from '../../compaction/cleanable.ts';
import { InProcessCleaner } from '../../compaction/in-process-cleaner.ts';
import type { Kernel } from '../../compaction/kernel.ts';
import { JsKernel } from '../../compaction/kernel-js.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Log } from '../../storage/log/log.ts';

/** A log with its cleaner checkpoint, cleaned pass by pass at the moments that a test says. */

export const generousLimits: CleanLimits = {
  dedupeBufferBytes: 4 * 1024 * 1024,
  loadFactor: 0.9,
  ioBufferBytes: 512 * 1024,
  ioBytesPerSecond: Number.POSITIVE_INFINITY,
};

/** So many keys fit in the map at least: a pass takes no smaller one (compaction/pass.ts). */
export const smallestMap: CleanLimits = { ...generousLimits, dedupeBufferBytes: 0 };

export interface PassRequest {
  readonly nowMs: number;
  readonly limits?: CleanLimits;
  readonly isDryRun?: boolean;
  readonly tombstonesGoUpToMs?: number;
  readonly signal?: AbortSignal;
  /** Called at each chunk: the pass is under way. */
  readonly onProgress?: () => void;
}

export class CompactedLog {
  readonly log: Log;
  /** The first dirty offset, as `cleaner-offset-checkpoint` keeps it. */
  checkpoint: number | null;
  readonly #thread: InProcessCleaner;

  constructor(
    environment: Environment,
    log: Log,
    checkpoint: number | null = null,
    createKernel: () => Kernel = () => new JsKernel(),
  ) {
    this.log = log;
    this.checkpoint = checkpoint;
    this.#thread = new InProcessCleaner(environment, createKernel);
  }

  cleanable(nowMs: number): Cleanable {
    return findCleanable(this.log.cleanerView(), this.log.settings, this.checkpoint, nowMs);
  }

  /** One pass over what is cleanable now; null when that is nothing. */
  async pass(request: PassRequest): Promise<PassOutcome | null> {
    const view = this.log.cleanerView();
    const cleanable = findCleanable(view, this.log.settings, this.checkpoint, request.nowMs);
    if (cleanable.isCheckpointStale) this.checkpoint = cleanable.firstDirtyOffset;
    if (cleanable.cleanableBytes === 0) return null;
    const {
      limits = generousLimits,
      isDryRun = false,
      tombstonesGoUpToMs = -1,
      signal,
      onProgress,
    } = request;
    const outcome = await cleanPartition(this.log, view, cleanable, {
      thread: this.#thread,
      limits,
      nowMs: request.nowMs,
      isDryRun,
      tombstonesGoUpToMs,
      countsUncleanable: true,
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
    if (outcome.kind === 'cleaned' && !isDryRun) this.checkpoint = outcome.result.endOffset;
    return outcome;
  }

  /** The same where the pass must succeed. */
  async clean(request: PassRequest): Promise<CleanResult> {
    const outcome = await this.pass(request);
    if (outcome?.kind !== 'cleaned')
      throw new Error(`nothing was cleaned: ${outcome?.kind ?? 'all is clean'}`);
    return outcome.result;
  }
}
