/** `kompakt.compressed.validation=header`: what is stored unread, and what makes the broker look inside all the same. */
import { expect, test } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import * as batch from '../../../protocol/records/batch.ts';
import { buildBatch, type NewBatch } from '../../../protocol/records/batch-builder.ts';
import { codecIds } from '../../../protocol/records/compression.ts';
import { defaultTopicSettings, type TopicSettings } from '../../../storage/config/topic-settings.ts';
import type { AppendContext, Refused, Validated } from '../../../storage/log/append-result.ts';
import { appendRulesOf } from '../../../storage/log/append-rules.ts';
import { checkAppendable, validateAndAssign } from '../../../storage/log/append-validation.ts';

const nowMs = 1_700_000_000_000;
const hourMs = 3_600_000;
const context: AppendContext = { origin: 'client', firstOffset: 70, leaderEpoch: 3, nowMs };
const records = [0, 1, 2].map((i) => ({ timestampMs: nowMs + i, key: null, value: Buffer.alloc(100, i) }));

/** A sound header and checksum around what no codec can read, so that a look inside shows. */
function unreadable(options: Partial<NewBatch> = {}): Buffer {
  const given = buildBatch({ codec: codecIds.lz4, records, ...options });
  given.fill(0xee, batch.batchHeaderBytes);
  batch.stampCrc(given, 0);
  return given;
}

function validate(
  given: Buffer,
  settings: Partial<TopicSettings> = {},
  from: Partial<AppendContext> = {},
): Validated | Refused {
  const all = { ...defaultTopicSettings, 'kompakt.compressed.validation': 'header', ...settings };
  return validateAndAssign(given, appendRulesOf(all as TopicSettings), { ...context, ...from });
}

const stored = { ok: true, sizeChanged: false };

test('a compressed batch is stamped and stored unread', () => {
  const given = unreadable({ producerId: 9, producerEpoch: 2, baseSequence: 4, isTransactional: true });
  expect(validate(given)).toMatchObject({
    ...stored,
    firstOffset: 70,
    nextOffset: 73,
    maxTimestamp: nowMs + 2,
  });
  expect([batch.baseOffset(given, 0), batch.lastOffset(given, 0)]).toEqual([70, 72]);
  expect(batch.partitionLeaderEpoch(given, 0)).toBe(3);
  batch.ensureValid(given, 0);
});

test('the bytes of a readable one are those that a look inside would have left', () => {
  const [byHeader, byRecords] = [0, 1].map(() => buildBatch({ codec: codecIds.lz4, records }));
  validate(byHeader!);
  validate(byRecords!, { 'kompakt.compressed.validation': 'records' });
  expect(byHeader).toEqual(byRecords);
});

test.each([
  ['is the default', { 'kompakt.compressed.validation': 'records' }],
  ['keys', { 'cleanup.policy': ['delete', 'compact'] }],
  ['append times', { 'message.timestamp.type': 'LogAppendTime' }],
  ['a bound for old timestamps', { 'message.timestamp.before.max.ms': hourMs }],
  ['a bound for the size of a record', { 'max.decompressed.message.bytes': 1_000_000 }],
  ['another codec', { 'compression.type': 'zstd' }],
  ['no codec', { 'compression.type': 'uncompressed' }],
] as const)('records are looked at where the topic asks for it: %s', (_what, settings) => {
  expect(validate(unreadable(), settings as Partial<TopicSettings>)).toMatchObject({
    ok: false,
    errorCode: errors.corruptMessage.code,
  });
});

test('a topic with the codec that the batch has needs no look inside', () => {
  expect(validate(unreadable(), { 'compression.type': 'lz4' })).toMatchObject(stored);
});

test.each<[string, (given: Buffer) => void]>([
  ['no timestamps', (given) => stampTimes(given, -1, -1)],
  ['no greatest timestamp', (given) => stampTimes(given, nowMs, -1)],
  ['a greatest timestamp before the first', (given) => stampTimes(given, nowMs, nowMs - 1)],
  ['an append time', (given) => batch.restamp(given, 0, 'LogAppendTime', nowMs)],
  ['a delete horizon', (given) => setAttribute(given, 0x40)],
  ['a codec that does not exist', (given) => setAttribute(given, 0x04)],
])('records are looked at where the header has %s', (_what, change) => {
  const given = unreadable();
  change(given);
  batch.stampCrc(given, 0);
  expect(validate(given)).toMatchObject({ ok: false, errorCode: errors.corruptMessage.code });
});

test('timestamps beyond message.timestamp.after.max.ms are found by the header, and told as ever', () => {
  const late = records.map((record) => ({ ...record, timestampMs: nowMs + 2 * hourMs }));
  const answer = validate(buildBatch({ codec: codecIds.lz4, records: late })) as Refused;
  expect(answer.errorCode).toBe(errors.invalidTimestamp.code);
  expect(answer.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([0, 1, 2]);
});

test('what is not compressed, and what the broker itself writes, is looked at', () => {
  const plain = unreadable({ codec: codecIds.none });
  expect(validate(plain)).toMatchObject({ ok: false, errorCode: errors.invalidRecord.code });
  expect(validate(unreadable(), {}, { origin: 'coordinator' })).toMatchObject({ ok: false });
});

test('the header itself is checked as ever', () => {
  const refused = { ok: false, errorCode: errors.invalidRecord.code };
  expect(validate(unreadable({ lastOffsetDelta: 7 }))).toMatchObject(refused);
  expect(validate(unreadable({ producerId: 9, producerEpoch: 0 }))).toMatchObject(refused);
  expect(validate(unreadable({ isControl: true }))).toMatchObject(refused);
  const broken = unreadable();
  broken[broken.length - 1]! ^= 1;
  const { corruptMessage, messageTooLarge } = errors;
  expect(checkAppendable(broken, 'client', 1e6)).toMatchObject({ errorCode: corruptMessage.code });
  expect(checkAppendable(unreadable(), 'client', 99)).toMatchObject({ errorCode: messageTooLarge.code });
});

function stampTimes(given: Buffer, first: number, greatest: number): void {
  given.writeBigInt64BE(BigInt(first), 27);
  given.writeBigInt64BE(BigInt(greatest), 35);
}

function setAttribute(given: Buffer, bit: number): void {
  given[22]! |= bit;
}
