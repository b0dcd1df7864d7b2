import * as batch from '../protocol/records/batch.ts';
import { BatchFilter, type BatchSink } from './batch-filter.ts';
import type { CleanedGroup, CleanSegment } from './clean-job.ts';
import { CleanedSegment } from './cleaned-segment.ts';
import { groupSegments } from './grouping.ts';
import type { Pass } from './pass.ts';
import type { RemovedScan } from './removed-scan.ts';
import { decideBatch, type RetainContext } from './retain.ts';
import { Transactions } from './transactions.ts';

/**
 * The second half of a pass: all segments that begin below `endOffset` are copied, group by group (grouping.ts), but for what
 * retain.ts and the map say may go. Segments before the first dirty offset too: the map holds newer records of their keys.
 */
export interface Rewritten {
  readonly groups: readonly CleanedGroup[];
  readonly filter: BatchFilter;
  readonly bytesAfter: number;
}

export async function rewriteSegments(
  pass: Pass,
  segments: readonly CleanSegment[],
  endOffset: number,
  scan: RemovedScan | null,
): Promise<Rewritten> {
  const { job, kernel } = pass;
  const { firstUncleanableOffset, highWatermark, nowMs, tombstonesGoUpToMs } = job;
  const filter = new BatchFilter({
    kernel,
    mapEndOffset: endOffset - 1,
    nowMs,
    deleteRetentionMs: job.settings.deleteRetentionMs,
    tombstonesGoUpToMs,
  });
  const rewrite: Rewrite = {
    pass,
    filter,
    scan,
    endOffset,
    retain: {
      transactions: new Transactions(job.abortedTransactions),
      producers: new Map(job.producers.map((producer) => [producer.producerId, producer])),
      highWatermark,
      nowMs,
    },
    legacyHorizonMs: legacyHorizonMs(pass),
  };
  pass.begin('rewrite', segments);
  const groups: CleanedGroup[] = [];
  let bytesAfter = 0;
  for (const group of groupSegments(segments, job.settings, firstUncleanableOffset)) {
    const { sizeBytes, isWritten } = await rewriteGroup(rewrite, group);
    bytesAfter += sizeBytes;
    const sourceBaseOffsets = group.map((segment) => segment.baseOffset);
    if (isWritten) groups.push({ baseOffset: group[0]!.baseOffset, sourceBaseOffsets });
  }
  return { groups, filter, bytesAfter };
}

interface Rewrite {
  readonly pass: Pass;
  readonly filter: BatchFilter;
  readonly scan: RemovedScan | null;
  readonly endOffset: number;
  readonly retain: RetainContext;
  readonly legacyHorizonMs: number;
}

/** Writes the one segment that a group becomes, unless that is there already. */
async function rewriteGroup(
  rewrite: Rewrite,
  group: readonly CleanSegment[],
): Promise<{ sizeBytes: number; isWritten: boolean }> {
  const { pass } = rewrite;
  const { job, context, kernel } = pass;
  const output = new CleanedSegment({
    files: context.files,
    directory: job.directory,
    sources: group,
    settings: job.settings,
    kernel,
    bufferBytes: pass.chunkBytes,
    isDryRun: job.isDryRun,
  });
  // Some groups may be in their places, and others not.
  rewrite.scan?.cut(group[0]!.baseOffset);
  try {
    for (const segment of group) await rewriteSegment(rewrite, segment, output);
    const isWritten = await output.finish();
    return { sizeBytes: output.sizeBytes, isWritten };
  } catch (error) {
    output.discard();
    throw error;
  }
}

async function rewriteSegment(
  { pass, filter, scan, endOffset, retain, legacyHorizonMs: horizonMs }: Rewrite,
  segment: CleanSegment,
  output: CleanedSegment,
): Promise<void> {
  const keepsLegacyTombstones = segment.modifiedMs > horizonMs;
  let position = 0;
  const sink: BatchSink = {
    keep: (at, bytes) => {
      scan?.kept();
      output.keep(at, bytes, position);
    },
    write: (bytes) => {
      scan?.written(bytes);
      output.write(bytes);
    },
  };
  let ioBytes = output.ioBytes;
  await pass.read(
    segment,
    (reader) => {
      position = reader.position;
      // Below it records go for good reasons of all kinds, above it those of aborted transactions alone.
      if (reader.lastOffset >= endOffset) scan?.cut(endOffset);
      if (reader.isLegacy) {
        const isLast = reader.lastOffset + 1 === pass.job.highWatermark;
        reader.guarded(() => {
          filter.applyLegacy(reader.at, isLast, keepsLegacyTombstones, sink);
          scan?.legacyPassed(reader.at);
        });
        return true;
      }
      reader.check();
      const fate = reader.guarded(() => decideBatch(reader.input, reader.at, retain));
      if (fate.hides) output.hide(fate.hides);
      const isData = !fate.drops && !batch.isControl(reader.input, reader.at);
      const unpacked = isData ? reader.unpack() : 0;
      reader.guarded(() => {
        filter.apply(reader.at, reader.bytes, unpacked, fate, sink);
        scan?.passed(reader.at, reader.bytes, unpacked);
      });
      return true;
    },
    () => {
      output.endRun();
      const before = ioBytes;
      ioBytes = output.ioBytes;
      return ioBytes - before;
    },
  );
}

/** Tombstones of old messages in segments last written before it go: `delete.retention.ms` before the newest clean segment. */
function legacyHorizonMs({ job }: Pass): number {
  const clean = job.segments.filter((segment) => segment.baseOffset < job.firstDirtyOffset);
  const last = clean[clean.length - 1];
  return last ? last.modifiedMs - job.settings.deleteRetentionMs : 0;
}
