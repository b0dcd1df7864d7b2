/**
 * A compacted log to be cleaned: sealed segments in a directory, as a broker would have written them, the same bytes for the
 * same options. Keys are drawn evenly from `keys` (or are all different), values read like JSON so that codecs have work to do.
 */
import { basename } from 'node:path';
import type { CleanJob, CleanSegment } from '../compaction/clean-job.ts';
import { buildBatch, type NewRecord } from '../protocol/records/batch-builder.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import { Segment } from '../storage/log/segment.ts';
import { fileName, offsetOf, suffixes } from '../storage/log/segment-files.ts';

export interface LogShape {
  readonly records: number;
  /** 0: each record has a key of its own. */
  readonly keys: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Of records in a batch, before compression. */
  readonly batchBytes: number;
  readonly segmentBytes: number;
  readonly codec: number;
}

export const indexIntervalBytes = 4096;
export const segmentIndexBytes = 10 * 1024 * 1024;
const firstTimestampMs = 1_700_000_000_000;
const recordOverheadBytes = 8;

/** Writes the log; its directory must be there and empty. */
export function writeLog(files: FileSystem, directory: string, shape: LogShape): void {
  const perBatch = Math.max(
    1,
    Math.floor(shape.batchBytes / (shape.keyBytes + shape.valueBytes + recordOverheadBytes)),
  );
  const random = randomOf(12_345);
  const values = Array.from({ length: 64 }, () => jsonLike(shape.valueBytes, random));
  let segment = newSegment(files, directory, 0);
  for (let offset = 0; offset < shape.records; ) {
    const count = Math.min(perBatch, shape.records - offset);
    const records: NewRecord[] = [];
    for (let i = 0; i < count; i++) {
      const key = shape.keys === 0 ? scattered(offset + i) : Math.floor(random() * shape.keys);
      const value = Buffer.from(values[Math.floor(random() * values.length)]!);
      value.write(String(key * 7 + offset + i), Math.min(8, value.length));
      records.push({
        timestampMs: firstTimestampMs + Math.floor((offset + i) / 100),
        key: Buffer.from(String(key).padStart(shape.keyBytes, '0')),
        value,
      });
    }
    const bytes = buildBatch({ baseOffset: offset, leaderEpoch: 0, codec: shape.codec, records });
    if (segment.size + bytes.length > shape.segmentBytes) {
      finish(segment);
      segment = newSegment(files, directory, offset);
    }
    segment.file.writeSync([bytes], segment.size);
    segment.wrote(bytes);
    offset += count;
  }
  finish(segment);
}

/** The pass over all that `writeLog` wrote. */
export function cleanJobOf(files: FileSystem, directory: string, shape: LogShape): CleanJob {
  const baseOffsets = files
    .listSync(directory)
    .filter((name) => name.endsWith(suffixes.log))
    .map(offsetOf);
  const size = (baseOffset: number, suffix: string): number =>
    files.statSync(files.join(directory, fileName(baseOffset, suffix)))!.size;
  const segments = baseOffsets.map(
    (baseOffset, i): CleanSegment => ({
      baseOffset,
      nextOffset: baseOffsets[i + 1] ?? shape.records,
      path: files.join(directory, fileName(baseOffset, suffixes.log)),
      sizeBytes: size(baseOffset, suffixes.log),
      offsetIndexBytes: size(baseOffset, suffixes.offsetIndex),
      timeIndexBytes: size(baseOffset, suffixes.timeIndex),
      modifiedMs: firstTimestampMs,
    }),
  );
  return {
    directory,
    firstDirtyOffset: 0,
    firstUncleanableOffset: shape.records,
    highWatermark: shape.records,
    nowMs: firstTimestampMs,
    segments,
    uncleanable: [],
    abortedTransactions: [],
    producers: [],
    settings: {
      segmentBytes: shape.segmentBytes,
      segmentIndexBytes,
      indexIntervalBytes,
      deleteRetentionMs: 86_400_000,
    },
    limits: {
      dedupeBufferBytes: 128 * 1024 * 1024,
      loadFactor: 0.9,
      ioBufferBytes: 512 * 1024,
      ioBytesPerSecond: Number.POSITIVE_INFINITY,
    },
    isDryRun: false,
    tombstonesGoUpToMs: -1,
    timeSteps: null,
  };
}

/** So that a directory can be used again. */
export function nameOf(shape: LogShape): string {
  return basename(Object.values(shape).join('-'));
}

function newSegment(files: FileSystem, directory: string, baseOffset: number): Segment {
  return Segment.create({
    files,
    directory,
    baseOffset,
    indexBytesMax: segmentIndexBytes,
    indexIntervalBytes,
    rollJitterMs: 0,
    createdMs: 0,
    preallocateBytes: 0,
  });
}

function finish(segment: Segment): void {
  segment.seal();
  segment.close();
}

/** Each number once, in no order: a multiplication by an odd constant within 2^27. */
function scattered(n: number): number {
  const block = Math.floor(n / 2 ** 27) * 2 ** 27;
  return block + (Math.imul(n, 0x5bd1e995) & (2 ** 27 - 1));
}

function jsonLike(bytes: number, random: () => number): Buffer {
  const words = ['"name":', '"city":', '"price":', '"count":', 'true', 'null', 'Lisbon', 'Oslo', 'article'];
  let text = '{"id":  ';
  while (text.length < bytes) {
    text += random() < 0.5 ? words[Math.floor(random() * words.length)]! : random().toString(36).slice(2, 8);
    text += ',';
  }
  return Buffer.from(text.slice(0, bytes));
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
