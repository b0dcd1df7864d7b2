import * as batch from '../../../protocol/records/batch.ts';
import { codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import { messageCodec, readLegacyBatch } from '../../../protocol/records/legacy.ts';
import { openRecords } from '../../../protocol/records/record.ts';
import type { Directory } from './directories.ts';

/** Two directories that two cleaners made of one, file by file; of a log with a codec record by record. */

/**
 * The first difference as a person reads it; null when there is none. `before`: what both began with.
 *
 * A segment of which all stays, Kafka writes again and so makes its indexes anew; we leave it alone, indexes included. Those were made
 * as the log was written, so they may be sparser or denser where it was opened, or `index.interval.bytes` changed, in between. They
 * must then be what they were.
 */
export async function difference(
  ours: Directory,
  kafkas: Directory,
  before: Directory,
): Promise<string | null> {
  const names = (directory: Directory) =>
    [...directory.keys()]
      .filter((name) => isCompared(name) && !isEmptySnapshot(name, directory))
      .sort()
      .join(' ');
  if (names(ours) !== names(kafkas)) return `files\n  ours   ${names(ours)}\n  Kafka's ${names(kafkas)}`;
  for (const name of [...ours.keys()].filter(isLog).sort()) {
    const found = await logDifference(ours.get(name)!.bytes, kafkas.get(name)!.bytes);
    if (found !== null) return `${name}: ${found}`;
  }
  const active = [...ours.keys()].filter(isLog).sort().at(-1);
  for (const [name, { bytes, modifiedMs }] of ours) {
    if (!isCompared(name) || isEmptySnapshot(name, ours)) continue;
    const theirs = kafkas.get(name)!;
    const log = `${name.slice(0, 20)}.log`;
    if (isIndex(name) && !ours.get(log)!.bytes.equals(kafkas.get(log)!.bytes)) continue;
    if (isIndex(name) && isUntouched(log, ours, before) && isUntouched(name, ours, before)) continue;
    if (!isLog(name) && !bytes.equals(theirs.bytes))
      return `${name}\n  ours    ${shown(name, bytes)}\n  Kafka's ${shown(name, theirs.bytes)}`;
    if (isLog(name) && name !== active && modifiedMs !== theirs.modifiedMs)
      return `${name}: last written at ${modifiedMs}, by Kafka ${theirs.modifiedMs}`;
  }
  return null;
}

const isUntouched = (name: string, after: Directory, before: Directory): boolean =>
  before.get(name)?.bytes.equals(after.get(name)!.bytes) === true;
/** Kafka makes a file of leader epochs where there are none. */
const isCompared = (name: string): boolean => name !== 'leader-epoch-checkpoint';
/** Without producers a snapshot says as much as none. */
const isEmptySnapshot = (name: string, directory: Directory): boolean =>
  name.endsWith('.snapshot') && directory.get(name)!.bytes.length === emptySnapshotBytes;
const emptySnapshotBytes = 10;
const isLog = (name: string): boolean => name.endsWith('.log');
/** They hold places in the file, which a codec moves. */
const isIndex = (name: string): boolean => name.endsWith('index') && !name.endsWith('.txnindex');
const shown = (name: string, bytes: Buffer): string =>
  /checkpoint|metadata/.test(name) ? JSON.stringify(bytes.toString()) : bytes.toString('hex');

async function logDifference(ours: Buffer, kafkas: Buffer): Promise<string | null> {
  if (ours.equals(kafkas)) return null;
  const [left, right] = [await describe(ours), await describe(kafkas)];
  for (let n = 0; n < Math.max(left.length, right.length); n++) {
    if (left[n] === right[n]) continue;
    const context = left.slice(Math.max(0, n - 3), n).map((line) => `\n          ${line}`);
    return `${context.join('')}\n  ours    ${left[n] ?? 'ends'}\n  Kafka's ${right[n] ?? 'ends'}`;
  }
  return null;
}

/** A line for each batch and each record; what a codec makes of them is left out. */
export async function describe(bytes: Buffer): Promise<string[]> {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = batch.batchBytesAt(bytes, at, bytes.length);
    if (size === 0) return [...lines, `${bytes.length - at} bytes that are no batch`];
    if (batch.magic(bytes, at) < batch.magicV2) lines.push(...(await legacyLines(bytes, at, size)));
    else lines.push(...(await batchLines(bytes, at, size)));
    at += size;
  }
  return lines;
}

async function batchLines(bytes: Buffer, at: number, size: number): Promise<string[]> {
  const codec = batch.codecOf(bytes, at);
  await ensureCodec(codec);
  const fields = {
    offsets: `${batch.baseOffset(bytes, at)}-${batch.lastOffset(bytes, at)}`,
    attributes: batch.attributes(bytes, at).toString(2),
    leaderEpoch: batch.partitionLeaderEpoch(bytes, at),
    baseTimestamp: batch.baseTimestamp(bytes, at),
    maxTimestamp: batch.maxTimestamp(bytes, at),
    producer: `${batch.producerId(bytes, at)}/${batch.producerEpoch(bytes, at)}/${batch.baseSequence(bytes, at)}`,
    count: batch.recordCount(bytes, at),
    valid: batch.isValidCrc(bytes, at),
    ...(codec === codecIds.none ? { bytes: bytes.subarray(at, at + size).toString('hex') } : {}),
  };
  const lines = [`batch ${JSON.stringify(fields)}`];
  const cursor = openRecords(bytes, at);
  while (cursor.next()) {
    const { offset, timestamp, key, value, headers } = cursor.record();
    const named = headers.map((header) => [header.key, text(header.value)]);
    lines.push(
      `  ${JSON.stringify({ offset, timestamp, key: text(key), value: text(value), headers: named })}`,
    );
  }
  return lines;
}

async function legacyLines(bytes: Buffer, at: number, size: number): Promise<string[]> {
  await ensureCodec(messageCodec(bytes, at));
  const { records, ...fields } = readLegacyBatch(bytes, at);
  const hex = bytes.subarray(at, at + size).toString('hex');
  const lines = [`message ${JSON.stringify({ ...fields, hex })}`];
  for (const { offset, timestamp, key, value } of records)
    lines.push(`  ${JSON.stringify({ offset, timestamp, key: text(key), value: text(value) })}`);
  return lines;
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('latin1');
}
