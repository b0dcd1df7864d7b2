import { FileError, type FileSystem } from '../environment/files.ts';
import type { LogLogger } from '../log/log-types.ts';
import { checkpointFiles, DamagedCheckpoint, OffsetCheckpoint } from './offset-checkpoint.ts';
import { partitionDirectoryName } from './partition-directories.ts';

/**
 * How far each compacted log is clean: `cleaner-offset-checkpoint`, the first dirty offset of each. A value that is too low costs
 * work, one that is too high would take dirty records for clean ones: so it is written after the cleaned segments are in their
 * place, never before.
 */
export class CleanerOffsets {
  readonly #checkpoint: OffsetCheckpoint;
  readonly #logger: LogLogger;
  readonly #offsets = new Map<string, { topic: string; partition: number; offset: number }>();
  #writing: Promise<void> = Promise.resolve();
  #isUnwritten = false;
  #hasFailed = false;

  /** A damaged file counts as empty: slow, but right. */
  constructor(files: FileSystem, directory: string, logger: LogLogger) {
    this.#checkpoint = new OffsetCheckpoint(files, directory, checkpointFiles.cleaner);
    this.#logger = logger;
    try {
      for (const entry of this.#checkpoint.entries())
        this.#offsets.set(partitionDirectoryName(entry.topic, entry.partition), entry);
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      logger.warn('a checkpoint file is damaged: it counts as empty', { why: error.message });
    }
  }

  /** null: nothing of it was cleaned yet. */
  get(topic: string, partition: number): number | null {
    return this.#offsets.get(partitionDirectoryName(topic, partition))?.offset ?? null;
  }

  /** Resolves when the file says so, or could not be written, which is logged. */
  set(topic: string, partition: number, offset: number): Promise<void> {
    this.#offsets.set(partitionDirectoryName(topic, partition), { topic, partition, offset });
    return this.#write();
  }

  /** Forgets a topic, whose name may come again. */
  forget(topic: string): Promise<void> {
    let isKnown = false;
    for (const [name, entry] of this.#offsets) {
      if (entry.topic === topic) isKnown = this.#offsets.delete(name) || isKnown;
    }
    return isKnown ? this.#write() : this.#writing;
  }

  /**
   * At a start, before the first append: forgets what is not there any more (`endOffsetOf` gives null) and what lies above the end
   * of its log. That was cut with the power, or is another log of the same name: it would grow past such an offset unnoticed.
   */
  keepWithin(endOffsetOf: (topic: string, partition: number) => number | null): Promise<void> {
    let isChanged = false;
    for (const [name, { topic, partition, offset }] of this.#offsets) {
      if (offset > (endOffsetOf(topic, partition) ?? -1)) isChanged = this.#offsets.delete(name) || isChanged;
    }
    return isChanged ? this.#write() : this.#writing;
  }

  /** Writes what could not be written before: the file must not go on speaking of a topic that is gone. */
  retry(): Promise<void> {
    return this.#hasFailed ? this.#write() : this.#writing;
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#writing;
  }

  /** What changes while a write is under way goes with the next one, all of it together. */
  #write(): Promise<void> {
    if (this.#isUnwritten) return this.#writing;
    this.#isUnwritten = true;
    this.#writing = this.#writing.then(async () => {
      this.#isUnwritten = false;
      try {
        await this.#checkpoint.write([...this.#offsets.values()]);
        this.#hasFailed = false;
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        this.#hasFailed = true;
        this.#logger.error('cannot write the checkpoint of the cleaner', { error: error.message });
      }
    });
    return this.#writing;
  }
}
