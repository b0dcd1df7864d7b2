import type { FileSystem } from '../environment/files.ts';
import { BatchWalk, lastOffsetAt } from './batch-walk.ts';
import type { LogLogger } from './log-types.ts';
import { fileName, offsetOf, suffixes } from './segment-files.ts';

/**
 * Settles what an interrupted change has left in a partition's directory, before anything else looks at it. In order:
 *
 *   1. `.deleted` files go (those of the metadata log's snapshots, `.checkpoint.deleted`, are its own business).
 *   2. `.cleaned` files go: the cleaner had not finished. So does every `.swap` at or above the lowest of them: one of
 *      several new segments was not complete, thus none counts.
 *   3. What is left as `.swap` is complete. Every other file whose offset lies in [lowest base, highest next offset) of the
 *      `.log.swap` files is a source and goes; then `.swap` is taken off the names. So a crash after the first rename
 *      completes the cleaning, a crash before leaves the old segments.
 *      A transaction index without suffix beside `.log.swap` may be an old one or, if renames were lost, the new one: it
 *      goes, and the offset index with it, so that the segment is recovered and gets one that is right.
 *   4. An index without its .log goes.
 *
 * Each step can be interrupted and begun again.
 */
export function settleLeftovers(files: FileSystem, directory: string, logger: LogLogger): string[] {
  const remove = (name: string): void => {
    logger.info('removing a file that an interrupted change left', { directory, name });
    files.removeFileSync(files.join(directory, name));
  };
  let names = files.listSync(directory);
  const isRemoved = (name: string): boolean =>
    name.endsWith(suffixes.deleted) && !name.endsWith(`.checkpoint${suffixes.deleted}`);
  const cleaned = names.filter((name) => name.endsWith(suffixes.cleaned) && offsetOf(name) >= 0);
  const lowestCleaned = Math.min(...cleaned.map(offsetOf));
  const isUnfinished = (name: string): boolean =>
    cleaned.includes(name) || (name.endsWith(suffixes.swap) && offsetOf(name) >= lowestCleaned);
  for (const name of names) if (isRemoved(name) || isUnfinished(name)) remove(name);
  names = names.filter((name) => !isRemoved(name) && !isUnfinished(name));
  names = completeSwap(files, directory, names, logger, remove);
  const orphans = orphanedIndexes(names);
  for (const name of orphans) remove(name);
  return names.filter((name) => !orphans.includes(name));
}

function completeSwap(
  files: FileSystem,
  directory: string,
  names: readonly string[],
  logger: LogLogger,
  remove: (name: string) => void,
): string[] {
  const swaps = names.filter((name) => name.endsWith(suffixes.swap));
  if (swaps.length === 0) return [...names];
  let from = Number.POSITIVE_INFINITY;
  let upTo = Number.NEGATIVE_INFINITY;
  for (const name of swaps) {
    if (!name.endsWith(suffixes.log + suffixes.swap)) continue;
    from = Math.min(from, offsetOf(name));
    upTo = Math.max(upTo, nextOffsetIn(files, files.join(directory, name), offsetOf(name)));
  }
  const isSource = (name: string): boolean =>
    !name.endsWith(suffixes.swap) && offsetOf(name) >= from && offsetOf(name) < upTo;
  const kept: string[] = [];
  const doubtful = swaps.filter((name) => {
    if (!name.endsWith(suffixes.offsetIndex + suffixes.swap)) return false;
    const transactionIndex = fileName(offsetOf(name), suffixes.transactionIndex);
    return names.includes(transactionIndex) && !names.includes(transactionIndex + suffixes.swap);
  });
  for (const name of doubtful) remove(name);
  for (const name of names) {
    if (isSource(name)) remove(name);
    else if (!name.endsWith(suffixes.swap)) kept.push(name);
  }
  for (const name of swaps) {
    if (doubtful.includes(name)) continue;
    const final = name.slice(0, -suffixes.swap.length);
    logger.info('completing an interrupted replacement of segments', { directory, name });
    files.renameSync(files.join(directory, name), files.join(directory, final));
    kept.push(final);
  }
  return [...new Set(kept)].sort();
}

function nextOffsetIn(files: FileSystem, path: string, baseOffset: number): number {
  const file = files.openSync(path, 'read');
  let next = baseOffset;
  try {
    const walk = new BatchWalk(file, 0, file.size, { shared: true });
    while (walk.next()) next = lastOffsetAt(walk.buffer, walk.at) + 1;
    return next;
  } finally {
    file.close();
  }
}

function orphanedIndexes(names: readonly string[]): string[] {
  const present = new Set(names);
  const indexes = [suffixes.offsetIndex, suffixes.timeIndex, suffixes.transactionIndex];
  return names.filter((name) => {
    const isIndex = indexes.some((suffix) => name.endsWith(suffix)) && offsetOf(name) >= 0;
    return isIndex && !present.has(fileName(offsetOf(name), suffixes.log));
  });
}
