import { errors } from '../../protocol/errors.ts';
import * as batch from '../../protocol/records/batch.ts';
import { buildBatch, type NewRecord } from '../../protocol/records/batch-builder.ts';
import { codecIds } from '../../protocol/records/compression.ts';
import { type LegacyBatch, type LegacyRecord, readLegacyBatch } from '../../protocol/records/legacy.ts';
import type { LogRecord, RecordCursor } from '../../protocol/records/record.ts';
import { corrupt, invalidRecord, RecordError } from '../../protocol/records/record-error.ts';
import { type AppendContext, type Refused, type Validated, validated } from './append-result.ts';
import { type AppendRules, targetCodec } from './append-rules.ts';
import { addFault, checkRecord, type Faults, faultAnswer } from './record-checks.ts';

const noTimestamp = -1;

/**
 * Appends whose bytes cannot stay: another codec, offsets with gaps inside a compressed batch, messages of magic 0 and 1.
 * Their records get offsets one after the other in a new batch of magic 2; producer, sequences and transaction stay.
 */

/**
 * Writes the records under `cursor`, all checked, into a new batch with the codec `target`. What Kafka's builder of batches does not
 * take is refused, though an append that keeps its bytes takes it.
 */
export function rewriteBatch(
  buffer: Buffer,
  cursor: RecordCursor,
  target: number,
  rules: AppendRules,
  context: AppendContext,
): Validated {
  const records: NewRecord[] = [];
  if (batch.producerId(buffer, 0) >= 0 && batch.producerEpoch(buffer, 0) < 0)
    throw invalidRecord('Record batch has a producer id without an epoch');
  cursor.rewind();
  while (cursor.next()) {
    const record = newRecord(cursor.record());
    if (record.timestampMs < noTimestamp)
      throw new RecordError(
        errors.invalidTimestamp,
        `Record has the negative timestamp ${record.timestampMs}`,
      );
    records.push(record);
  }
  const rewritten = buildBatch({
    ...stamps(rules, context, target),
    producerId: batch.producerId(buffer, 0),
    producerEpoch: batch.producerEpoch(buffer, 0),
    baseSequence: batch.baseSequence(buffer, 0),
    isTransactional: batch.isTransactional(buffer, 0),
    isControl: batch.isControl(buffer, 0),
    records,
  });
  return validated(rewritten, rules.timestampType, context, records.length, true);
}

/** Checks old messages and writes all of them into one batch of magic 2. */
export function convertLegacy(
  records: Buffer,
  rules: AppendRules,
  context: AppendContext,
): Validated | Refused {
  const firstMagic = batch.magic(records, 0);
  const converted: NewRecord[] = [];
  let source: number = codecIds.none;
  let faults: Faults | null = null;
  batch.forEachBatch(records, 0, records.length, (position) => {
    if (faults !== null) return;
    if (batch.magic(records, position) !== firstMagic)
      throw invalidRecord(
        `Append mixes messages of magic ${firstMagic} and ${batch.magic(records, position)}`,
      );
    const message = readLegacyBatch(records, position, rules);
    if (message.codec !== codecIds.none) {
      if (position > 0) throw invalidRecord('Append has more than one record batch');
      source = message.codec;
    }
    faults = checkMessages(message, rules, context.nowMs);
    for (const record of message.records) converted.push(newRecord(record));
  });
  // A closure set it: the compiler thinks it is still null.
  const found = faults as Faults | null;
  if (found !== null) return { ok: false, ...faultAnswer(found), recordErrors: found.faults };
  const rewritten = buildBatch({ ...stamps(rules, context, targetCodec(rules, source)), records: converted });
  return validated(rewritten, rules.timestampType, context, converted.length, true);
}

function checkMessages(message: LegacyBatch, rules: AppendRules, nowMs: number): Faults | null {
  let faults: Faults | null = null;
  for (let index = 0; index < message.records.length; index++) {
    const record = message.records[index]!;
    const fault = checkMessage(message, record, rules, nowMs);
    if (fault !== null) faults = addFault(faults, index, fault, record.timestamp);
  }
  return faults;
}

/** Only wrapped messages have a checksum that was not looked at before. */
function checkMessage(
  message: LegacyBatch,
  record: LegacyRecord,
  rules: AppendRules,
  nowMs: number,
): ReturnType<typeof checkRecord> | 'magic' {
  if (record.magic !== message.magic) return 'magic';
  if (message.codec !== codecIds.none && !record.hasValidCrc)
    throw corrupt(`Wrapped message at offset ${record.offset} does not match its checksum`);
  return checkRecord(rules, message.timestampType, nowMs, record.key !== null, record.timestamp);
}

function stamps(rules: AppendRules, context: AppendContext, codec: number) {
  return {
    baseOffset: context.firstOffset,
    leaderEpoch: context.leaderEpoch,
    codec,
    ...(rules.compression === 'producer' || rules.level === undefined ? {} : { level: rules.level }),
    timestampType: rules.timestampType,
    logAppendTimeMs: context.nowMs,
  };
}

function newRecord({ timestamp, key, value, headers }: LogRecord): NewRecord {
  return { timestampMs: timestamp, key, value, headers };
}
