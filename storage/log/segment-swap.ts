import type { FileSystem } from '../environment/files.ts';
import { FileError } from '../environment/files.ts';
import type { LogWriter } from './log-writer.ts';
import { Segment } from './segment.ts';
import { filePath, indexSuffixes, offsetOf, segmentSuffixes, suffixes } from './segment-files.ts';

/**
 * Puts what the cleaner has written in the place of its sources. For each group there are complete and synced `.cleaned` files with the
 * base offset of its first source. First, for all of them:
 *
 *   0. `.sources.cleaned` written         only where the new segment ends before its last source begins: it names that one
 *      the directory synced               from here on each group has all its `.cleaned` names, whatever is lost
 *
 * Then group by group, ascending, with what the next start makes of a crash after it (recovery-files.ts):
 *
 *   1. `.cleaned` renamed to `.swap`      some: `.cleaned` go, and `.swap` at or above the lowest of them: the sources stay
 *   2. the directory synced               from here on the group counts: `.swap` is completed, sources in its range go
 *   3. sources renamed to `.deleted`      the same; `.deleted` go. Readers see the new segment, which still is called `.swap`
 *   4. the directory synced               the same: a source cannot come back once `.swap` has gone
 *   5. `.swap` taken off the names        nothing is left to do but to unlink the `.deleted`
 *   6. the directory synced               the same: beside the files of the next group, or pass, no name may end in `.swap`
 *
 * At 5 the `.log` comes first: a start that finds `.log.swap` deletes what has a name without suffix in its range, and would
 * take the new indexes for old ones.
 *
 * 3 and 5 are a turn of the event loop each, in the log's own queue; between them, as at 1, 2 and 4, appends and reads go on:
 * readers see the segments of before or of after. Whoever is sending a source to a client keeps it. What takes segments away or cuts
 * them waits until the group is settled (swap-gate.ts).
 *
 * Apache Kafka's own start makes the same of these files, but for 0: it lets a source that begins where the new segment has ended
 * already stand beside it, with records that the pass had removed. They are gone again after its next pass.
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
 * were replaced stay so: each is right by itself. Throws FileError when one cannot be announced, and nothing has changed for it.
 */
export async function swapSegments(
  writer: LogWriter,
  files: FileSystem,
  epoch: number,
  groups: readonly SwapGroup[],
): Promise<SwapOutcome> {
  const swap: Swap = { writer, files, directory: writer.list.directory, epoch };
  if (groups.length === 0) return isStale(swap) ? 'stale' : 'replaced';
  let next = 0;
  try {
    if (!isStale(swap)) await prepare(swap, groups);
    for (; next < groups.length; next++) {
      const outcome = await writer.swapGate.swap(() => swapGroup(swap, groups[next]!));
      if (outcome === 'offline') return outcome;
      if (outcome === 'stale') break;
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    removeCleaned(swap, groups.slice(next));
    if (writer.state === 'online') throw error;
    return writer.state === 'offline' ? 'offline' : 'stale';
  }
  if (next === groups.length) return 'replaced';
  removeCleaned(swap, groups.slice(next));
  return 'stale';
}

interface Swap {
  readonly writer: LogWriter;
  readonly files: FileSystem;
  readonly directory: string;
  /** As the log's should be; each group that is replaced moves it on. */
  epoch: number;
}

function isStale({ writer, epoch }: Swap): boolean {
  return writer.state !== 'online' || writer.list.epoch !== epoch || writer.swapGate.isCutting;
}

/**
 * What an earlier pass could not remove: a start would take every `.swap` above such a `.cleaned` for unfinished. Throws where it
 * still cannot be removed.
 */
function removeStrays({ files, directory }: Swap, groups: readonly SwapGroup[]): void {
  const written = new Set(groups.map(({ baseOffset }) => baseOffset));
  for (const name of files.listSync(directory)) {
    const isStray = !written.has(offsetOf(name)) || name.endsWith(suffixes.sources + suffixes.cleaned);
    if (name.endsWith(suffixes.cleaned) && isStray) files.removeFileSync(files.join(directory, name));
  }
}

/** Step 0. */
async function prepare(swap: Swap, groups: readonly SwapGroup[]): Promise<void> {
  const { files, directory, writer } = swap;
  removeStrays(swap, groups);
  for (const { baseOffset, sourceBaseOffsets } of groups) {
    const lastSource = sourceBaseOffsets.at(-1)!;
    if (lastSource === baseOffset) continue;
    const segment = openSegment(files, directory, baseOffset, suffixes.cleaned, writer);
    const nextOffset = segment.readNextOffset();
    segment.close();
    if (nextOffset > lastSource) continue;
    const file = files.openSync(
      filePath(files, directory, baseOffset, suffixes.sources + suffixes.cleaned),
      'create',
    );
    try {
      file.truncateSync(0);
      file.writeSync([Buffer.from(`${lastSource}\n`)], 0);
      await file.sync();
    } finally {
      file.close();
    }
  }
  await files.syncDirectory(directory);
}

async function swapGroup(swap: Swap, group: SwapGroup): Promise<SwapOutcome> {
  const { writer, files, directory } = swap;
  if (isStale(swap)) return 'stale';
  let outcome: SwapOutcome;
  try {
    announce(swap, group);
    await files.syncDirectory(directory);
    outcome = await writer.queue.run(() => (isStale(swap) ? 'stale' : replace(swap, group)));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    await withdraw(swap, group);
    throw error;
  }
  if (outcome === 'stale') await withdraw(swap, group);
  return outcome === 'replaced' ? complete(swap, group) : outcome;
}

/** Step 1. */
function announce({ files, directory }: Swap, { baseOffset }: SwapGroup): void {
  for (const suffix of [...segmentSuffixes, suffixes.sources]) {
    const path = filePath(files, directory, baseOffset, suffix);
    if (files.statSync(path + suffixes.cleaned) !== null)
      files.renameSync(path + suffixes.cleaned, path + suffixes.swap);
  }
}

/** Step 3. Throws FileError when the new segment cannot be opened: nothing has changed then. */
function replace(swap: Swap, { baseOffset, sourceBaseOffsets }: SwapGroup): SwapOutcome {
  const { writer, files, directory } = swap;
  const { list } = writer;
  const segment = openSegment(files, directory, baseOffset, suffixes.swap, writer);
  const first = list.segments.findIndex((source) => source.baseOffset === baseOffset);
  const sources = list.segments.slice(first, first + sourceBaseOffsets.length);
  try {
    list.replace(sources, segment, (source) => writer.forget(source, source.baseOffset === baseOffset));
  } catch (error) {
    return failed(swap, error);
  }
  swap.epoch = list.epoch;
  writer.replaced();
  return 'replaced';
}

/** Steps 4 to 6. Where the log is closed meanwhile, the next start does it. */
async function complete(swap: Swap, { baseOffset }: SwapGroup): Promise<SwapOutcome> {
  const { writer, files, directory } = swap;
  try {
    await files.syncDirectory(directory);
    await writer.queue.run(() => {
      if (writer.state !== 'online') return;
      const segment = writer.list.segments[writer.list.indexFor(baseOffset)]!;
      segment.stripSuffix(suffixes.swap);
      files.removeFileSync(filePath(files, directory, baseOffset, suffixes.sources + suffixes.swap));
    });
    await files.syncDirectory(directory);
  } catch (error) {
    return failed(swap, error);
  }
  return writer.state === 'offline' ? 'offline' : 'replaced';
}

function failed({ writer }: Swap, error: unknown): SwapOutcome {
  if (!(error instanceof FileError)) throw error;
  writer.fail(error, 'replace segments');
  return writer.state === 'offline' ? 'offline' : 'stale';
}

function openSegment(
  files: FileSystem,
  directory: string,
  baseOffset: number,
  suffix: string,
  { settings }: LogWriter,
): Segment {
  const transactionIndex = filePath(files, directory, baseOffset, suffixes.transactionIndex + suffix);
  return Segment.open({
    files,
    directory,
    baseOffset,
    suffix,
    indexBytesMax: settings['segment.index.bytes'],
    indexIntervalBytes: settings['index.interval.bytes'],
    rollJitterMs: 0,
    createdMs: 0,
    hasTransactionIndex: files.statSync(transactionIndex) !== null,
  });
}

/**
 * Takes an announced group back, for good: a `.log.swap` that came back later would replace what has been written since. The indexes
 * go first, for an index alone might be taken for one of the source's.
 */
async function withdraw(swap: Swap, { baseOffset }: SwapGroup): Promise<void> {
  const { writer, files, directory } = swap;
  const remove = (suffix: string): void =>
    files.removeFileSync(filePath(files, directory, baseOffset, suffix + suffixes.swap));
  try {
    for (const suffix of indexSuffixes) remove(suffix);
    await files.syncDirectory(directory);
    remove(suffixes.log);
    remove(suffixes.sources);
    await files.syncDirectory(directory);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    writer.fail(error, 'take back cleaned segments');
  }
}

/** What cannot be removed now is at the next start: its name says that it does not count. */
function removeCleaned({ files, directory }: Swap, groups: readonly SwapGroup[]): void {
  for (const { baseOffset } of groups) {
    for (const suffix of [...segmentSuffixes, suffixes.sources]) {
      try {
        files.removeFileSync(filePath(files, directory, baseOffset, suffix + suffixes.cleaned));
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
    }
  }
}
