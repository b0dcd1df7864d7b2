import type { FileSystem } from '../environment/files.ts';
import { BatchWalk, lastOffsetAt } from './batch-walk.ts';
import type { LogLogger } from './log-types.ts';
import { fileName, indexSuffixes, offsetOf, suffixes } from './segment-files.ts';

/**
 * Settles what an interrupted change has left in a partition's directory, before anything else looks at it. In order:
 *
 *   1. `.deleted` files go (those of the metadata log's snapshots, `.checkpoint.deleted`, are its own business).
 *   2. Where there are `.cleaned` files the cleaner had not finished: every `.swap` at or above the lowest of them goes, for one of
 *      the files of a new segment was not complete, thus none counts; then the `.cleaned` themselves.
 *   3. A `.log.swap` that is left is complete. Every other file whose offset lies in [base, next offset) of it, or up to where its
 *      `.sources.swap` says, is a source and goes; then `.swap` is taken off the names. So a crash after the announcement
 *      completes the cleaning, a crash before leaves the old segments (segment-swap.ts).
 *      A transaction index without suffix beside `.log.swap` may be an old one or, if renames were lost, the new one: it
 *      goes, and the offset index with it, so that the segment is recovered and gets one that is right. So does what there is as
 *      `.swap` of an index whose `.log` has lost the suffix already.
 *   4. An index without its .log goes, and what is left of a `.sources` file.
 *
 * Each step can be interrupted and begun again, also by a loss of power: whatever the next one relies on is made durable first.
 * `names` are what the directory has; the answer is what it has then.
 */
export function settleLeftovers(
  files: FileSystem,
  directory: string,
  names: readonly string[],
  logger: LogLogger,
): string[] {
  const leftovers = new Leftovers(files, directory, names, logger);
  leftovers.removeDeleted();
  leftovers.removeUnfinished();
  leftovers.completeSwap();
  leftovers.removeOrphans();
  return leftovers.names;
}

/** A segment that was put in the place of others, or one of those. */
export function isOfReplacement(name: string): boolean {
  return (name.endsWith(suffixes.swap) || name.endsWith(suffixes.deleted)) && offsetOf(name) >= 0;
}

class Leftovers {
  names: string[];
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #logger: LogLogger;

  constructor(files: FileSystem, directory: string, names: readonly string[], logger: LogLogger) {
    this.#files = files;
    this.#directory = directory;
    this.#logger = logger;
    this.names = [...names];
  }

  removeDeleted(): void {
    const isLater = (name: string) => name.endsWith(`.checkpoint${suffixes.deleted}`);
    this.#remove(this.names.filter((name) => name.endsWith(suffixes.deleted) && !isLater(name)));
  }

  removeUnfinished(): void {
    const cleaned = this.#withSuffix(suffixes.cleaned);
    const lowest = Math.min(...cleaned.map(offsetOf));
    // Durably, before the files go that say that these do not count.
    this.#removeDurably(this.#withSuffix(suffixes.swap).filter((name) => offsetOf(name) >= lowest));
    this.#remove(cleaned);
  }

  completeSwap(): void {
    const swaps = this.#withSuffix(suffixes.swap);
    if (swaps.length === 0) return;
    const logs = swaps.filter((name) => name.endsWith(suffixes.log + suffixes.swap));
    const ranges = logs.map((name) => ({ from: offsetOf(name), upTo: this.#endOf(name) }));
    const isReplaced = (offset: number) => ranges.some(({ from, upTo }) => offset >= from && offset < upTo);
    const isNew = new Set(swaps);
    const isSource = (name: string): boolean => !isNew.has(name) && isReplaced(offsetOf(name));
    const doubtful = this.#doubtfulIndexes(swaps);
    // Durably, before the names go that say that these do not count.
    this.#removeDurably([...this.names.filter(isSource), ...doubtful]);
    for (const name of logs) this.#strip(name);
    this.#remove(this.#withSuffix(suffixes.sources + suffixes.swap));
    for (const name of this.#withSuffix(suffixes.swap)) this.#strip(name);
    this.#files.syncDirectorySync(this.#directory);
  }

  removeOrphans(): void {
    const present = new Set(this.names);
    const indexes = indexSuffixes.flatMap((suffix) => this.#withSuffix(suffix));
    this.#remove(indexes.filter((name) => !present.has(fileName(offsetOf(name), suffixes.log))));
    // Apache Kafka's start takes the suffix off everything.
    this.#remove(this.#withSuffix(suffixes.sources));
  }

  #withSuffix(suffix: string): string[] {
    return this.names.filter((name) => name.endsWith(suffix) && offsetOf(name) >= 0);
  }

  /** Of an index, as `.swap` or without: those that may not belong to the `.log` that will be there. */
  #doubtfulIndexes(swaps: readonly string[]): string[] {
    return swaps.flatMap((name) => {
      const offset = offsetOf(name);
      const isThere = (suffix: string) => this.names.includes(fileName(offset, suffix));
      const asSwap = (suffix: string) => suffix + suffixes.swap;
      const { log, offsetIndex, transactionIndex } = suffixes;
      if (name.endsWith(log + suffixes.swap)) {
        const isDoubtful = isThere(transactionIndex) && !isThere(asSwap(transactionIndex));
        return isDoubtful && isThere(asSwap(offsetIndex)) ? [fileName(offset, asSwap(offsetIndex))] : [];
      }
      const isIndex = indexSuffixes.some((suffix) => name.endsWith(asSwap(suffix)));
      if (!isIndex || isThere(asSwap(log))) return [];
      return isThere(offsetIndex) ? [name, fileName(offset, offsetIndex)] : [name];
    });
  }

  /** One above what a `.log.swap` replaces. */
  #endOf(name: string): number {
    const baseOffset = offsetOf(name);
    const path = this.#files.join(this.#directory, name);
    // The first source goes even if nothing is left of it: it may have a transaction index, and the new segment none.
    const nextOffset = Math.max(nextOffsetIn(this.#files, path, baseOffset), baseOffset + 1);
    const sources = fileName(baseOffset, suffixes.sources + suffixes.swap);
    if (!this.names.includes(sources)) return nextOffset;
    const text = this.#files.readFileSync(this.#files.join(this.#directory, sources)).toString();
    return /^\d+\n$/.test(text) ? Math.max(nextOffset, Number(text) + 1) : nextOffset;
  }

  #strip(name: string): void {
    const final = name.slice(0, -suffixes.swap.length);
    const directory = this.#directory;
    this.#logger.info('completing an interrupted replacement of segments', { directory, name });
    this.#files.renameSync(this.#files.join(directory, name), this.#files.join(directory, final));
    this.names = [...new Set(this.names.map((each) => (each === name ? final : each)))].sort();
  }

  #remove(names: readonly string[]): void {
    for (const name of names) {
      const directory = this.#directory;
      this.#logger.info('removing a file that an interrupted change left', { directory, name });
      this.#files.removeFileSync(this.#files.join(directory, name));
    }
    const gone = new Set(names);
    this.names = this.names.filter((name) => !gone.has(name));
  }

  #removeDurably(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#remove(names);
    this.#files.syncDirectorySync(this.#directory);
  }
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
