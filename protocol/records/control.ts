/**
 * Control batches: one record each, with attribute bit 5, that Kafka writes for itself and no application sees.
 *
 *   key:    version int16 = 0 | type int16
 *   value:  by type. Of an end-transaction marker: version int16 = 0 | coordinator epoch int32
 *
 * Markers are ordinary for the log: they take an offset, carry the producer's id and epoch and no sequence, and outlive the
 * records of their transaction (see the cleaner). The other types belong to Raft and have schemas of their own.
 */

import { buildBatch, type NewRecord } from './batch-builder.ts';
import { readInt16, readInt32, writeInt16, writeInt32 } from './int64.ts';
import type { LogRecord } from './record.ts';
import { invalidRecord } from './record-error.ts';

/** What a control record says, by the number in its key. */
export const controlTypes = {
  abort: 0,
  commit: 1,
  leaderChange: 2,
  snapshotHeader: 3,
  snapshotFooter: 4,
  kraftVersion: 5,
  kraftVoters: 6,
} as const;

export interface NewControlBatch {
  /** One of `controlTypes`. */
  readonly type: number;
  readonly value: Buffer;
  readonly baseOffset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

export interface NewEndTransactionMarker {
  readonly committed: boolean;
  readonly coordinatorEpoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timestampMs: number;
  /** 0 where the log assigns it. */
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
}

const currentVersion = 0;

/** A batch with one control record of Raft: leader change, snapshot header, … */
export function buildControlBatch(options: NewControlBatch): Buffer {
  const { type, value, timestampMs, baseOffset, leaderEpoch } = options;
  const records = [controlRecord(type, value, timestampMs)];
  return buildBatch({ baseOffset, leaderEpoch, isControl: true, records });
}

/** For a control batch of several: Raft's come together where they belong together. */
export function controlRecord(type: number, value: Buffer, timestampMs: number): NewRecord {
  return { timestampMs, key: controlKey(type), value };
}

/** The batch that ends a transaction in one partition. */
export function buildEndTransactionMarker(marker: NewEndTransactionMarker): Buffer {
  const value = Buffer.allocUnsafe(6);
  writeInt16(value, 0, currentVersion);
  writeInt32(value, 2, marker.coordinatorEpoch);
  const key = controlKey(marker.committed ? controlTypes.commit : controlTypes.abort);
  return buildBatch({
    baseOffset: marker.baseOffset ?? 0,
    leaderEpoch: marker.leaderEpoch ?? -1,
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
    records: [{ timestampMs: marker.timestampMs, key, value }],
  });
}

/** The type in a control record's key. Types and versions of a later Kafka come through as they are. */
export function controlTypeOf(record: LogRecord): number {
  if (record.key === null || record.key.length < 4)
    throw invalidRecord('Control record has no type in its key');
  if (readInt16(record.key, 0) < 0) throw invalidRecord('Control record has a negative key version');
  return readInt16(record.key, 2);
}

/** Whether a marker commits, and the epoch of the coordinator that wrote it. Throws INVALID_RECORD when it is none. */
export function readEndTransactionMarker(record: LogRecord): {
  committed: boolean;
  coordinatorEpoch: number;
} {
  const type = controlTypeOf(record);
  if (type !== controlTypes.commit && type !== controlTypes.abort)
    throw invalidRecord(`Control record of type ${type} ends no transaction`);
  if (record.value === null || record.value.length < 6)
    throw invalidRecord('End-transaction marker has no coordinator epoch');
  return { committed: type === controlTypes.commit, coordinatorEpoch: readInt32(record.value, 2) };
}

function controlKey(type: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  writeInt16(key, 0, currentVersion);
  writeInt16(key, 2, type);
  return key;
}
