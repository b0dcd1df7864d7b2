/** Records of the internal topics, control records and client blobs that Kafka's own classes wrote. */
import { expect, test } from 'vitest';
import { decodeGroupRecord, groupRecords } from '../../broker/groups/records/index.ts';
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  metadataRecords,
} from '../../broker/metadata/records/index.ts';
import { decodeShareRecord, shareRecords } from '../../broker/shares/records/index.ts';
import { decodeTransactionRecord, transactionRecords } from '../../broker/transactions/records/index.ts';
import * as consumerProtocol from '../../protocol/messages/client/consumer-protocol.ts';
import { defaultPrincipalData } from '../../protocol/messages/client/principal.ts';
import * as control from '../../protocol/records/control-schemas.ts';
import {
  type Catalogue,
  encodeKey,
  encodeValue,
  recordReader,
} from '../../protocol/records/coordinator-records.ts';
import * as stored from '../../protocol/records/storage-schemas.ts';
import type { AnyRecord } from '../../protocol/schema/api.ts';
import { recordDecoder } from '../../protocol/schema/compile.ts';
import { BrokenFrame, Reader } from '../../protocol/wire/reader.ts';
import { checkBody, vectorLines } from './kafka-json.ts';

/** The framing of coordinator topics, checked with whole keys and values; then the bodies. */
function checkCoordinatorTopic(file: string, catalogue: Catalogue, lineCount: number): void {
  const schemas = new Map<string, AnyRecord>();
  for (const { key, value } of Object.values(catalogue)) {
    schemas.set(key.name, key);
    schemas.set(value.name, value);
  }
  const unseen = new Set(schemas.keys());
  const read = recordReader(catalogue);
  const lines = vectorLines(`internal/${file}.jsonl`);
  for (const line of lines) {
    const what = `${line.type} v${line.version} ${line.case}`;
    const bytes = Buffer.from(line.hex, 'hex');
    const schema = schemas.get(line.type)!;
    expect(schema.type, what).toBe(line.recordType);
    const body = bytes.subarray(2);
    checkBody(schema, line, body, what);
    unseen.delete(line.type);
    const fields = recordDecoder(schema, line.version)(new Reader(body));
    if (line.kind === 'key') {
      expect(read(bytes, null), what).toMatchObject({ key: fields, value: null });
      if (line.case !== 'extreme') expect(encodeKey(schema, fields).toString('hex'), what).toBe(line.hex);
    } else {
      const key = Buffer.alloc(128);
      key.writeInt16BE(line.recordType);
      expect(read(key, bytes), what).toMatchObject({ value: fields });
      if (line.case !== 'extreme' && line.case !== 'unknownTags')
        expect(encodeValue(schema, line.version, fields).toString('hex'), what).toBe(line.hex);
    }
  }
  expect(lines.length).toBe(lineCount);
  expect(unseen.size).toBe(0);
}

test('__consumer_offsets', () => checkCoordinatorTopic('consumer_offsets', groupRecords, 241));

test('__transaction_state', () => checkCoordinatorTopic('transaction_state', transactionRecords, 16));

test('__share_group_state', () => checkCoordinatorTopic('share_group_state', shareRecords, 20));

test('__cluster_metadata', () => {
  const schemas = new Map<string, AnyRecord>(
    Object.values(metadataRecords).map((schema) => [schema.name, schema]),
  );
  const unseen = new Set(schemas.keys());
  const lines = vectorLines('internal/cluster_metadata.jsonl');
  for (const line of lines) {
    const what = `${line.type} v${line.version} ${line.case}`;
    const bytes = Buffer.from(line.hex, 'hex');
    const schema = schemas.get(line.type)!;
    expect(schema.type, what).toBe(line.recordType);
    checkBody(schema, line, bytes.subarray(3), what);
    unseen.delete(line.type);
    const decoded = decodeMetadataRecord(bytes);
    expect(decoded, what).toMatchObject({ version: line.version });
    expect(metadataRecords[decoded.kind], what).toBe(schema);
    if (line.case !== 'extreme' && line.case !== 'unknownTags')
      expect(encodeMetadataRecord(schema, line.version, decoded.record).toString('hex'), what).toBe(line.hex);
  }
  expect(lines.length).toBe(193);
  expect(unseen.size).toBe(0);
});

test('data messages: what clients exchange, control records, files', () => {
  const { decodeConsumerBlob: _, encodeConsumerBlob: __, blobReader: ___, ...blobs } = consumerProtocol;
  const all: AnyRecord[] = [
    ...Object.values(blobs),
    defaultPrincipalData,
    ...Object.values(control),
    ...Object.values(stored),
  ];
  const schemas = new Map(all.map((schema) => [schema.name, schema]));
  const unseen = new Set(schemas.keys());
  const lines = vectorLines('internal/data_messages.jsonl');
  for (const line of lines) {
    const bytes = Buffer.from(line.hex, 'hex');
    expect(bytes.readInt16BE(0)).toBe(line.version);
    checkBody(schemas.get(line.type)!, line, bytes.subarray(2), `${line.type} v${line.version} ${line.case}`);
    unseen.delete(line.type);
  }
  expect(lines.length).toBe(100);
  expect(unseen.size).toBe(0);
});

test('570 lines in all', () => {
  expect(241 + 16 + 20 + 193 + 100).toBe(570);
});

test('records that no catalogue knows are told apart', () => {
  const key = Buffer.from('00ff', 'hex');
  expect(decodeGroupRecord(key, null)).toEqual({ kind: 'unknown', type: 255, version: undefined });
  const transaction = encodeKey(transactionRecords.transactionLog.key, { transactionalId: 'a' });
  expect(decodeTransactionRecord(transaction, Buffer.from('0063', 'hex'))).toMatchObject({
    kind: 'unknown',
    version: 99,
  });
  expect(decodeShareRecord(key, null).kind).toBe('unknown');
});

test('a metadata record that is not known cannot be passed over', () => {
  for (const hex of ['', '01', '020000', '01ff010000', '01006300'])
    expect(() => decodeMetadataRecord(Buffer.from(hex, 'hex')), hex).toThrow(BrokenFrame);
});
