import { ApiError, errors } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import { ensureValidMessage, messageCodec } from '../../protocol/records/legacy.ts';
import { openRecords } from '../../protocol/records/record.ts';
import { corrupt, invalidRecord, RecordError } from '../../protocol/records/record-error.ts';
import { type AppendContext, type Refused, type Validated, validated } from './append-result.ts';
import { convertLegacy, rewriteBatch } from './append-rewrite.ts';
import { type AppendRules, targetCodec } from './append-rules.ts';
import type { AppendOrigin } from './log-types.ts';
import { addFault, checkRecord, type Faults, faultAnswer } from './record-checks.ts';

/**
 * What stands between a producer's bytes and the log, in Kafka's order:
 *
 *   checkProduced     one batch of magic 2 a partition                                         (a Produce request)
 *   checkAppendable   whole batches, sizes, checksums; a part batch at the end is cut off      (any append)
 *   validateAndAssign records, keys, timestamps; then offsets, leader epoch, timestamp type    (any append)
 *
 * The usual batch is stored in the bytes it came in: only its header is stamped, in the caller's buffer. It is written again
 * where the topic's codec is another one, where offsets inside a compressed batch are not 0, 1, 2 …, and where it is of an
 * old magic. Nothing here awaits: call `codecsToAwait` first.
 */

const zstdSinceProduceVersion = 7;

/** What a Produce request may carry for a partition, by its version; null when that is so. */
export function checkProduced(records: Buffer | null, apiVersion: number): Refused | null {
  try {
    const end = records?.length ?? 0;
    const bytes = records === null ? 0 : batch.batchBytesAt(records, 0, end);
    if (records === null || bytes === 0)
      throw invalidRecord('Produce request has no record batch for a partition');
    if (batch.magic(records, 0) !== batch.magicV2)
      throw invalidRecord(
        `Produce request of version ${apiVersion} has records of magic ${batch.magic(records, 0)}`,
      );
    if (apiVersion < zstdSinceProduceVersion && batch.codecOf(records, 0) === codecIds.zstd)
      throw new RecordError(errors.unsupportedCompressionType, 'zstd needs version 7 of the Produce request');
    if (bytes < end && batch.batchBytesAt(records, bytes, end) > 0)
      throw invalidRecord('Produce request has more than one record batch for a partition');
    return null;
  } catch (error) {
    return refusedFor(error);
  }
}

/**
 * Checks each batch whole: size, checksum, and for clients the base offset 0. Gives the records without the part batch that
 * may stand at their end (an empty buffer: nothing to append).
 */
export function checkAppendable(
  records: Buffer,
  origin: AppendOrigin,
  maxMessageBytes: number,
): { readonly ok: true; readonly records: Buffer } | Refused {
  try {
    const end = records.length;
    let position = 0;
    for (let bytes = 0; position < end; position += bytes) {
      bytes = batch.batchBytesAt(records, position, end);
      if (bytes === 0) break;
      const isCurrent = batch.magic(records, position) === batch.magicV2;
      const first = batch.baseOffset(records, position);
      if (origin === 'client' && isCurrent && first !== 0)
        throw invalidRecord(`Record batch of a producer begins at offset ${first} instead of 0`);
      if (origin !== 'raft' && bytes > maxMessageBytes) throw tooLarge(bytes, maxMessageBytes);
      if (isCurrent) batch.ensureValid(records, position);
      else ensureValidMessage(records, position);
    }
    return { ok: true, records: position === end ? records : records.subarray(0, position) };
  } catch (error) {
    return refusedFor(error);
  }
}

/** Undefined when every codec that this append needs is loaded; else a promise to await before `validateAndAssign`. */
export function codecsToAwait(records: Buffer, rules: AppendRules): void | Promise<void> {
  if (records.length < batch.batchHeaderBytes) return undefined;
  const source = batch.magic(records, 0) === batch.magicV2 ? batch.codecOf(records, 0) : codecIds.none;
  return ensureCodec(source) ?? ensureCodec(targetCodec(rules, source));
}

/** Validates the records of whole batches and gives them offsets from `context.firstOffset` on. May write into `records`. */
export function validateAndAssign(
  records: Buffer,
  rules: AppendRules,
  context: AppendContext,
): Validated | Refused {
  try {
    if (context.origin === 'raft') return assignTrusted(records, context);
    const end = records.length;
    const bytes = batch.batchBytesAt(records, 0, end);
    if (bytes === 0) throw invalidRecord('Append has no record batch');
    const isCurrent = batch.magic(records, 0) === batch.magicV2;
    const isAlone = isCurrent || messageCodec(records, 0) !== codecIds.none;
    if (isAlone && bytes < end && batch.batchBytesAt(records, bytes, end) > 0)
      throw invalidRecord('Append has more than one record batch');
    const result = isCurrent
      ? assignBatch(bytes === end ? records : records.subarray(0, bytes), rules, context)
      : convertLegacy(records, rules, context);
    if (result.ok && result.sizeChanged && result.buffer.length > rules.maxMessageBytes)
      throw tooLarge(result.buffer.length, rules.maxMessageBytes);
    return result;
  } catch (error) {
    return refusedFor(error);
  }
}

/**
 * One batch of magic 2: every record is looked at (but see `headerSuffices`), then either the header is stamped or the batch written
 * again.
 */
function assignBatch(buffer: Buffer, rules: AppendRules, context: AppendContext): Validated | Refused {
  checkHeader(buffer, context.origin);
  const source = batch.codecOf(buffer, 0);
  const target = targetCodec(rules, source);
  if (headerSuffices(buffer, source, target, rules, context)) return assignByHeader(buffer, rules, context);
  const isPlain = source === codecIds.none && target === codecIds.none;
  // Control records are never compressed on the way in: whatever reads markers need not decompress.
  let inPlace = source === target || (source === codecIds.none && batch.isControl(buffer, 0));
  const batchType = batch.timestampType(buffer, 0);
  const cursor = openRecords(buffer, 0, rules.maxDecompressedBytes);
  const maxBodyBytes = source === codecIds.none ? Number.POSITIVE_INFINITY : rules.maxRecordBodyBytes;
  let maxTimestamp = -1;
  let faults: Faults | null = null;
  for (let index = 0; cursor.next(); index++) {
    if (cursor.bodyBytes > maxBodyBytes)
      throw invalidRecord(
        `Record of ${cursor.bodyBytes} bytes is over max.decompressed.message.bytes of ${maxBodyBytes}`,
      );
    const timestamp = cursor.timestamp;
    const fault = checkRecord(rules, batchType, context.nowMs, cursor.hasKey, timestamp);
    if (fault !== null) faults = addFault(faults, index, fault, timestamp);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (!isPlain && cursor.offset !== index) inPlace = false;
  }
  if (faults !== null) return { ok: false, ...faultAnswer(faults), recordErrors: faults.faults };
  if (!inPlace) return rewriteBatch(buffer, cursor, target, rules, context);
  return stamp(buffer, cursor.count, maxTimestamp, rules, context);
}

/** Gives the batch its offsets, leader epoch and timestamp type, in the bytes it came in. */
function stamp(
  buffer: Buffer,
  count: number,
  maxTimestamp: number,
  { timestampType }: AppendRules,
  context: AppendContext,
): Validated {
  const lastOffset = context.firstOffset + count - 1;
  batch.setBaseOffset(buffer, 0, lastOffset - batch.lastOffsetDelta(buffer, 0));
  batch.setPartitionLeaderEpoch(buffer, 0, context.leaderEpoch);
  batch.restamp(buffer, 0, timestampType, timestampType === 'CreateTime' ? maxTimestamp : context.nowMs);
  return validated(buffer, timestampType, context, count, false);
}

/**
 * Whether this batch is stored without a look at its records (`kompakt.compressed.validation`). A header that is not
 * quite what a producer writes is no reason to refuse a batch, but one to look into it: the answer then is Kafka's.
 */
function headerSuffices(
  buffer: Buffer,
  source: number,
  target: number,
  rules: AppendRules,
  context: AppendContext,
): boolean {
  if (!rules.headerSuffices || context.origin !== 'client') return false;
  if (source === codecIds.none || source > codecIds.zstd || source !== target) return false;
  if (batch.timestampType(buffer, 0) !== 'CreateTime' || batch.hasDeleteHorizon(buffer, 0)) return false;
  const first = batch.baseTimestamp(buffer, 0);
  const greatest = batch.maxTimestamp(buffer, 0);
  return first >= 0 && greatest >= first && greatest - context.nowMs <= rules.timestampAfterMaxMs;
}

function assignByHeader(buffer: Buffer, rules: AppendRules, context: AppendContext): Validated {
  return stamp(buffer, batch.recordCount(buffer, 0), batch.maxTimestamp(buffer, 0), rules, context);
}

/** The header fields that a client's batch must have right, and what no batch may lack. */
function checkHeader(buffer: Buffer, origin: AppendOrigin): void {
  if (buffer.length < batch.batchHeaderBytes)
    throw corrupt(`Record batch of ${buffer.length} bytes has no whole header`);
  const count = batch.recordCount(buffer, 0);
  if (count <= 0) throw invalidRecord(`Record batch has a record count of ${count}`);
  if (origin !== 'client') return;
  const offsets = batch.lastOffsetDelta(buffer, 0) + 1;
  if (offsets !== count) throw invalidRecord(`Record batch has ${count} records and ${offsets} offsets`);
  if (batch.isControl(buffer, 0)) throw invalidRecord('Record batch of a producer has control records');
  const producerId = batch.producerId(buffer, 0);
  if (producerId >= 0 && batch.baseSequence(buffer, 0) < 0)
    throw invalidRecord(
      `Record batch of producer ${producerId} has the sequence ${batch.baseSequence(buffer, 0)}`,
    );
}

/** The metadata log's own batches: whatever they say is so, and there may be several. */
function assignTrusted(records: Buffer, context: AppendContext): Validated {
  let nextOffset = context.firstOffset;
  let maxTimestamp = -1;
  const end = batch.forEachBatch(records, 0, records.length, (position, bytes) => {
    if (bytes < batch.batchHeaderBytes || batch.magic(records, position) !== batch.magicV2)
      throw invalidRecord('Metadata log takes whole batches of magic 2');
    batch.setBaseOffset(records, position, nextOffset);
    batch.setPartitionLeaderEpoch(records, position, context.leaderEpoch);
    nextOffset = batch.lastOffset(records, position) + 1;
    maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp(records, position));
  });
  return {
    ok: true,
    buffer: records.subarray(0, end),
    sizeChanged: false,
    firstOffset: context.firstOffset,
    nextOffset,
    maxTimestamp,
    logAppendTimeMs: -1,
  };
}

function tooLarge(bytes: number, maxMessageBytes: number): RecordError {
  return new RecordError(
    errors.messageTooLarge,
    `Record batch of ${bytes} bytes is over max.message.bytes of ${maxMessageBytes}`,
  );
}

/** Broken records become a refusal; anything else is a bug and goes on. */
function refusedFor(error: unknown): Refused {
  if (!(error instanceof ApiError)) throw error;
  return { ok: false, errorCode: error.code, message: error.message, recordErrors: [] };
}
