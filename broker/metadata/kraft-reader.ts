import {
  baseOffset,
  ensureValid,
  isControl,
  lastOffset,
  partitionLeaderEpoch,
} from '../../protocol/records/batch.ts';
import { controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import {
  kraftVersionRecord,
  snapshotFooterRecord,
  votersRecord,
} from '../../protocol/records/control-schemas.ts';
import { forEachRecord, type LogRecord } from '../../protocol/records/record.ts';
import type { RecordOf } from '../../protocol/schema/api.ts';
import { recordDecoder } from '../../protocol/schema/compile.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import { BatchWalk } from '../../storage/log/batch-walk.ts';
import { offsetOf } from '../../storage/log/segment-files.ts';
import type { EntryPosition } from '../journal/state-machine.ts';
import { decodeMetadataRecord, type MetadataRecord } from './records/index.ts';
import { MetadataRefused } from './refusals.ts';

/**
 * Reads `__cluster_metadata-0` as Kafka's own start does, and changes nothing: the newest snapshot, then the log from the
 * snapshot's end offset on.
 *
 *    00000000000000000085-0000000001.checkpoint     ends before offset 85, last record of epoch 1
 *    │ SnapshotHeader (KRaftVersion, Voters) │ records … │ SnapshotFooter │     offsets in it mean nothing
 *
 *    0…0-0…0.checkpoint   from Kafka 4.4 on format leaves it for the first start: its voters count, its records only for a
 *                         log that has none (read-directory.ts), which gets a copy of them
 *
 *    0…0.log   │ LeaderChange │ records … │ …     every batch CRC-checked, whatever the shutdown was
 *
 * A bad batch in the last segment is a torn tail: opening the log will cut there. Anywhere else, or where a record cannot be
 * understood, it is a refusal: going on without the record would lose topics.
 */
export function readKraftLog(files: FileSystem, directory: string, visit: RecordVisitor): KraftLog {
  const names = files.statSync(directory) === null ? [] : files.listSync(directory);
  const snapshot = newestSnapshot(names);
  const reader = new KraftReader(visit);
  if (snapshot !== null)
    reader.readSnapshot(files, files.join(directory, snapshot.name), snapshot, isFormats(snapshot));
  const segments = names.filter((name) => segmentName.test(name));
  const startOffset = segments.length === 0 ? (snapshot?.endOffset ?? 0) : offsetOf(segments[0]!);
  const fromOffset = snapshot?.endOffset ?? 0;
  if (startOffset > fromOffset)
    throw new MetadataRefused(
      'metadata-damaged',
      `the metadata log begins at offset ${startOffset}, but the newest snapshot ends at ${fromOffset}: what lies between is missing`,
    );
  for (const [at, name] of segments.entries())
    reader.readSegment(files, files.join(directory, name), fromOffset, at === segments.length - 1);
  return reader.result(snapshot, startOffset);
}

/** Reads the records that format left for the first start. */
export function readBootstrap(files: FileSystem, path: string, visit: RecordVisitor): void {
  new KraftReader(visit).readSnapshot(files, path, { name: path, endOffset: 0, epoch: 0 }, false);
}

/** Where format left them in the directory of the metadata log, Kafka 4.4's way. */
export const formatSnapshotName = '00000000000000000000-0000000000.checkpoint';

function isFormats({ name }: Snapshot): boolean {
  return name === formatSnapshotName;
}

/** `value` is a view that does not outlive the call; so are the byte fields of `record`. */
export type RecordVisitor = (record: MetadataRecord, position: EntryPosition, value: Buffer) => void;

export interface Snapshot {
  readonly name: string;
  readonly endOffset: number;
  readonly epoch: number;
}

export interface KraftLog {
  readonly snapshot: Snapshot | null;
  /** Where the log may begin, and the offset after its last good batch. */
  readonly startOffset: number;
  readonly endOffset: number;
  /** Of the last batch or of the snapshot, whichever is greater; 0 when there is neither. */
  readonly lastEpoch: number;
  /** True when the log holds nothing from the snapshot on, and less than the snapshot: it goes on at the snapshot's end. */
  readonly restartsAtSnapshot: boolean;
  readonly kraftVersion: number;
  /** Of the last Voters record; null where none was written (kraft.version 0). */
  readonly voters: RecordOf<typeof votersRecord>['voters'] | null;
  /** Bytes behind the last good batch. */
  readonly tornBytes: number;
}

const segmentName = /^\d{20}\.log$/;
const snapshotName = /^(\d{20})-(\d{10})\.checkpoint$/;

function newestSnapshot(names: readonly string[]): Snapshot | null {
  let newest: Snapshot | null = null;
  for (const name of names) {
    const match = snapshotName.exec(name);
    // Names come sorted, and their digits are padded: the last one is the newest.
    if (match !== null) newest = { name, endOffset: Number(match[1]), epoch: Number(match[2]) };
  }
  return newest;
}

class KraftReader {
  readonly #visit: RecordVisitor;
  #endOffset = 0;
  #logEpoch = 0;
  #kraftVersion = 0;
  #voters: KraftLog['voters'] = null;
  #tornBytes = 0;

  constructor(visit: RecordVisitor) {
    this.#visit = visit;
  }

  readSnapshot(files: FileSystem, path: string, snapshot: Snapshot, controlsOnly: boolean): void {
    const file = files.openSync(path, 'read');
    let isComplete = false;
    try {
      const walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (walk.next()) {
        ensureValid(walk.buffer, walk.at);
        if (isControl(walk.buffer, walk.at))
          forEachRecord(walk.buffer, walk.at, (record) => {
            isComplete = controlTypeOf(record) === controlTypes.snapshotFooter;
            if (isComplete) recordDecoder(snapshotFooterRecord, 0)(new Reader(record.value!));
            this.#control(record);
          });
        // All of it counts as written right before the offset at which the log goes on.
        else if (!controlsOnly) this.#records(walk, () => true, path, snapshot.endOffset - 1);
      }
    } catch (error) {
      throw asRefusal(error, path);
    } finally {
      file.close();
    }
    if (!isComplete) throw new MetadataRefused('metadata-damaged', `the snapshot ${path} has no end`);
  }

  readSegment(files: FileSystem, path: string, fromOffset: number, isLast: boolean): void {
    const file = files.openSync(path, 'read');
    try {
      const walk = new BatchWalk(file, 0, file.size, { whole: true });
      while (this.#nextValid(walk, file.size, isLast)) {
        this.#endOffset = lastOffset(walk.buffer, walk.at) + 1;
        this.#logEpoch = Math.max(this.#logEpoch, partitionLeaderEpoch(walk.buffer, walk.at));
        if (this.#endOffset <= fromOffset) continue;
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

  result(snapshot: Snapshot | null, startOffset: number): KraftLog {
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
