import type { Clock, Timer } from '../../storage/environment/clock.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { FileError, type FileSystem } from '../../storage/environment/files.ts';
import type { Log } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { Logger } from '../observe/logger.ts';
import type { ClusterMachine } from './cluster-machine.ts';
import {
  checkSnapshotAt,
  isSnapshotLeftover,
  partSuffix,
  type SnapshotContent,
  snapshotBatches,
  snapshotNameOf,
  snapshotsAmong,
  type Voters,
} from './snapshot-file.ts';
import { snapshotRecords } from './snapshot-records.ts';

/**
 * Keeps the metadata log short: a snapshot now and then, and what it makes needless goes.
 *
 *    metadata.log.max.record.bytes.between.snapshots    so many bytes since the last one, or
 *    metadata.log.max.snapshot.interval.ms              so long since the first change after it  → a snapshot, and a new segment
 *                                                       where the last one is long enough to be worth it
 *    metadata.max.retention.bytes, metadata.max.retention.ms
 *                                                       log and snapshots take more, or are older  → the oldest snapshot goes, and
 *                                                       with it the segments before the next one
 *
 * What a snapshot holds is put together at once, between two changes; only its bytes are written while the log goes on. It has its name
 * when it is whole and synced, and no segment goes before that name is durable: a crash leaves the log as long as it was, or a part of a
 * file that the next start removes. One snapshot always stays.
 */
export class MetadataSnapshots {
  readonly #options: SnapshotsOptions;
  readonly #clock: Clock;
  #bytesSince: number;
  #lastTimestampMs: number;
  #lastEndOffset: number;
  #timer: Timer | null = null;
  #writing: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#clock = options.environment.clock;
    this.#bytesSince = options.bytesSince;
    this.#lastTimestampMs = options.lastTimestampMs;
    this.#lastEndOffset = options.lastEndOffset;
    this.#removeLeftovers();
  }

  /** Where the newest snapshot ends; 0: there is none. */
  get lastEndOffset(): number {
    return this.#lastEndOffset;
  }

  /** A batch was written and replayed, and no other one is on its way. */
  written(bytes: number, timestampMs: number): void {
    this.#bytesSince += bytes;
    this.#lastTimestampMs = timestampMs;
    const { settings } = this.#options;
    if (this.#bytesSince >= settings['metadata.log.max.record.bytes.between.snapshots']) this.take();
    else this.#schedule(settings['metadata.log.max.snapshot.interval.ms']);
  }

  /** Takes one of now, unless there is one or one is being written; to be called between two changes. */
  take(): void {
    const { state, log, voters } = this.#options;
    const endOffset = log.endOffset;
    // Half a transaction of a process that died: the next record ends it.
    if (this.#isClosed || this.#writing !== null || state.isInTransaction || endOffset <= this.#lastEndOffset)
      return;
    this.#timer?.cancel();
    this.#timer = null;
    const { epoch } = state;
    const timestampMs = this.#lastTimestampMs;
    const content = { endOffset, epoch, timestampMs, records: snapshotRecords(state), voters: voters() };
    const batches = snapshotBatches(content);
    const before = this.#bytesSince;
    this.#bytesSince = 0;
    this.#writing = this.#write(content, batches).then(
      () => void (this.#writing = null),
      (error: unknown) => {
        this.#writing = null;
        this.#bytesSince += before;
        this.#failed(error);
      },
    );
  }

  /** Resolves when what is being written is written, or is given up. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
    await this.#writing;
  }

  #schedule(delayMs: number): void {
    if (delayMs <= 0 || this.#timer !== null || this.#isClosed) return;
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = null;
      this.#options.between(() => this.take());
    });
  }

  async #write({ endOffset, epoch }: SnapshotContent, batches: readonly Buffer[]): Promise<void> {
    const { environment, directory, log, logger, settings } = this.#options;
    const { files } = environment;
    const path = files.join(directory, snapshotNameOf(endOffset, epoch));
    await writeWhole(files, path, batches);
    await files.syncDirectory(directory);
    this.#lastEndOffset = endOffset;
    logger.debug('Wrote a snapshot of the metadata', { path });
    const last = log.segments().at(-1);
    if (last !== undefined && last.sizeBytes >= settings['metadata.log.max.record.bytes.between.snapshots'])
      await log.roll();
    await this.#clean();
  }

  /** Lets the oldest go while there is a newer one, and as the settings say. */
  async #clean(): Promise<void> {
    const { environment, directory, log, settings } = this.#options;
    const { files } = environment;
    const snapshots = snapshotsAmong(files.listSync(directory)).map((each) => {
      const path = files.join(directory, each.name);
      return { ...each, path, bytes: files.statSync(path)?.size ?? 0 };
    });
    const mostBytes = settings['metadata.max.retention.bytes'];
    const mostMs = settings['metadata.max.retention.ms'];
    const snapshotBytes = () => snapshots.reduce((sum, { bytes }) => sum + bytes, 0);
    for (let next = snapshots[1]; next !== undefined; next = snapshots[1]) {
      const oldest = snapshots[0]!;
      const isTooMuch = mostBytes >= 0 && log.sizeBytes + snapshotBytes() > mostBytes;
      if (!isTooMuch && !(mostMs >= 0 && this.#ageMs(oldest.path) > mostMs)) return;
      await log.deleteRecordsBefore(Math.max(next.endOffset, log.logStartOffset));
      await log.applyRetention(this.#clock.nowMs());
      await files.removeFile(oldest.path);
      snapshots.shift();
    }
  }

  #ageMs(path: string): number {
    const checked = checkSnapshotAt(this.#options.environment.files, path);
    return 'problem' in checked ? Infinity : this.#clock.nowMs() - checked.lastTimestampMs;
  }

  #removeLeftovers(): void {
    const { environment, directory } = this.#options;
    const { files } = environment;
    for (const name of files.listSync(directory))
      if (isSnapshotLeftover(name)) files.removeFileSync(files.join(directory, name));
  }

  #failed(error: unknown): void {
    if (!(error instanceof FileError)) throw error;
    this.#options.logger.warn('A snapshot of the metadata could not be written: the log stays as it is', {
      error: error.message,
    });
  }
}

/** Under another name until it is whole and synced. */
async function writeWhole(files: FileSystem, path: string, batches: readonly Buffer[]): Promise<void> {
  const part = path + partSuffix;
  const file = files.openSync(part, 'create');
  try {
    file.truncateSync(0);
    let position = 0;
    for (const batch of batches) {
      await file.write([batch], position);
      position += batch.length;
    }
    await file.sync();
    file.renameTo(path);
  } catch (error) {
    removeQuietly(files, part);
    throw error;
  } finally {
    file.close();
  }
}

function removeQuietly(files: FileSystem, path: string): void {
  try {
    files.removeFileSync(path);
  } catch {
    // What is wrong with the disk is being told already; the next start tries again.
  }
}

export interface SnapshotsOptions {
  readonly environment: Environment;
  /** `…/__cluster_metadata-0` */
  readonly directory: string;
  readonly state: ClusterMachine;
  readonly log: Log;
  readonly settings: BrokerSettings;
  readonly logger: Logger;
  /** For the header; null where kraft.version is 0. */
  readonly voters: () => Voters | null;
  /** Calls back when no change is on its way. */
  readonly between: (take: () => void) => void;
  /** What the log holds since the last snapshot, and where that ends. */
  readonly bytesSince: number;
  readonly lastTimestampMs: number;
  readonly lastEndOffset: number;
}
