import type { FileSystem } from '../environment/files.ts';
import { FileError } from '../environment/files.ts';
import type { LogWriter } from './log-writer.ts';
import { Segment } from './segment.ts';
import { filePath, segmentSuffixes, suffixes } from './segment-files.ts';

/**
 * Puts what the cleaner has written in the place of its sources. For each group, in ascending order, there are complete and
 * synced `.cleaned` files with the base offset of its first source. Step by step, with what the next start makes of a crash
 * after it (recovery-files.ts):
 *
 *   1. `.cleaned` renamed to `.swap`      some: `.cleaned` go, and `.swap` at or above the lowest of them: the sources stay
 *   2. the directory synced               from here on the group counts: `.swap` is completed, sources in its range go
 *   3. sources renamed to `.deleted`      the same; `.deleted` go. Readers see the new segment, which still is called `.swap`
 *   4. the directory synced               the same: a source cannot come back once `.swap` has gone
 *   5. `.swap` taken off the names        nothing is left to do but to unlink the `.deleted`
 *
 * At 5 the `.log` comes first: a start that finds `.log.swap` deletes what has a name without suffix in its range, and would
 * take the new indexes for old ones.
 *
 * 3 and 5 are a turn of the event loop each, in the log's own queue; between them, as at 1, 2 and 4, appends and reads go on:
 * readers see the segments of before or of after. Whoever is sending a source to a client keeps it.
 */
export type SwapOutcome =
  | 'replaced'
  /** The log has changed since the cleaner looked at it, or is closed or deleted: what it wrote was removed. */
  | 'stale'
  /** A rename of the log's own files failed: it is offline, the next start completes or undoes the swap. */
  | 'offline';

export interface SwapGroup {
  readonly baseOffset: number;
  /** Neighbours, ascending; the first is `baseOffset`. */
  readonly sourceBaseOffsets: readonly number[];
}

/**
 * Replaces group after group. `epoch`: that of the view (cleaner-view.ts). Of a pass that turns stale half-way the groups that
 * were replaced stay so: each is right by itself. Throws FileError when step 1 or 2 fails.
 */
export async function swapSegments(
  writer: LogWriter,
  files: FileSystem,
  epoch: number,
  groups: readonly SwapGroup[],
): Promise<SwapOutcome> {
  const { list } = writer;
  let expected = epoch;
  const isStale = (): boolean => writer.state !== 'online' || list.epoch !== expected;
  for (let n = 0; n < groups.length; n++) {
    const group = groups[n]!;
    try {
      if (!isStale()) await announce(files, list.directory, group);
    } catch (error) {
      removeWritten(files, list.directory, groups.slice(n));
      throw error;
    }
    const segment = await writer.queue.run(() => {
      if (isStale()) return null;
      const replaced = writer.guarded('replace segments', () => replace(writer, files, group));
      expected = list.epoch;
      return replaced;
    });
    if (segment === undefined) return 'offline';
    if (segment === null) {
      removeWritten(files, list.directory, groups.slice(n));
      return 'stale';
    }
    await complete(writer, files, segment);
    if (writer.state === 'offline') return 'offline';
  }
  return 'replaced';
}

/** `.cleaned` → `.swap`, durable. */
async function announce(files: FileSystem, directory: string, { baseOffset }: SwapGroup): Promise<void> {
  for (const suffix of segmentSuffixes) {
    const path = filePath(files, directory, baseOffset, suffix);
    if (files.statSync(path + suffixes.cleaned) === null) continue;
    files.renameSync(path + suffixes.cleaned, path + suffixes.swap);
  }
  await files.syncDirectory(directory);
}

/** Takes the sources out and the new segment in. */
function replace(writer: LogWriter, files: FileSystem, group: SwapGroup): Segment {
  const { list, settings } = writer;
  const { baseOffset, sourceBaseOffsets } = group;
  const { directory } = list;
  const first = list.segments.findIndex((segment) => segment.baseOffset === baseOffset);
  const sources = list.segments.slice(first, first + sourceBaseOffsets.length);
  const transactionIndex = filePath(files, directory, baseOffset, suffixes.transactionIndex);
  const segment = Segment.open({
    files,
    directory,
    baseOffset,
    suffix: suffixes.swap,
    indexBytesMax: settings['segment.index.bytes'],
    indexIntervalBytes: settings['index.interval.bytes'],
    rollJitterMs: 0,
    createdMs: 0,
    hasTransactionIndex: files.statSync(transactionIndex + suffixes.swap) !== null,
  });
  list.take(sources, (source) => writer.forget(source, source.baseOffset === baseOffset));
  list.insert(segment);
  return segment;
}

/** Steps 4 and 5. Where the log is closed meanwhile, the next start does it. */
async function complete(writer: LogWriter, files: FileSystem, segment: Segment): Promise<void> {
  const { list } = writer;
  try {
    await files.syncDirectory(list.directory);
  } catch (error) {
    writer.failedOrFull(error, 'sync replaced segments');
  }
  await writer.change('complete replaced segments', () => {
    if (!list.segments.includes(segment)) return;
    segment.stripSuffix(suffixes.swap);
    writer.sync.named(list.directory);
  });
}

/** What cannot be removed now is at the next start: its name says that it does not count, or that nothing replaced it. */
function removeWritten(files: FileSystem, directory: string, groups: readonly SwapGroup[]): void {
  for (const { baseOffset } of groups) {
    for (const suffix of segmentSuffixes) {
      for (const state of [suffixes.cleaned, suffixes.swap]) {
        try {
          files.removeFileSync(filePath(files, directory, baseOffset, suffix + state));
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
        }
      }
    }
  }
}
