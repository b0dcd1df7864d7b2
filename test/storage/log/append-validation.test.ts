import { beforeAll, describe, expect, it } from 'vitest';
import { errorName, errors } from '../../../protocol/errors.ts';
import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { type CodecName, codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import {
  buildControlBatch,
  buildEndTransactionMarker,
  controlTypes,
} from '../../../protocol/records/control.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';
import type { AppendContext, Refused, Validated } from '../../../storage/log/append-result.ts';
import { type AppendRules, appendRulesOf } from '../../../storage/log/append-rules.ts';
import {
  checkAppendable,
  checkProduced,
  codecsToAwait,
  validateAndAssign,
} from '../../../storage/log/append-validation.ts';
import { expectHeader, readVectors, type VectorBatch, vectorNumber } from '../../protocol/records/vectors.ts';

type KafkaResult =
  | { readonly result: 'no batch' }
  | {
      readonly result: 'ok';
      readonly nextOffset: number;
      readonly maxTimestamp: number;
      readonly sizeChanged?: boolean;
      readonly hex?: string;
      readonly length?: number;
    }
  | { readonly fails: { readonly error: string; readonly recordErrors?: readonly number[] } };

interface AppendVector {
  readonly case: string;
  readonly compactedTopic: boolean;
  readonly messageTimestampType: batch.TimestampType;
  readonly topicCompression: 'producer' | CodecName;
  readonly origin: 'CLIENT' | 'COORDINATOR';
  readonly firstOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
  readonly hex: string;
  readonly append: KafkaResult;
  readonly storedBatches?: readonly VectorBatch[];
}

interface LimitVector extends Omit<AppendVector, 'compactedTopic' | 'topicCompression' | 'origin'> {
  readonly beforeMaxMs: number;
  readonly afterMaxMs: number;
  readonly maxRecordBodySize: number;
}

interface NegativeVector {
  readonly case: string;
  readonly hex: string;
  readonly read: { readonly ensureValid?: 'ok' | object };
  readonly append: KafkaResult;
  readonly appendCompacted: KafkaResult;
}

const anything: AppendRules = {
  compactedTopic: false,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: 2 ** 63,
  timestampAfterMaxMs: 2 ** 63,
  compression: 'producer',
  maxMessageBytes: 0x7fffffff,
  maxRecordBodyBytes: 0x7fffffff,
  maxDecompressedBytes: 64 * 1024 * 1024,
  headerSuffices: false,
};
const context: AppendContext = {
  origin: 'client',
  firstOffset: 5000,
  leaderEpoch: 3,
  nowMs: 1_700_000_001_234,
};

beforeAll(() => ensureCodec(codecIds.zstd));

describe('what Kafka stores', () => {
  it.each(readVectors<AppendVector>('records/append.jsonl', 324))(
    '$case: compacted $compactedTopic, $messageTimestampType, $topicCompression, $origin',
    (vector) => {
      const rules: AppendRules = {
        ...anything,
        compactedTopic: vector.compactedTopic,
        timestampType: vector.messageTimestampType,
        compression: vector.topicCompression,
      };
      const given = Buffer.from(vector.hex, 'hex');
      const result = validateAndAssign(given, rules, {
        origin: vector.origin === 'CLIENT' ? 'client' : 'coordinator',
        firstOffset: vector.firstOffset,
        leaderEpoch: vector.leaderEpoch,
        nowMs: vector.nowMs,
      });
      expectResult(result, vector.append);
      if (!result.ok || 'fails' in vector.append || vector.append.result !== 'ok') return;
      const stored = Buffer.from(vector.append.hex!, 'hex');
      const [expected] = vector.storedBatches!;
      expect(vector.storedBatches).toHaveLength(1);
      if (!result.sizeChanged || expected!.compression === 'none') {
        expect(result.buffer.toString('hex')).toBe(vector.append.hex);
        if (!result.sizeChanged) expect(result.buffer.buffer).toBe(given.buffer);
        expectHeader(result.buffer, 0, expected!);
      } else {
        const { length: sizeInBytes } = result.buffer;
        expectHeader(result.buffer, 0, { ...expected!, sizeInBytes, crc: batch.crc(result.buffer, 0) });
        expect(readRecords(result.buffer, 0)).toEqual(readRecords(stored, 0));
      }
      batch.ensureValid(result.buffer, 0);
      expect(result.logAppendTimeMs).toBe(vector.messageTimestampType === 'CreateTime' ? -1 : vector.nowMs);
    },
  );
});

describe('limits on timestamps and decompressed records', () => {
  it.each(readVectors<LimitVector>('records/append_limits.jsonl', 180))(
    '$case: $messageTimestampType, a record at most $maxRecordBodySize',
    (vector) => {
      const rules: AppendRules = {
        ...anything,
        timestampType: vector.messageTimestampType,
        timestampBeforeMaxMs: vector.beforeMaxMs,
        timestampAfterMaxMs: vector.afterMaxMs,
        maxRecordBodyBytes: vector.maxRecordBodySize,
      };
      const result = validateAndAssign(Buffer.from(vector.hex, 'hex'), rules, {
        origin: 'client',
        firstOffset: vector.firstOffset,
        leaderEpoch: vector.leaderEpoch,
        nowMs: vector.nowMs,
      });
      expectResult(result, vector.append);
    },
  );
});

describe('bad batches', () => {
  const vectors = readVectors<NegativeVector>('records/negative.jsonl', 130);
  /** Kafka looks at compressed records one by one and never at what a wrong length leaves unread; we do. */
  const stricter = vectors
    .filter(({ case: name }) => /^bomb\/.*\/declared-20/.test(name))
    .map((vector) => vector.case);

  it.each(vectors)('answered as by LogValidator: $case', (vector) => {
    const given = Buffer.from(vector.hex, 'hex');
    for (const compactedTopic of [false, true]) {
      const expected = compactedTopic ? vector.appendCompacted : vector.append;
      const result = validateAndAssign(Buffer.from(given), { ...anything, compactedTopic }, context);
      if ('result' in expected && expected.result === 'no batch') {
        expect(result).toMatchObject({ ok: false, errorCode: errors.invalidRecord.code });
      } else if (stricter.includes(vector.case)) {
        expect(result).toMatchObject({ ok: false, errorCode: errors.invalidRecord.code });
      } else {
        expectResult(result, expected);
      }
    }
  });

  it('never reach it when their size or checksum is wrong', () => {
    expect(stricter).toHaveLength(4);
    let refused = 0;
    for (const { hex, read } of vectors) {
      if (read.ensureValid === undefined || read.ensureValid === 'ok') continue;
      const result = checkAppendable(Buffer.from(hex, 'hex'), 'client', anything.maxMessageBytes);
      expect(result).toMatchObject({ ok: false, errorCode: errors.corruptMessage.code });
      refused++;
    }
    expect(refused).toBe(8);
  });
});

describe('the check before validation', () => {
  const sound = buildBatch({ records: [{ timestampMs: 5, key: null, value: Buffer.from('v') }] });

  it('cuts a part batch off, and gives nothing for nothing', () => {
    const cut = checkAppendable(Buffer.concat([sound, sound.subarray(0, 40)]), 'client', 1000);
    expect(cut).toMatchObject({ ok: true });
    expect((cut as { records: Buffer }).records).toHaveLength(sound.length);
    expect(
      (checkAppendable(sound.subarray(0, 30), 'client', 1000) as { records: Buffer }).records,
    ).toHaveLength(0);
  });

  it('takes only base offset 0 from clients', () => {
    const moved = Buffer.from(sound);
    batch.setBaseOffset(moved, 0, 7);
    expect(checkAppendable(moved, 'client', 1000)).toMatchObject({
      ok: false,
      errorCode: errors.invalidRecord.code,
    });
    expect(checkAppendable(moved, 'coordinator', 1000)).toMatchObject({ ok: true });
  });

  it('takes no batch above max.message.bytes, but for the metadata log', () => {
    expect(checkAppendable(sound, 'client', sound.length)).toMatchObject({ ok: true });
    const refusal = { ok: false, errorCode: errors.messageTooLarge.code };
    expect(checkAppendable(sound, 'client', sound.length - 1)).toMatchObject(refusal);
    expect(checkAppendable(sound, 'raft', 1)).toMatchObject({ ok: true });
  });

  it('wants exactly one batch of magic 2 in a Produce request', () => {
    const codeOf = (records: Buffer | null, version = 9) => checkProduced(records, version)?.errorCode ?? 0;
    const zstd = Buffer.from(sound);
    zstd[22]! |= codecIds.zstd;
    const old = Buffer.from(sound);
    old[16] = 1;
    expect(codeOf(sound)).toBe(0);
    expect(codeOf(null)).toBe(errors.invalidRecord.code);
    expect(codeOf(Buffer.alloc(0))).toBe(errors.invalidRecord.code);
    expect(codeOf(Buffer.concat([sound, sound]))).toBe(errors.invalidRecord.code);
    expect(codeOf(old)).toBe(errors.invalidRecord.code);
    expect(codeOf(zstd, 6)).toBe(errors.unsupportedCompressionType.code);
    expect(codeOf(zstd, 7)).toBe(0);
    expect(codeOf(Buffer.alloc(40, 0xff))).toBe(errors.corruptMessage.code);
  });
});

describe('validation', () => {
  const records = [1, 2, 3].map((i) => ({
    timestampMs: 1000 + i,
    key: Buffer.from(`k${i}`),
    value: Buffer.alloc(200),
  }));

  it('tells the log what it needs to know', () => {
    const given = buildBatch({
      producerId: 9,
      producerEpoch: 2,
      baseSequence: 4,
      isTransactional: true,
      records,
    });
    expect(validateAndAssign(given, anything, context)).toMatchObject({
      ok: true,
      firstOffset: 5000,
      nextOffset: 5003,
      maxTimestamp: 1003,
      logAppendTimeMs: -1,
    });
    expect([batch.baseOffset(given, 0), batch.lastOffset(given, 0)]).toEqual([5000, 5002]);
  });

  it('holds a batch that grew to max.message.bytes again', () => {
    const given = buildBatch({ codec: codecIds.gzip, records });
    const rules: AppendRules = { ...anything, compression: 'none', maxMessageBytes: given.length };
    expect(validateAndAssign(given, rules, context)).toMatchObject({
      ok: false,
      errorCode: errors.messageTooLarge.code,
    });
  });

  it('refuses a producer without sequences', () => {
    const given = buildBatch({ producerId: 9, producerEpoch: 0, records });
    expect(validateAndAssign(given, anything, context)).toMatchObject({
      ok: false,
      errorCode: errors.invalidRecord.code,
    });
    expect(validateAndAssign(given, anything, { ...context, origin: 'coordinator' })).toMatchObject({
      ok: true,
    });
  });

  it.each([
    ['a negative timestamp', errors.invalidTimestamp, { timestampMs: -5 }, {}],
    ['a producer without an epoch', errors.invalidRecord, {}, { producerId: 9, baseSequence: 0 }],
  ])('refuses %s where the batch is made anew, and nowhere else', (_what, { code }, record, producer) => {
    const one = { timestampMs: 1000, key: null, value: Buffer.from('v'), ...record };
    const given = (): Buffer => buildBatch({ ...producer, records: [one] });
    const gzip: AppendRules = { ...anything, compression: 'gzip' };
    expect(validateAndAssign(given(), gzip, context)).toMatchObject({ ok: false, errorCode: code });
    expect(validateAndAssign(given(), anything, context)).toMatchObject({ ok: true });
  });

  it('numbers a compressed batch again whose offsets have gaps', () => {
    const gaps = records.map((record, i) => ({ ...record, offsetDelta: [0, 2, 1][i]! }));
    const given = buildBatch({ codec: codecIds.snappy, lastOffsetDelta: 2, records: gaps });
    const result = validateAndAssign(given, anything, context) as Validated;
    expect(result.sizeChanged).toBe(true);
    expect(readRecords(result.buffer, 0).map(({ offset }) => offset)).toEqual([5000, 5001, 5002]);
  });

  it('leaves a marker uncompressed in a compressed topic', () => {
    const marker = buildEndTransactionMarker({
      committed: true,
      coordinatorEpoch: 1,
      producerId: 9,
      producerEpoch: 2,
      timestampMs: 1000,
    });
    const rules: AppendRules = { ...anything, compression: 'zstd' };
    const result = validateAndAssign(marker, rules, { ...context, origin: 'coordinator' }) as Validated;
    expect(batch.isControl(result.buffer, 0)).toBe(true);
    expect(batch.codecOf(result.buffer, 0)).toBe(codecIds.none);
  });

  it('gives offsets to several batches of the metadata log as they are', () => {
    const change = buildControlBatch({
      type: controlTypes.leaderChange,
      value: Buffer.alloc(4),
      baseOffset: 0,
      timestampMs: 70,
      leaderEpoch: 1,
    });
    const given = Buffer.concat([
      change,
      buildBatch({ records: [{ timestampMs: 60, key: null, value: null }] }),
    ]);
    const result = validateAndAssign(given, anything, { ...context, origin: 'raft' }) as Validated;
    expect(result.nextOffset).toBe(5002);
    expect([0, change.length].map((at) => batch.baseOffset(result.buffer, at))).toEqual([5000, 5001]);
    expect(result.maxTimestamp).toBe(70);
  });

  it('follows the settings of a topic', () => {
    const rules = appendRulesOf({
      ...defaultTopicSettings,
      'cleanup.policy': ['compact', 'delete'],
      'compression.type': 'zstd',
      'compression.zstd.level': 7,
    });
    expect(rules).toMatchObject({
      compactedTopic: true,
      compression: 'zstd',
      level: 7,
      timestampType: 'CreateTime',
    });
    expect(appendRulesOf({ ...defaultTopicSettings, 'compression.type': 'uncompressed' }).compression).toBe(
      'none',
    );
    expect(appendRulesOf(defaultTopicSettings)).not.toHaveProperty('level');
    expect(codecsToAwait(buildBatch({ records }), rules)).toBeUndefined();
  });
});

function expectResult(result: Validated | Refused, expected: KafkaResult): void {
  if ('fails' in expected) {
    expect(result.ok).toBe(false);
    const refused = result as Refused;
    expect(refused.message).not.toBe('');
    // What Kafka did not foresee is an error of the bytes here.
    const accepted =
      expected.fails.error === 'UNKNOWN_SERVER_ERROR'
        ? /CORRUPT_MESSAGE|INVALID_RECORD/
        : expected.fails.error;
    expect(errorName(refused.errorCode)).toMatch(accepted);
    expect(refused.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual(
      expected.fails.recordErrors ?? [],
    );
    return;
  }
  if (expected.result !== 'ok') throw new Error('expected a batch');
  expect(result).toMatchObject({ ok: true });
  const stored = result as Validated;
  expect(stored.nextOffset).toBe(expected.nextOffset);
  expect(stored.maxTimestamp).toBe(vectorNumber(expected.maxTimestamp));
  if (expected.sizeChanged !== undefined) expect(stored.sizeChanged).toBe(expected.sizeChanged);
  if (expected.hex !== undefined && !stored.sizeChanged)
    expect(stored.buffer.toString('hex')).toBe(expected.hex);
}
