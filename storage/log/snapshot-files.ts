import { type File, FileError, type FileSystem } from '../environment/files.ts';
import type { LogLogger } from './log-types.ts';
import { decodeSnapshot, encodeSnapshot } from './producer-snapshot.ts';
import { isExpired, type ProducerTable } from './producer-table.ts';
import { filePath, offsetOf, suffixes } from './segment-files.ts';

/** The `.snapshot` files of a partition (producer-snapshot.ts): one at each segment's base offset, one where the log was closed. */
export class SnapshotFiles {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #logger: LogLogger;
  /** Ascending. */
  #offsets: number[];
  /** Up to where the newest one, or the start of the log, covers the producers. */
  #covered = 0;

  constructor(files: FileSystem, directory: string, logger: LogLogger, names: readonly string[]) {
    this.#files = files;
    this.#directory = directory;
    this.#logger = logger;
    this.#offsets = names
      .filter((name) => name.endsWith(suffixes.snapshot) && offsetOf(name) >= 0)
      .map(offsetOf);
    this.#offsets.sort((a, b) => a - b);
  }

  get offsets(): readonly number[] {
    return this.#offsets;
  }

  has(offset: number): boolean {
    return this.#offsets[this.#placeOf(offset)] === offset;
  }

  /** Writes the producers as of `table.endOffset`, unless that is covered already. The caller syncs and closes the file. */
  take(table: ProducerTable): File | null {
    const offset = table.endOffset;
    if (offset <= this.#covered) return null;
    const file = this.#files.openSync(this.#path(offset), 'create');
    file.truncateSync(0);
    file.writeSync([encodeSnapshot(table.producers)], 0);
    const place = this.#placeOf(offset);
    if (this.#offsets[place] !== offset) this.#offsets.splice(place, 0, offset);
    this.#covered = offset;
    return file;
  }

  /** The same where nobody waits for it to be durable: what is lost is read from the log again. */
  takeUnsynced(table: ProducerTable): void {
    this.take(table)?.close();
  }

  /** Fills the empty `table` from the newest usable file, or leaves it empty at `logStartOffset`; removes damaged ones. */
  load(table: ProducerTable, logStartOffset: number, nowMs: number, expirationMs: number): void {
    for (let offset = this.#offsets.at(-1); offset !== undefined; offset = this.#offsets.at(-1)) {
      const producers = decodeSnapshot(this.#files.readFileSync(this.#path(offset)));
      if (typeof producers !== 'string') {
        for (const producer of producers) if (!isExpired(producer, nowMs, expirationMs)) table.load(producer);
        table.endOffset = this.#covered = offset;
        return;
      }
      this.#logger.warn('removing a damaged producer snapshot', { path: this.#path(offset), why: producers });
      this.remove(offset);
    }
    table.endOffset = this.#covered = logStartOffset;
  }

  /** Removes those that belong to no segment, but for the newest of them if it lies behind all segments (a clean close's). */
  removeStray(baseOffsets: readonly number[]): void {
    const bases = new Set(baseOffsets);
    const stray = this.#offsets.filter((offset) => !bases.has(offset));
    const newest = stray.at(-1);
    const lastBase = baseOffsets.at(-1);
    for (const offset of stray) {
      if (offset !== newest || (lastBase !== undefined && offset < lastBase)) this.remove(offset);
    }
  }

  /** Keeps those in (logStartOffset, endOffset]. */
  keepWithin(logStartOffset: number, endOffset: number): void {
    for (const offset of [...this.#offsets]) {
      if (offset > endOffset || offset <= logStartOffset) this.remove(offset);
    }
  }

  /** The log now begins later: what is covered counts from there if no file does. */
  startMoved(logStartOffset: number): void {
    this.#covered = this.#offsets.at(-1) ?? logStartOffset;
  }

  remove(offset: number): void {
    if (this.has(offset)) this.#offsets.splice(this.#placeOf(offset), 1);
    this.#files.removeFileSync(this.#path(offset));
  }

  /**
   * Before the log start nobody waits for the disk. Its name is free at once: by the time that it is removed there may be another log in
   * this directory, of a topic that was made anew. What is left the next start removes.
   */
  segmentGone(baseOffset: number, logStartOffset: number): void {
    if (!this.has(baseOffset)) return;
    if (baseOffset >= logStartOffset) return this.remove(baseOffset);
    this.#offsets.splice(this.#placeOf(baseOffset), 1);
    const path = this.#path(baseOffset);
    try {
      this.#files.renameSync(path, path + suffixes.deleted);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return;
    }
    void this.#files.removeFile(path + suffixes.deleted).catch(() => {});
  }

  removeAll(): void {
    for (const offset of [...this.#offsets]) this.remove(offset);
    this.#covered = 0;
  }

  /** Where an offset is, or belongs: a log of a thousand segments has as many, and each of them comes and goes alone. */
  #placeOf(offset: number): number {
    let low = 0;
    for (let high = this.#offsets.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.#offsets[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #path(offset: number): string {
    return filePath(this.#files, this.#directory, offset, suffixes.snapshot);
  }
}
