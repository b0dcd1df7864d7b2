/** Reads the golden vectors under test/vectors: what Apache Kafka's own classes gave. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import * as batch from '../../../protocol/records/batch.ts';
import { codecNames } from './codec-names.ts';

export type VectorBytes = string | null | { readonly length: number; readonly sha256: string };

export interface VectorRecord {
  readonly offset: number | string;
  readonly timestamp: number | string;
  readonly sequence?: number;
  readonly key: VectorBytes;
  readonly value: VectorBytes;
  readonly headers?: readonly (readonly [string, string | null])[];
  readonly controlType?: string;
  readonly coordinatorEpoch?: number;
}

export interface VectorBatch {
  readonly baseOffset: number | string;
  readonly lastOffset: number | string;
  readonly magic: number;
  readonly sizeInBytes: number;
  readonly crc: number;
  readonly compression: string;
  readonly timestampType: string;
  readonly maxTimestamp: number | string;
  readonly attributes: number;
  readonly baseTimestamp: number | string;
  readonly partitionLeaderEpoch: number;
  readonly producerId: number | string;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly count: number;
  readonly isTransactional: boolean;
  readonly isControlBatch: boolean;
  readonly deleteHorizonMs: number | string | null;
  readonly records?: readonly VectorRecord[];
}

/** The lines of `test/vectors/<name>`; their number is asserted so that none is lost unseen. */
export function readVectors<T>(name: string, lines: number): T[] {
  const text = readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8');
  const parsed = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
  expect(parsed).toHaveLength(lines);
  return parsed;
}

/** Numbers outside ±(2^53 - 1) are strings there; here they are the nearest number. */
export function vectorNumber(value: number | string): number {
  return Number(value);
}

/** Hex, or length and digest where the vector gives those. */
export function expectBytes(actual: Buffer | null, expected: VectorBytes): void {
  if (expected === null || typeof expected === 'string') {
    expect(actual === null ? null : actual.toString('hex')).toBe(expected);
    return;
  }
  expect(actual).toHaveLength(expected.length);
  expect(createHash('sha256').update(actual!).digest('hex')).toBe(expected.sha256);
}

/** Every header field of the v2 batch at `position`. */
export function expectHeader(buffer: Buffer, position: number, expected: VectorBatch): void {
  expect({
    baseOffset: batch.baseOffset(buffer, position),
    lastOffset: batch.lastOffset(buffer, position),
    magic: batch.magic(buffer, position),
    sizeInBytes: batch.batchSizeInBytes(buffer, position),
    crc: batch.crc(buffer, position),
    compression: codecNames[batch.codecOf(buffer, position)],
    timestampType: batch.timestampType(buffer, position),
    maxTimestamp: batch.maxTimestamp(buffer, position),
    attributes: batch.attributes(buffer, position),
    baseTimestamp: batch.baseTimestamp(buffer, position),
    partitionLeaderEpoch: batch.partitionLeaderEpoch(buffer, position),
    producerId: batch.producerId(buffer, position),
    producerEpoch: batch.producerEpoch(buffer, position),
    baseSequence: batch.baseSequence(buffer, position),
    lastSequence: batch.lastSequence(buffer, position),
    count: batch.recordCount(buffer, position),
    isTransactional: batch.isTransactional(buffer, position),
    isControlBatch: batch.isControl(buffer, position),
    deleteHorizonMs: batch.hasDeleteHorizon(buffer, position) ? batch.baseTimestamp(buffer, position) : null,
  }).toEqual({
    baseOffset: vectorNumber(expected.baseOffset),
    lastOffset: vectorNumber(expected.lastOffset),
    magic: expected.magic,
    sizeInBytes: expected.sizeInBytes,
    crc: expected.crc,
    compression: expected.compression,
    timestampType: expected.timestampType,
    maxTimestamp: vectorNumber(expected.maxTimestamp),
    attributes: expected.attributes,
    baseTimestamp: vectorNumber(expected.baseTimestamp),
    partitionLeaderEpoch: expected.partitionLeaderEpoch,
    producerId: vectorNumber(expected.producerId),
    producerEpoch: expected.producerEpoch,
    baseSequence: expected.baseSequence,
    lastSequence: expected.lastSequence,
    count: expected.count,
    isTransactional: expected.isTransactional,
    isControlBatch: expected.isControlBatch,
    deleteHorizonMs: expected.deleteHorizonMs === null ? null : vectorNumber(expected.deleteHorizonMs),
  });
}
