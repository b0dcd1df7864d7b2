import * as batch from '../../protocol/records/batch.ts';
import { buildBatch, type NewRecord } from '../../protocol/records/batch-builder.ts';
import { type CodecName, codecByName, codecIds } from '../../protocol/records/compression.ts';
import { buildEndTransactionMarker, controlTypeOf, controlTypes } from '../../protocol/records/control.ts';
import { readLegacyBatch } from '../../protocol/records/legacy.ts';
import { readRecords } from '../../protocol/records/record.ts';
import { lastOffsetAt } from '../../storage/log/batch-walk.ts';
import { buildMessages } from '../clients/java-cleaner/legacy-messages.ts';

/**
 * Batches as a person draws them, one a line (test/cases/compaction):
 *
 *    0..2    a=1 b=2 a=3                 three records; their timestamps are their offsets, in milliseconds
 *    3       a=~ @500                    a tombstone, of another time
 *    4..9    5:b=7 9:=8                  holes: offset 5, and 9 without a key
 *    10      p7/1 #3 txn a=1             producer 7 in epoch 1, base sequence 3, transactional
 *    11      p7 COMMIT                   a marker; ABORT
 *    12..14  p7 #4 empty                 all its records are gone
 *    15      gzip horizon=90 a=~         a codec, a delete horizon (KIP-534)
 *    16      append=70 a=1               append time
 *    17      v1 a=1                      a message of magic 1 (no producer, no headers)
 *    18..97  k{1..80}=x                  k1=x k2=x … k80=x
 */
export interface DrawnBatch {
  readonly baseOffset: number;
  readonly bytes: Buffer;
}

const batchPattern = /^(\d+)(?:\.\.(\d+))?\s+(.*)$/;
const recordPattern = /^(?:(\d+):)?([^=]*)=(.*)$/;
const runPattern = /^(.*)\{(\d+)\.\.(\d+)\}$/;

interface Draft {
  baseOffset: number;
  lastOffset: number;
  magic: number;
  codec: CodecName;
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  isTransactional: boolean;
  marker: 'COMMIT' | 'ABORT' | null;
  horizonMs: number | null;
  appendMs: number | null;
  timestampMs: number | null;
  records: { offset: number; key: Buffer | null; value: Buffer | null }[];
}

export function parseBatch(line: string): DrawnBatch {
  const [, base, last, rest] = batchPattern.exec(line) ?? fail(`no batch: ${line}`);
  const draft: Draft = {
    baseOffset: Number(base),
    lastOffset: Number(last ?? base),
    magic: 2,
    codec: 'none',
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    isTransactional: false,
    marker: null,
    horizonMs: null,
    appendMs: null,
    timestampMs: null,
    records: [],
  };
  for (const word of rest!.split(/\s+/)) readWord(draft, word);
  return { baseOffset: draft.baseOffset, bytes: bytesOf(draft) };
}

function readWord(draft: Draft, word: string): void {
  const producer = /^p(\d+)(?:\/(\d+))?$/.exec(word);
  const setting = /^(horizon|append)=(\d+)$/.exec(word);
  if (word === 'empty') return;
  if (word === 'txn') draft.isTransactional = true;
  else if (word === 'COMMIT' || word === 'ABORT') draft.marker = word;
  else if (word in codecIds) draft.codec = word as CodecName;
  else if (word === 'v0' || word === 'v1') draft.magic = Number(word[1]);
  else if (word.startsWith('@')) draft.timestampMs = Number(word.slice(1));
  else if (word.startsWith('#')) draft.baseSequence = Number(word.slice(1));
  else if (producer) {
    draft.producerId = Number(producer[1]);
    draft.producerEpoch = Number(producer[2] ?? 0);
  } else if (setting?.[1] === 'horizon') draft.horizonMs = Number(setting[2]);
  else if (setting) draft.appendMs = Number(setting[2]);
  else readRecord(draft, word);
}

function readRecord(draft: Draft, word: string): void {
  const [, at, keyText, valueText] = recordPattern.exec(word) ?? fail(`no record: ${word}`);
  const run = runPattern.exec(keyText!);
  const keys = run ? range(Number(run[2]), Number(run[3])).map((n) => `${run[1]}${n}`) : [keyText!];
  for (const key of keys) {
    const previous = draft.records.at(-1)?.offset ?? draft.baseOffset - 1;
    draft.records.push({
      offset: at === undefined ? previous + 1 : Number(at),
      key: key === '' ? null : Buffer.from(key),
      value: valueText === '~' ? null : Buffer.from(valueText!),
    });
  }
}

function bytesOf(draft: Draft): Buffer {
  const { baseOffset, lastOffset, producerId, producerEpoch, marker, horizonMs, appendMs } = draft;
  const timeOf = (offset: number): number => draft.timestampMs ?? offset;
  const codec = codecByName(draft.codec).id;
  if (draft.magic < 2) {
    const messages = draft.records.map((record) => ({ ...record, timestampMs: timeOf(record.offset) }));
    return buildMessages(draft.magic as 0 | 1, codec, messages);
  }
  if (marker !== null) {
    return buildEndTransactionMarker({
      committed: marker === 'COMMIT',
      coordinatorEpoch: 0,
      producerId,
      producerEpoch,
      timestampMs: timeOf(baseOffset),
      baseOffset,
      leaderEpoch: 0,
    });
  }
  const records: NewRecord[] = draft.records.map(({ offset, key, value }) => {
    return { offsetDelta: offset - baseOffset, timestampMs: timeOf(offset), key, value };
  });
  return buildBatch({
    baseOffset,
    lastOffsetDelta: lastOffset - baseOffset,
    leaderEpoch: 0,
    codec,
    producerId,
    producerEpoch,
    baseSequence: draft.baseSequence,
    isTransactional: draft.isTransactional,
    ...(horizonMs === null ? {} : { deleteHorizonMs: horizonMs }),
    ...(appendMs === null ? {} : { timestampType: 'LogAppendTime', logAppendTimeMs: appendMs }),
    records,
  });
}

/** All batches of a segment, drawn. */
export function drawBatches(bytes: Buffer): { readonly line: string; readonly bytes: Buffer }[] {
  const drawn: { line: string; bytes: Buffer }[] = [];
  for (let at = 0; at < bytes.length; at += batch.batchSizeInBytes(bytes, at)) {
    const isLegacy = batch.magic(bytes, at) < batch.magicV2;
    const words = isLegacy ? drawLegacy(bytes, at) : drawV2(bytes, at);
    const baseOffset = isLegacy ? readLegacyBatch(bytes, at).baseOffset : batch.baseOffset(bytes, at);
    const lastOffset = lastOffsetAt(bytes, at);
    const offsets = baseOffset === lastOffset ? `${baseOffset}` : `${baseOffset}..${lastOffset}`;
    drawn.push({
      line: `${offsets.padEnd(7)} ${words.join(' ')}`,
      bytes: bytes.subarray(at, at + batch.batchSizeInBytes(bytes, at)),
    });
  }
  return drawn;
}

function drawV2(bytes: Buffer, at: number): string[] {
  const words: string[] = [];
  const codec = Object.entries(codecIds).find(([, id]) => id === batch.codecOf(bytes, at))![0];
  const producerId = batch.producerId(bytes, at);
  const producerEpoch = batch.producerEpoch(bytes, at);
  const isAppendTime = batch.timestampType(bytes, at) === 'LogAppendTime';
  const records = readRecords(bytes, at);
  if (producerId >= 0) words.push(producerEpoch === 0 ? `p${producerId}` : `p${producerId}/${producerEpoch}`);
  if (batch.baseSequence(bytes, at) >= 0) words.push(`#${batch.baseSequence(bytes, at)}`);
  if (batch.isControl(bytes, at)) {
    if (records[0]) words.push(controlTypeOf(records[0]) === controlTypes.commit ? 'COMMIT' : 'ABORT');
    else words.push('marker');
  } else if (batch.isTransactional(bytes, at)) words.push('txn');
  if (codec !== 'none') words.push(codec);
  if (isAppendTime) words.push(`append=${batch.maxTimestamp(bytes, at)}`);
  if (batch.hasDeleteHorizon(bytes, at)) words.push(`horizon=${batch.baseTimestamp(bytes, at)}`);
  if (records.length === 0) words.push('empty');
  const isMarker = batch.isControl(bytes, at);
  words.push(...(isMarker ? [] : drawRecords(records, batch.baseOffset(bytes, at))));
  if (!isAppendTime) words.push(...drawTime(records));
  return words;
}

function drawLegacy(bytes: Buffer, at: number): string[] {
  const { magic, codec, records, baseOffset } = readLegacyBatch(bytes, at);
  const name = Object.entries(codecIds).find(([, id]) => id === codec)![0];
  return [
    `v${magic}`,
    ...(name === 'none' ? [] : [name]),
    ...drawRecords(records, baseOffset),
    ...(magic === 0 ? [] : drawTime(records)),
  ];
}

interface Drawable {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** One time for all that have not their offset's; of a batch in which they differ, the times one by one. */
function drawTime(records: readonly Drawable[]): string[] {
  if (records.every(({ offset, timestamp }) => timestamp === offset)) return [];
  return [...new Set(records.map(({ timestamp }) => timestamp))].map((timestamp) => `@${timestamp}`);
}

function drawRecords(records: readonly Drawable[], baseOffset: number): string[] {
  const words: string[] = [];
  let next = baseOffset;
  for (let n = 0; n < records.length; ) {
    const record = records[n]!;
    const length = runLength(records, n);
    const at = record.offset === next ? '' : `${record.offset}:`;
    const value = record.value?.toString() ?? '~';
    const key = record.key?.toString() ?? '';
    const [, stem, first] = /^(.*?)(\d*)$/.exec(key)!;
    const keys = length === 1 ? key : `${stem}{${first}..${Number(first) + length - 1}}`;
    words.push(`${at}${keys}=${value}`);
    n += length;
    next = record.offset + length;
  }
  return words;
}

/** Keys that count up, of one value, without a hole. */
function runLength(records: readonly Drawable[], from: number): number {
  const first = records[from]!;
  const [, stem, digits] = /^(.*?)(\d*)$/.exec(first.key?.toString() ?? '')!;
  if (digits === '') return 1;
  let length = 1;
  for (let next = records[from + length]; next !== undefined; next = records[from + length]) {
    const continues =
      next.offset === first.offset + length &&
      next.key?.toString() === `${stem}${Number(digits) + length}` &&
      next.value?.toString() === first.value?.toString();
    if (!continues) break;
    length++;
  }
  return length < 4 ? 1 : length;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

function fail(message: string): never {
  throw new Error(message);
}
