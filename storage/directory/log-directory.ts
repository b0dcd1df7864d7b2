import type { TopicSettings } from '../config/topic-settings.ts';
import { outsideClock, type Timer, turn } from '../environment/clock.ts';
import type { Environment } from '../environment/environment.ts';
import type { FileError, FileSystem, VolumeStat } from '../environment/files.ts';
import { Log } from '../log/log.ts';
import type { DurabilityPolicy, LogLogger } from '../log/log-types.ts';
import { parsePartitionMetadata, partitionMetadataText } from '../log/partition-metadata.ts';
import { Room } from '../log/room.ts';
import { partitionMetadataFile } from '../log/segment-files.ts';
import { type CleanShutdown, takeCleanShutdown, writeCleanShutdown } from './clean-shutdown.ts';
import { DeletedDirectories } from './deleted-directories.ts';
import { LeavingLogs } from './leaving-logs.ts';
import { LogCheckpoints } from './log-checkpoints.ts';
import {
  type FoundPartition,
  parsePartitionDirectory,
  partitionDirectoryName,
  sidelinedDirectoryName,
} from './partition-directories.ts';

/**
 * All partitions under one data directory, and the files at its top that speak of them all:
 *
 *    .kafka_cleanshutdown               read and taken away at the start, written when all logs were closed clean
 *    recovery-point-offset-checkpoint   30 s after the start, then every 60 s, and at a clean stop
 *    log-start-offset-checkpoint        the same, and at once when records are deleted
 *    replication-offset-checkpoint      with the others: for Apache Kafka, we do not read it
 *    TOPIC-PARTITION                    log.ts            …-delete  deleted-directories.ts
 *    …-stray  …-future                  left alone
 *
 * The directory's lock and identity are the business of ownership.ts and meta-properties.ts, and its metadata log that of
 * whoever opens it. Other files are ignored; other directories too, with a warning: Apache Kafka would not start on them.
 */

export interface LogDirectoryOptions {
  readonly environment: Environment;
  /** Absolute; locked by the caller. */
  readonly path: string;
  readonly logger: LogLogger;
  readonly durability: DurabilityPolicy;
  /** `producer.id.expiration.ms`, as it is now. */
  readonly producerIdExpirationMs: () => number;
  /** `log.segment.delete.delay.ms`: for deleted partitions. */
  readonly deleteDelayMs: number;
  /** Directories in here that belong to somebody else: the metadata log. */
  readonly reserved: readonly string[];
  /** Whether this topic was there once, and deleted; as far as is known. */
  readonly wasDeleted?: (topicId: string) => boolean;
  readonly decompressedBytesMax?: number;
  /** `log.flush.offset.checkpoint.interval.ms` */
  readonly checkpointIntervalMs?: number;
  /** `log.initial.task.delay.ms` */
  readonly initialDelayMs?: number;
}

const checkpointIntervalMsDefault = 60_000;
const initialDelayMsDefault = 30_000;
/** Logs that are closed at a time. */
const closesAtOnce = 16;
/** What the checkpoint files have of a new log. */
const ofNothing = { recoveryPoint: 0, logStartOffset: 0 };
/** Logs between two turns of the event loop. */
const logsPerTurn = 50;

export class LogDirectory {
  readonly path: string;
  /** How the last process stopped; null: not cleanly, logs were or will be recovered. */
  readonly cleanShutdown: CleanShutdown | null;
  readonly #options: LogDirectoryOptions;
  readonly #files: FileSystem;
  readonly #room: Room;
  readonly #logs = new Map<string, Log>();
  /** Directories that no log has been opened for, by name. */
  readonly #found = new Map<string, FoundPartition>();
  readonly #checkpoints: LogCheckpoints;
  readonly #deletions: DeletedDirectories;
  readonly #leaving: LeavingLogs;
  #timer: Timer | null = null;
  #isOffline = false;
  /** A log could not be opened: what it holds is not known to be closed clean. */
  #hasFailedLog = false;

  private constructor(options: LogDirectoryOptions) {
    const { environment, path, logger } = options;
    const { files } = environment;
    this.path = path;
    this.#options = options;
    this.#files = files;
    this.#room = new Room(environment.clock, logger);
    this.cleanShutdown = takeCleanShutdown(files, path);
    this.#checkpoints = new LogCheckpoints({
      files,
      directory: path,
      logger,
      logs: this.#logs,
      found: this.#found,
      failed: (error) => this.#diskFailed(error),
    });
    this.#deletions = new DeletedDirectories({
      environment,
      directory: path,
      delayMs: () => (files.deletesAtOnce ? 0 : options.deleteDelayMs),
      onError: (directory, error) =>
        logger.warn('cannot remove the directory of a deleted partition', {
          directory,
          error: error.message,
        }),
    });
    this.#leaving = new LeavingLogs(environment, this.#deletions, logger);
    this.#deletions.resume();
    this.#discover();
    this.#schedule(options.initialDelayMs ?? initialDelayMsDefault);
  }

  /** Looks at what is in the directory, which exists, and opens no log yet. */
  static open(options: LogDirectoryOptions): LogDirectory {
    return new LogDirectory(options);
  }

  /** A disk error has taken it, or a log in it, out of service. */
  get isOffline(): boolean {
    return this.#isOffline;
  }

  /** No log takes an append from here on; what there is can be read. */
  halt(why: string): void {
    this.#isOffline = true;
    this.#room.halted = why;
  }

  /** Partitions on the disk for which no log was opened yet. */
  get unopened(): readonly FoundPartition[] {
    return [...this.#found.values()];
  }

  get logs(): Iterable<Log> {
    return this.#logs.values();
  }

  log(topic: string, partition: number): Log | undefined {
    return this.#logs.get(partitionDirectoryName(topic, partition));
  }

  volume(): VolumeStat | null {
    return this.#files.volumeSync(this.path);
  }

  /**
   * Opens the log of a partition; a directory of the same name that belongs to another topic id is set aside first. Throws
   * FileError when the disk fails: the partition is then offline, others are not.
   */
  openLog(topic: string, partition: number, topicId: string, settings: TopicSettings): Log {
    const name = partitionDirectoryName(topic, partition);
    const open = this.#logs.get(name);
    if (open) throw new Error(`the log of ${name} is open already`);
    this.#leaving.makeRoomFor(name);
    const found = this.#found.get(name);
    const isAnother = found !== undefined && found.topicId !== null && found.topicId !== topicId;
    if (isAnother) this.#setAside(name, found);
    // Written in our first moments and lost with the power, or never, by an old Kafka.
    if (found?.topicId === null) this.#writeMetadata(name, topicId);
    this.#found.delete(name);
    // The checkpoint files speak of what was found, not of a new topic of its name.
    const isOld = found !== undefined && !isAnother;
    const { recoveryPoint, logStartOffset } = isOld ? this.#checkpoints.old(name) : ofNothing;
    if (!isOld) this.#checkpoints.forgetNow(name);
    const { environment, logger, durability, producerIdExpirationMs, decompressedBytesMax } = this.#options;
    try {
      const log = Log.open({
        environment,
        directory: this.#files.join(this.path, name),
        topic,
        partition,
        topicId,
        settings,
        durability,
        logger,
        producerIdExpirationMs,
        recoveryPoint,
        logStartOffset,
        cleanShutdown: this.cleanShutdown !== null,
        onDiskError: (error) => this.#diskFailed(error),
        room: this.#room,
        keepStartOffset: () => this.#checkpoints.writeLogStarts(),
        ...(decompressedBytesMax === undefined ? {} : { decompressedBytesMax }),
      });
      this.#logs.set(name, log);
      return log;
    } catch (error) {
      this.#hasFailedLog = true;
      if (found) this.#found.set(name, found);
      throw error;
    }
  }

  /** The partition's topic was deleted: no log is open any more, its directory is renamed soon and removed later. */
  deleteLog(log: Log): void {
    if (this.#logs.get(log.name) !== log) return;
    this.#logs.delete(log.name);
    this.#checkpoints.forget(log.name);
    log.markDeleted();
    this.#leaving.add(log);
  }

  /** Renames what nobody has opened: the metadata does not know it (`-stray`), or knows it as deleted. Returns the old names. */
  setStraysAside(): string[] {
    const names = [...this.#found.keys()];
    for (const [name, found] of this.#found) this.#setAside(name, found);
    this.#found.clear();
    return names;
  }

  /** Applies retention to the logs that are `wanted`, a few at a turn of the event loop; tells how many segments went. */
  async applyRetention(nowMs: number, wanted: (log: Log) => boolean = () => true): Promise<number> {
    const logs = [...this.#logs.values()];
    let removed = 0;
    for (let at = 0; at < logs.length; at += logsPerTurn) {
      if (at > 0) await turn(this.#options.environment.clock);
      // Together, so that one write of the checkpoint holds the new starts of them all.
      const some = logs.slice(at, at + logsPerTurn).filter((log) => log.isOnDisk && wanted(log));
      for (const count of await Promise.all(some.map((log) => log.applyRetention(nowMs)))) removed += count;
    }
    return removed;
  }

  /** Every log forgets the producers that have been silent for too long. */
  async expireProducers(nowMs: number): Promise<void> {
    let n = 0;
    for (const log of [...this.#logs.values()]) {
      log.expireProducers(nowMs);
      if (++n % logsPerTurn === 0) await turn(this.#options.environment.clock);
    }
  }

  /** Writes the checkpoint files, as far as they have changed. */
  checkpoint(): Promise<void> {
    return this.#checkpoints.write();
  }

  /**
   * Clean stop: closes all logs, then writes the checkpoints, then, if everything was closed as it should,
   * `.kafka_cleanshutdown`. True when it was.
   */
  async close(brokerEpoch: number): Promise<boolean> {
    this.#timer?.cancel();
    this.#timer = null;
    await this.#leaving.settled();
    this.#deletions.close();
    const logs = [...this.#logs.values()];
    let clean = !this.#hasFailedLog;
    const closeNext = async (): Promise<void> => {
      for (let log = logs.pop(); log !== undefined; log = logs.pop()) {
        if (!(await log.close())) clean = false;
      }
    };
    await Promise.all(Array.from({ length: closesAtOnce }, closeNext));
    await this.checkpoint();
    if (clean && !this.#isOffline) writeCleanShutdown(this.#files, this.path, brokerEpoch);
    return clean && !this.#isOffline;
  }

  #discover(): void {
    for (const name of this.#files.listSync(this.path)) {
      const path = this.#files.join(this.path, name);
      if (this.#options.reserved.includes(name) || this.#files.statSync(path)?.kind !== 'directory') continue;
      const parsed = parsePartitionDirectory(name);
      if (parsed === null) {
        this.#options.logger.warn('a directory that is no partition: Apache Kafka would not start with it', {
          path,
        });
      } else if (parsed.kind === 'partition') {
        const { topic, partition } = parsed;
        this.#found.set(name, { topic, partition, topicId: this.#topicIdIn(path) });
      }
    }
  }

  #topicIdIn(directory: string): string | null {
    const path = this.#files.join(directory, partitionMetadataFile);
    if (this.#files.statSync(path) === null) return null;
    return parsePartitionMetadata(this.#files.readFileSync(path).toString('utf8'));
  }

  #writeMetadata(name: string, topicId: string): void {
    const path = this.#files.join(this.path, name, partitionMetadataFile);
    this.#options.logger.warn('a partition without its topic id: it is taken for that of its name', {
      path,
      topicId,
    });
    this.#files.replaceFileSync(path, Buffer.from(partitionMetadataText(topicId)));
  }

  #setAside(name: string, { topic, partition, topicId }: FoundPartition): void {
    const { environment, logger, wasDeleted } = this.#options;
    // The last process died before it had taken it away.
    if (topicId !== null && wasDeleted?.(topicId)) return this.#deletions.deleteSync(topic, partition);
    const target = sidelinedDirectoryName('stray', topic, partition, (count) =>
      environment.random.bytes(count),
    );
    const message = 'a partition that the metadata does not know: its directory is set aside';
    logger.warn(message, { name, topicId, target });
    this.#files.renameSync(this.#files.join(this.path, name), this.#files.join(this.path, target));
  }

  #schedule(delayMs: number): void {
    this.#timer = outsideClock(this.#options.environment.clock).schedule(delayMs, () => {
      this.#schedule(this.#options.checkpointIntervalMs ?? checkpointIntervalMsDefault);
      void this.checkpoint();
    });
  }

  #diskFailed(error: FileError): void {
    if (error.code !== 'ENOSPC' && error.code !== 'EMEMORYLIMIT') this.#isOffline = true;
  }
}
