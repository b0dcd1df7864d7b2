/**
 * The files at the top of a data directory that hold an offset for each of its logs: recovery points, log starts and high watermarks
 * (offset-checkpoint.ts). They are written again and again, log starts also at once when they move.
 *
 * They name logs by topic and partition, and not by topic id. What they say of a deleted topic would, after a crash, be said of the next one of
 * its name: a log start above its end, and all its records were gone. So they say nothing of a log that is not there, before another gets
 * its name.
 */
import { FileError, type FileSystem } from '../environment/files.ts';
import type { Log } from '../log/log.ts';
import type { LogLogger } from '../log/log-types.ts';
import {
  checkpointFiles,
  DamagedCheckpoint,
  formatOffsetCheckpoint,
  OffsetCheckpoint,
  type PartitionOffset,
} from './offset-checkpoint.ts';
import { type FoundPartition, partitionDirectoryName } from './partition-directories.ts';

export interface LogCheckpointsParts {
  readonly files: FileSystem;
  /** The data directory. */
  readonly directory: string;
  readonly logger: LogLogger;
  /** By name, as they are now: the logs, and the directories for which none was opened, which keep what the files said of them. */
  readonly logs: ReadonlyMap<string, Log>;
  readonly found: ReadonlyMap<string, FoundPartition>;
  /** A file could not be written, which has been logged. */
  readonly failed: (error: FileError) => void;
}

/** One of the files. */
interface Checkpoint {
  readonly file: OffsetCheckpoint;
  readonly entries: () => PartitionOffset[];
  /** What it holds, to write only changes; null: as it was found. */
  text: string | null;
  /** The logs that it may speak of. */
  names: Set<string>;
}

export class LogCheckpoints {
  readonly #parts: LogCheckpointsParts;
  readonly #recoveryPoints: Checkpoint;
  readonly #logStarts: Checkpoint;
  readonly #highWatermarks: Checkpoint;
  readonly #oldRecoveryPoints: ReadonlyMap<string, number>;
  readonly #oldLogStarts: ReadonlyMap<string, number>;
  #writing: Promise<unknown> = Promise.resolve();
  /** Writes that have not begun. */
  #nextLogStarts: Promise<boolean> | null = null;
  #nextForgetting: Promise<boolean> | null = null;
  /** Counts what was written at once, overtaking what was under way. */
  #overtakings = 0;

  constructor(parts: LogCheckpointsParts) {
    const { files, directory } = parts;
    this.#parts = parts;
    const [recoveryPoints, logStarts, highWatermarks] = [
      new OffsetCheckpoint(files, directory, checkpointFiles.recoveryPoint),
      new OffsetCheckpoint(files, directory, checkpointFiles.logStart),
      new OffsetCheckpoint(files, directory, checkpointFiles.highWatermark),
    ];
    this.#oldRecoveryPoints = this.#read(recoveryPoints);
    this.#oldLogStarts = this.#read(logStarts);
    const checkpoint = (file: OffsetCheckpoint, old: Iterable<string>, entries: () => PartitionOffset[]) => ({
      file,
      entries,
      text: null,
      names: new Set(old),
    });
    this.#recoveryPoints = checkpoint(recoveryPoints, this.#oldRecoveryPoints.keys(), () =>
      this.#offsets((log) => log.recoveryPoint, this.#oldRecoveryPoints),
    );
    this.#logStarts = checkpoint(logStarts, this.#oldLogStarts.keys(), () => this.#logStartOffsets());
    // We do not read them.
    this.#highWatermarks = checkpoint(highWatermarks, [], () =>
      this.#offsets((log) => log.highWatermark, new Map()),
    );
  }

  /** As the files had it at the start; 0 where they said nothing. */
  old(name: string): { readonly recoveryPoint: number; readonly logStartOffset: number } {
    return {
      recoveryPoint: this.#oldRecoveryPoints.get(name) ?? 0,
      logStartOffset: this.#oldLogStarts.get(name) ?? 0,
    };
  }

  /** Writes the files, as far as they have changed. */
  async write(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#write(this.#recoveryPoints);
      await this.#write(this.#logStarts);
      await this.#write(this.#highWatermarks);
    });
  }

  /**
   * True when the log starts of now are durable. What moves while a write is under way goes with the next one, all of it together: a
   * request may move thousands.
   */
  writeLogStarts(): Promise<boolean> {
    this.#nextLogStarts ??= this.#inTurn(() => {
      this.#nextLogStarts = null;
      return this.#write(this.#logStarts);
    });
    return this.#nextLogStarts;
  }

  /** A log is gone: soon the files do not speak of it any more. */
  forget(name: string): void {
    if (!this.#speakOf(name)) return;
    this.#nextForgetting ??= this.#inTurn(async () => {
      this.#nextForgetting = null;
      await this.#write(this.#logStarts);
      await this.#write(this.#recoveryPoints);
    });
  }

  /** Another log gets this name: now the files do not speak of the one before any more, and not of others that are gone. */
  forgetNow(name: string): void {
    if (!this.#speakOf(name)) return;
    this.#overtakings++;
    try {
      for (const checkpoint of [this.#logStarts, this.#recoveryPoints]) {
        const entries = checkpoint.entries();
        checkpoint.file.writeSync(entries);
        wrote(checkpoint, entries, formatOffsetCheckpoint(entries));
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #speakOf(name: string): boolean {
    return this.#logStarts.names.has(name) || this.#recoveryPoints.names.has(name);
  }

  /** A damaged file counts as empty: slow, but right. */
  #read(checkpoint: OffsetCheckpoint): ReadonlyMap<string, number> {
    try {
      return checkpoint.read();
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      this.#parts.logger.warn('a checkpoint file is damaged: it counts as empty', { why: error.message });
      return new Map();
    }
  }

  /** One offset for each log on the disk; directories that could not be opened keep the one they had. */
  #offsets(of: (log: Log) => number, old: ReadonlyMap<string, number>): PartitionOffset[] {
    const entries: PartitionOffset[] = [];
    for (const log of this.#parts.logs.values()) {
      if (log.isOnDisk) entries.push({ topic: log.topic, partition: log.partition, offset: of(log) });
    }
    for (const [name, { topic, partition }] of this.#parts.found) {
      const offset = old.get(name);
      if (offset !== undefined) entries.push({ topic, partition, offset });
    }
    return entries;
  }

  /**
   * Kafka leaves out logs that begin with their first segment. But a loss of power may bring segments back that were before it, or
   * take the one that was begun there.
   */
  #logStartOffsets(): PartitionOffset[] {
    const entries = this.#offsets((log) => log.logStartOffset, this.#oldLogStarts);
    for (const { isOnDisk, topic, partition, logStartOffset: offset } of this.#parts.logs.values())
      if (!isOnDisk) entries.push({ topic, partition, offset });
    return entries.filter(({ offset }) => offset > 0);
  }

  async #write(checkpoint: Checkpoint): Promise<void> {
    for (;;) {
      const entries = checkpoint.entries();
      const text = formatOffsetCheckpoint(entries);
      if (checkpoint.text === text) return;
      const overtakings = this.#overtakings;
      // Both what it says and what it is about to say.
      for (const name of namesOf(entries)) checkpoint.names.add(name);
      await checkpoint.file.write(entries);
      if (overtakings === this.#overtakings) return wrote(checkpoint, entries, text);
    }
  }

  /** One writer at a time; a file that cannot be written is tried again with the next checkpoint. True when it was written. */
  #inTurn(write: () => Promise<void>): Promise<boolean> {
    const writing = this.#writing.then(async () => {
      try {
        await write();
        return true;
      } catch (error) {
        this.#failed(error);
        return false;
      }
    });
    this.#writing = writing;
    return writing;
  }

  #failed(error: unknown): void {
    if (!(error instanceof FileError)) throw error;
    this.#parts.logger.error('cannot write the checkpoint files', { error: error.message });
    this.#parts.failed(error);
  }
}

function wrote(checkpoint: Checkpoint, entries: readonly PartitionOffset[], text: string): void {
  checkpoint.text = text;
  checkpoint.names = new Set(namesOf(entries));
}

function namesOf(entries: readonly PartitionOffset[]): string[] {
  return entries.map(({ topic, partition }) => partitionDirectoryName(topic, partition));
}
