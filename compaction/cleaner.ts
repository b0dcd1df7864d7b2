import * as batch from '../protocol/records/batch.ts';
import { RecordError } from '../protocol/records/record-error.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import { BatchWalk } from '../storage/log/batch-walk.ts';
import {
  type CleanJob,
  type CleanResult,
  Uncleanable,
  type UncleanableReason,
  type UncleanableSegment,
} from './clean-job.ts';
import { removeCleaned } from './cleaned-segment.ts';
import { indexKeys } from './key-index.ts';
import { type CleanContext, Pass } from './pass.ts';
import { RemovedScan } from './removed-scan.ts';
import { rewriteSegments } from './rewrite.ts';

/**
 * One pass over one log.
 *
 *   1. key-index.ts   the keys of [firstDirty, firstUncleanable) go into the map, each with its newest offset. When the map is
 *                     full the pass covers what is below `endOffset`; the rest is for the next pass.
 *   2. rewrite.ts     all segments that begin below `endOffset` are copied without what may go.
 *
 * Nothing is renamed: whoever called swaps the `.cleaned` files in, or removes them. A pass that fails or is aborted leaves
 * none. Memory: the map, one chunk for reading, one for writing, the largest batch decompressed.
 */

/** Runs the pass; rejects as `CleanerThread.clean`. */
export async function cleanLog(job: CleanJob, context: CleanContext): Promise<CleanResult> {
  const { clock, files } = context;
  const beganMs = clock.monotonicMs();
  try {
    const pass = new Pass(job, context);
    const endOffset = await indexKeys(pass);
    const cleaned = job.segments.filter((segment) => segment.baseOffset < endOffset);
    const scan = job.timeSteps === null ? null : new RemovedScan(pass.kernel, job.timeSteps);
    const { groups, filter, bytesAfter } = await rewriteSegments(pass, cleaned, endOffset, scan);
    const upToOffset = cleaned.at(-1)?.nextOffset ?? 0;
    return {
      endOffset,
      groups: job.isDryRun ? [] : groups,
      records: filter.counts,
      emptyBatches: filter.emptyBatches,
      bytesBefore: cleaned.reduce((sum, segment) => sum + segment.sizeBytes, 0),
      bytesAfter,
      nextHorizonMs: Number.isFinite(filter.nextHorizonMs) ? filter.nextHorizonMs : -1,
      uncleanable: countUncleanable(files, job.uncleanable),
      mapEntries: pass.kernel.entries,
      mapCapacity: pass.mapCapacity,
      memoryBytes: pass.memoryBytes,
      bytesRead: pass.bytesRead,
      durationMs: clock.monotonicMs() - beganMs,
      times: scan && { upToOffset, steps: scan.finish(upToOffset) },
    };
  } catch (error) {
    removeCleaned(files, job.directory, job.segments);
    throw error;
  }
}

/** Records that were not looked at: from the batches' headers. */
function countUncleanable(
  files: FileSystem,
  segments: readonly UncleanableSegment[],
): Record<UncleanableReason, number> {
  const counts = { lag: 0, 'open-transaction': 0, active: 0 };
  for (const { path, sizeBytes, reason } of segments) {
    if (sizeBytes === 0) continue;
    const file = files.openSync(path, 'read');
    try {
      const walk = new BatchWalk(file, 0, sizeBytes);
      while (walk.next())
        counts[reason] +=
          batch.magic(walk.buffer, walk.at) < batch.magicV2 ? 1 : batch.recordCount(walk.buffer, walk.at);
    } catch (error) {
      if (error instanceof RecordError) throw new Uncleanable(error.message, { cause: error });
      throw error;
    } finally {
      file.close();
    }
  }
  return counts;
}
