/**
 * An offset for each of many partitions, in one text file at the top of a data directory.
 *
 *     0                version
 *     2                number of entries
 *     orders 0 120     topic, partition, offset
 *     orders 1 7
 *
 * A file of 0 bytes has no entries. Kafka refuses a whole file for one bad line; what that means is the caller's to
 * say: of the recovery points and log starts a damaged file counts as empty, with a warning, which is slow but right.
 */
import type { FileSystem } from '../environment/files.ts';
import { partitionDirectoryName } from './partition-directories.ts';

/** The files, by what their offsets mean. */
export const checkpointFiles = {
  /** Everything below is on the device. */
  recoveryPoint: 'recovery-point-offset-checkpoint',
  /** Where a log starts, if that is not the base of its first segment. */
  logStart: 'log-start-offset-checkpoint',
  highWatermark: 'replication-offset-checkpoint',
  /** The first dirty offset of a compacted log. */
  cleaner: 'cleaner-offset-checkpoint',
} as const;

const version = 0;

export interface PartitionOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** The file does not say what it should; the message names the line. */
export class DamagedCheckpoint extends Error {
  constructor(path: string, problem: string) {
    super(`${path} is damaged: ${problem}`);
    this.name = 'DamagedCheckpoint';
  }
}

export function formatOffsetCheckpoint(entries: readonly PartitionOffset[]): string {
  const lines = entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}\n`);
  return `${version}\n${entries.length}\n${lines.join('')}`;
}

/** Throws DamagedCheckpoint where Kafka would refuse the file too. */
export function parseOffsetCheckpoint(text: string, path: string): PartitionOffset[] {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  const [versionLine, countLine, ...entryLines] = lines;
  if (versionLine === undefined) return [];
  if (wholeNumber(versionLine) !== version) {
    throw new DamagedCheckpoint(path, `version ${JSON.stringify(versionLine)} instead of ${version}`);
  }
  if (countLine === undefined) return [];
  const count = wholeNumber(countLine);
  if (count === null)
    throw new DamagedCheckpoint(path, `${JSON.stringify(countLine)} is not a number of entries`);
  const entries = entryLines.map((line) => parseEntry(line, path));
  if (entries.length !== count)
    throw new DamagedCheckpoint(path, `${entries.length} entries instead of ${count}`);
  return entries;
}

function parseEntry(line: string, path: string): PartitionOffset {
  const [topic, partitionText, offsetText, ...rest] = line.trimEnd().split(/\s+/);
  const partition = wholeNumber(partitionText ?? '');
  const offset = wholeNumber(offsetText ?? '');
  if (topic === undefined || topic === '' || partition === null || offset === null || rest.length > 0) {
    throw new DamagedCheckpoint(path, `${JSON.stringify(line)} is not a topic, a partition and an offset`);
  }
  return { topic, partition, offset };
}

function wholeNumber(text: string): number | null {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** One such file of a data directory. */
export class OffsetCheckpoint {
  readonly #files: FileSystem;
  readonly path: string;

  constructor(files: FileSystem, directory: string, name: string) {
    this.#files = files;
    this.path = files.join(directory, name);
  }

  /** Offsets by `topic-partition`; empty when there is no file. Throws DamagedCheckpoint. */
  read(): Map<string, number> {
    const offsets = new Map<string, number>();
    for (const { topic, partition, offset } of this.entries()) {
      offsets.set(partitionDirectoryName(topic, partition), offset);
    }
    return offsets;
  }

  /** None when there is no file. Throws DamagedCheckpoint. */
  entries(): PartitionOffset[] {
    if (this.#files.statSync(this.path) === null) return [];
    return parseOffsetCheckpoint(this.#files.readFileSync(this.path).toString('utf8'), this.path);
  }

  /** Replaces the file as a whole; the thread pool does it. */
  write(entries: readonly PartitionOffset[]): Promise<void> {
    return this.#files.replaceFile(this.path, Buffer.from(formatOffsetCheckpoint(entries)));
  }

  writeSync(entries: readonly PartitionOffset[]): void {
    this.#files.replaceFileSync(this.path, Buffer.from(formatOffsetCheckpoint(entries)));
  }
}
