import {
  baseOffset,
  ensureValid,
  isControl,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
} from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { kraftVersionRecord, votersRecord } from '../../protocol/records/control-schemas.ts';
import { forEachRecord, type LogRecord } from '../../protocol/records/record.ts';
import { recordDecoder } from '../../protocol/schema/compile.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import { BatchWalk } from '../../storage/log/batch-walk.ts';
import { offsetOf } from '../../storage/log/segment-files.ts';
import type { EntryPosition } from '../journal/state-machine.ts';
import { decodeMetadataRecord, type MetadataRecord } from './records/index.ts';
import { MetadataRefused } from './refusals.ts';
import { checkSnapshot, type SnapshotId, snapshotsAmong, type Voters } from './snapshot-file.ts';

/**
 * Reads `__cluster_metadata-0` as Kafka's own start does, and changes nothing: the newest snapshot (snapshot-file.ts), then the log
 * from the snapshot's end offset on.
 *
 *    0…0-0…0.checkpoint   from Kafka 4.4 on format leaves it for the first start: its voters count, its records only for a
 *                         log that has none (read-directory.ts), which gets a copy of them
 *
 *    0…0.log   │ LeaderChange │ records … │ …     every batch CRC-checked, whatever the shutdown was
 *
 * A bad batch in the last segment is a torn tail: opening the log will cut there. A snapshot that is not whole is passed over where
 * the log, or an older one and the log, hold all that it would. Anything else, or a record that cannot be understood, is a refusal:
 * going on without it would lose topics.
 */
export function readKraftLog(files: FileSystem, directory: string, visit: RecordVisitor): KraftLog {
  const names = files.statSync(directory) === null ? [] : files.listSync(directory);
  const { snapshot, torn } = newestWhole(files, directory, snapshotsAmong(names));
  const reader = new KraftReader(visit);
  if (snapshot !== null)
    reader.readSnapshot(files, files.join(directory, snapshot.name), snapshot, isFormats(snapshot));
  const segments = names.filter((name) => segmentName.test(name));
  const startOffset = segments.length === 0 ? (snapshot?.endOffset ?? 0) : offsetOf(segments[0]!);
  const fromOffset = snapshot?.endOffset ?? 0;
  if (startOffset > fromOffset)
    throw new MetadataRefused(
      'metadata-damaged',
      torn[0]?.problem ??
        `the metadata log begins at offset ${startOffset}, but the newest snapshot ends at ${fromOffset}: what lies between is missing`,
    );
  for (const [at, name] of segments.entries())
    reader.readSegment(files, files.join(directory, name), fromOffset, at === segments.length - 1);
  const result = reader.result(snapshot, startOffset);
  for (const { endOffset, problem } of torn)
    if (endOffset > result.endOffset) throw new MetadataRefused('metadata-damaged', problem);
  return { ...result, tornSnapshots: torn };
}

/** The newest snapshot of which every byte is there, and those behind it that are not whole, the newest first. */
function newestWhole(
  files: FileSystem,
  directory: string,
  snapshots: readonly SnapshotId[],
): { snapshot: SnapshotId | null; torn: KraftLog['tornSnapshots'] } {
  const torn: (SnapshotId & { problem: string })[] = [];
  for (const snapshot of snapshots.toReversed()) {
    const path = files.join(directory, snapshot.name);
    const file = files.openSync(path, 'read');
    try {
      const checked = checkSnapshot(file);
      if (!('problem' in checked)) return { snapshot, torn };
      torn.push({ ...snapshot, problem: `the snapshot ${path} ${checked.problem}` });
    } finally {
      file.close();
    }
  }
  return { snapshot: null, torn };
}

/** Reads the records that format left for the first start. */
export function readBootstrap(files: FileSystem, path: string, visit: RecordVisitor): void {
  new KraftReader(visit).readSnapshot(files, path, { name: path, endOffset: 0, epoch: 0 }, false);
}

/** Where format left them in the directory of the metadata log, Kafka 4.4's way. */
export const formatSnapshotName = '00000000000000000000-0000000000.checkpoint';

function isFormats({ name }: SnapshotId): boolean {
  return name === formatSnapshotName;
}

/** `value` is a view that does not outlive the call; so are the byte fields of `record`. */
export type RecordVisitor = (record: MetadataRecord, position: EntryPosition, value: Buffer) => void;

export interface KraftLog {
  readonly snapshot: SnapshotId | null;
  /** Newer than it, not whole, and not needed. */
  readonly tornSnapshots: readonly (SnapshotId & { readonly problem: string })[];
  /** Of the last batch that was read; -1 when there was none. */
  readonly lastTimestampMs: number;
  /** What the log alone holds behind the snapshot. */
  readonly bytesSinceSnapshot: number;
  /** Where the log may begin, and the offset after its last good batch. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Of the last batch or of the snapshot, whichever is greater; 0 when there is neither. */
  readonly lastEpoch: number;
  /** True when the log holds nothing from the snapshot on, and less than the snapshot: it goes on at the snapshot's end. */
  readonly restartsAtSnapshot: boolean;
  readonly kraftVersion: number;
  /** Of the last Voters record; null where none was written (kraft.version 0). */
  readonly voters: Voters | null;
  /** Bytes behind the last good batch. */
  readonly tornBytes: number;
}

const segmentName = /^\d{20}\.log$/;

class KraftReader {
  readonly #visit: RecordVisitor;
  #endOffset = 0;
  #logEpoch = 0;
  #kraftVersion = 0;
  #voters: KraftLog['voters'] = null;
  #tornBytes = 0;
  #lastTimestampMs = -1;
  #bytesSinceSnapshot = 0;

  constructor(visit: RecordVisitor) {
    this.#visit = visit;
  }

  readSnapshot(files: FileSystem, path: string, snapshot: SnapshotId, controlsOnly: boolean): void {
    const file = files.openSync(path, 'read');
    try {
      const walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (walk.next()) {
        ensureValid(walk.buffer, walk.at);
        this.#lastTimestampMs = maxTimestamp(walk.buffer, walk.at);
        if (isControl(walk.buffer, walk.at))
          forEachRecord(walk.buffer, walk.at, (record) => this.#control(record));
        // All of it counts as written right before the offset at which the log goes on.
        else if (!controlsOnly) this.#records(walk, () => true, path, snapshot.endOffset - 1);
      }
    } catch (error) {
      throw asRefusal(error, path);
    } finally {
      file.close();
    }
  }

  readSegment(files: FileSystem, path: string, fromOffset: number, isLast: boolean): void {
    const file = files.openSync(path, 'read');
    try {
      const walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (this.#nextValid(walk, file.size, isLast)) {
        this.#endOffset = lastOffset(walk.buffer, walk.at) + 1;
        this.#logEpoch = Math.max(this.#logEpoch, partitionLeaderEpoch(walk.buffer, walk.at));
        if (this.#endOffset <= fromOffset) continue;
        this.#lastTimestampMs = maxTimestamp(walk.buffer, walk.at);
        this.#bytesSinceSnapshot += walk.bytes;
        if (isControl(walk.buffer, walk.at))
          forEachRecord(walk.buffer, walk.at, (record) => this.#control(record));
        else this.#records(walk, (offset) => offset >= fromOffset, path);
      }
      this.#tornBytes = file.size - walk.position;
    } catch (error) {
      throw asRefusal(error, path);
    } finally {
      file.close();
    }
  }

  result(snapshot: SnapshotId | null, startOffset: number): Omit<KraftLog, 'tornSnapshots'> {
    const endOffset = Math.max(this.#endOffset, startOffset);
    const restartsAtSnapshot =
      snapshot !== null &&
      (snapshot.epoch > this.#logEpoch ||
        (snapshot.epoch === this.#logEpoch && snapshot.endOffset > endOffset));
    if (restartsAtSnapshot && endOffset > snapshot.endOffset)
      throw new MetadataRefused(
        'metadata-damaged',
        `the snapshot ${snapshot.name} and the metadata log tell two different histories`,
      );
    return {
      snapshot,
      startOffset: restartsAtSnapshot ? snapshot.endOffset : startOffset,
      endOffset: restartsAtSnapshot ? snapshot.endOffset : endOffset,
      lastEpoch: Math.max(this.#logEpoch, snapshot?.epoch ?? 0),
      restartsAtSnapshot,
      kraftVersion: this.#kraftVersion,
      voters: this.#voters,
      tornBytes: this.#tornBytes,
      lastTimestampMs: this.#lastTimestampMs,
      bytesSinceSnapshot: this.#bytesSinceSnapshot,
    };
  }

  /** Goes to the next batch; false at the end of the last segment, or where its tail is torn. */
  #nextValid(walk: BatchWalk, fileBytes: number, isLast: boolean): boolean {
    try {
      if (walk.next()) {
        ensureValid(walk.buffer, walk.at);
        if (baseOffset(walk.buffer, walk.at) < this.#endOffset) throw new Error('its offsets go back');
        return true;
      }
      if (walk.position < fileBytes) throw new Error('it ends inside a batch');
      return false;
    } catch (error) {
      if (isLast) return false;
      throw error;
    }
  }

  #records(
    walk: BatchWalk,
    isWanted: (offset: number) => boolean,
    path: string,
    offsetForAll?: number,
  ): void {
    forEachRecord(walk.buffer, walk.at, ({ offset, timestamp, value }) => {
      if (!isWanted(offset)) return;
      if (value === null) throw new Error(`the record at offset ${offset} has no value`);
      let record: MetadataRecord;
      try {
        record = decodeMetadataRecord(value);
      } catch (error) {
        throw new MetadataRefused(
          'metadata-unknown',
          `${path} holds what this version cannot read: ${messageOf(error)} at offset ${offset}`,
          { cause: error },
        );
      }
      this.#visit(record, { offset: offsetForAll ?? offset, timestampMs: timestamp }, value);
    });
  }

  #control(record: LogRecord): void {
    const type = controlTypeOf(record);
    if (type === controlTypes.kraftVersion)
      this.#kraftVersion = recordDecoder(kraftVersionRecord, 0)(new Reader(record.value!)).kRaftVersion;
    else if (type === controlTypes.kraftVoters)
      this.#voters = recordDecoder(votersRecord, 0)(new Reader(record.value!)).voters;
  }
}

function asRefusal(error: unknown, path: string): MetadataRefused {
  if (error instanceof MetadataRefused) return error;
  return new MetadataRefused('metadata-damaged', `${path} is damaged: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
