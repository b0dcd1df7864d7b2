import { ensureValid, isControl } from '../../protocol/records/batch.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { controlRecord, controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import {
  kraftVersionRecord,
  snapshotFooterRecord,
  snapshotHeaderRecord,
  votersRecord,
} from '../../protocol/records/control-schemas.ts';
import { forEachRecord } from '../../protocol/records/record.ts';
import type { AnyRecord, RecordInit, RecordOf } from '../../protocol/schema/api.ts';
import { recordDecoder, recordEncoder } from '../../protocol/schema/compile.ts';
import { Reader } from '../../protocol/wire/reader.ts';
import { Writer } from '../../protocol/wire/writer.ts';
import { KiB } from '../../storage/config/define.ts';
import type { File, FileSystem } from '../../storage/environment/files.ts';
import { BatchWalk } from '../../storage/log/batch-walk.ts';

/**
 * A snapshot of the metadata, as Raft keeps it beside its log:
 *
 *    00000000000000000085-0000000001.checkpoint     holds all that the log says before offset 85; its last record is of epoch 1
 *    │ SnapshotHeader (KRaftVersion, Voters) │ records … │ SnapshotFooter │
 *
 * Batches as in a log; their offsets count from 0 and mean nothing. KRaftVersion and Voters stand in the header's batch where
 * kraft.version is above 0. A snapshot without its footer is none: it is written under another name until it is whole.
 *
 *    ….checkpoint.part       being written          ….checkpoint.deleted    Kafka, about to unlink it
 */
export interface SnapshotId {
  readonly name: string;
  readonly endOffset: number;
  readonly epoch: number;
}

export type Voters = RecordOf<typeof votersRecord>['voters'];

export interface SnapshotContent {
  readonly endOffset: number;
  readonly epoch: number;
  /** Of the last batch that it holds. */
  readonly timestampMs: number;
  readonly records: Iterable<Buffer>;
  /** Null where kraft.version is 0. */
  readonly voters: Voters | null;
}

const offsetDigits = 20;
const epochDigits = 10;
const snapshotName = /^(\d{20})-(\d{10})\.checkpoint$/;
const leftoverName = /^\d{20}-\d{10}.*\.checkpoint\.(part|deleted)$/;
export const partSuffix = '.part';

export function snapshotNameOf(endOffset: number, epoch: number): string {
  return `${String(endOffset).padStart(offsetDigits, '0')}-${String(epoch).padStart(epochDigits, '0')}.checkpoint`;
}

/** Oldest first. */
export function snapshotsAmong(names: readonly string[]): SnapshotId[] {
  const found: SnapshotId[] = [];
  for (const name of names) {
    const match = snapshotName.exec(name);
    if (match !== null) found.push({ name, endOffset: Number(match[1]), epoch: Number(match[2]) });
  }
  return found.sort((a, b) => a.endOffset - b.endOffset || a.epoch - b.epoch);
}

/** What a crash has left of writing or removing one. */
export function isSnapshotLeftover(name: string): boolean {
  return leftoverName.test(name);
}

const recordsPerBatch = 1000;
const batchBytes = 512 * KiB;

/** The bytes of a snapshot, a batch each. */
export function snapshotBatches({ epoch, timestampMs, records, voters }: SnapshotContent): Buffer[] {
  const batches: Buffer[] = [];
  let offset = 0;
  const add = (isControl: boolean, added: Parameters<typeof buildBatch>[0]['records']): void => {
    batches.push(buildBatch({ baseOffset: offset, leaderEpoch: epoch, isControl, records: added }));
    offset += added.length;
  };
  const control = <R extends AnyRecord>(type: number, schema: R, value: RecordInit<R>) =>
    controlRecord(type, encoded(schema, value), timestampMs);
  add(true, [
    control(controlTypes.snapshotHeader, snapshotHeaderRecord, {
      version: 0,
      lastContainedLogTimestamp: timestampMs,
    }),
    ...(voters === null
      ? []
      : [
          control(controlTypes.kraftVersion, kraftVersionRecord, { version: 0, kRaftVersion: 1 }),
          votersControl(voters, timestampMs),
        ]),
  ]);
  let gathered: { timestampMs: number; key: null; value: Buffer }[] = [];
  let bytes = 0;
  for (const value of records) {
    gathered.push({ timestampMs, key: null, value });
    bytes += value.length;
    if (gathered.length < recordsPerBatch && bytes < batchBytes) continue;
    add(false, gathered);
    gathered = [];
    bytes = 0;
  }
  if (gathered.length > 0) add(false, gathered);
  add(true, [control(controlTypes.snapshotFooter, snapshotFooterRecord, { version: 0 })]);
  return batches;
}

/** The control record that says who votes. */
export function votersControl(voters: Voters, timestampMs: number) {
  return controlRecord(controlTypes.kraftVoters, encoded(votersRecord, { version: 0, voters }), timestampMs);
}

function encoded<R extends AnyRecord>(schema: R, value: RecordInit<R>): Buffer {
  const writer = new Writer();
  recordEncoder(schema, 0)(writer, value);
  return writer.finishBuffer();
}

/** Whether every byte of it is sound and its end is there; reads it all and gives the time of its last record back, else the reason. */
export function checkSnapshot(
  file: File,
): { readonly lastTimestampMs: number } | { readonly problem: string } {
  let isComplete = false;
  let lastTimestampMs = -1;
  try {
    const walk = new BatchWalk(file, 0, file.size, { whole: true });
    while (walk.next()) {
      ensureValid(walk.buffer, walk.at);
      isComplete = false;
      if (!isControl(walk.buffer, walk.at)) continue;
      forEachRecord(walk.buffer, walk.at, (record) => {
        const type = controlTypeOf(record);
        if (type === controlTypes.snapshotFooter) {
          recordDecoder(snapshotFooterRecord, 0)(new Reader(record.value!));
          isComplete = true;
        } else if (type === controlTypes.snapshotHeader)
          lastTimestampMs = recordDecoder(
            snapshotHeaderRecord,
            0,
          )(new Reader(record.value!)).lastContainedLogTimestamp;
      });
    }
    if (walk.position < file.size) return { problem: 'ends inside a batch' };
  } catch (error) {
    return { problem: `is damaged: ${error instanceof Error ? error.message : String(error)}` };
  }
  return isComplete ? { lastTimestampMs } : { problem: 'has no end' };
}

/** As `checkSnapshot`, by path. */
export function checkSnapshotAt(files: FileSystem, path: string): ReturnType<typeof checkSnapshot> {
  const file = files.openSync(path, 'read');
  try {
    return checkSnapshot(file);
  } finally {
    file.close();
  }
}
