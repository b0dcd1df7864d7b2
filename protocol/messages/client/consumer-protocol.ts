/**
 * The blobs that consumers put inside JoinGroup and SyncGroup: each begins with an int16 version, its fields
 * follow. A broker passes them on and reads them only where a group's state depends on its subscriptions. A
 * reader takes a version that is newer than its own for its own newest, as Kafka's does: newer fields stand
 * at the end.
 *
 *    | version int16 | fields of that version |
 */
import { type AnyRecord, defineRecord, type RecordInit, type RecordOf } from '../../schema/api.ts';
import { recordDecoder, recordEncoder } from '../../schema/compile.ts';
import { array, bytes, int32, string } from '../../schema/field.ts';
import { BrokenFrame, Reader } from '../../wire/reader.ts';
import { Writer } from '../../wire/writer.ts';

const topicPartition = {
  topic: string,
  partitions: array(int32),
};

/**
 * What a consumer subscribes to. v1 what it owns (KIP-429), v2 the generation in which it owned it, v3 rack
 * (KIP-881).
 */
export const consumerProtocolSubscription = defineRecord({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  flexible: 'none',
  fields: {
    topics: array(string),
    userData: bytes.nullable().default(null),
    ownedPartitions: array(topicPartition).in('1+').ignorable(),
    generationId: int32.in('2+').default(-1).ignorable(),
    rackId: string.nullable().in('3+').default(null).ignorable(),
  },
});

/** What a consumer is assigned. The versions differ in nothing. */
export const consumerProtocolAssignment = defineRecord({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  flexible: 'none',
  fields: {
    assignedPartitions: array(topicPartition),
    userData: bytes.nullable().default(null),
  },
});

/** So many elements all arrays of a blob may have; clients write it, and nobody else has looked at it. */
const blobElementsMax = 1_000_000;

export function blobReader(blob: Buffer): Reader {
  return new Reader(blob).limitElements(blobElementsMax);
}

/**
 * Reads a blob of either schema; throws `BrokenFrame` where there is none. Byte fields are views on the blob.
 */
export function decodeConsumerBlob<R extends AnyRecord>(schema: R, blob: Buffer): RecordOf<R> {
  const reader = blobReader(blob);
  const version = reader.int16();
  if (version < 0) throw new BrokenFrame(`a consumer protocol blob of version ${version}`);
  return recordDecoder(schema, Math.min(version, schema.versions.high))(reader);
}

export function encodeConsumerBlob<R extends AnyRecord>(
  schema: R,
  version: number,
  value: RecordInit<R>,
): Buffer {
  const writer = new Writer();
  writer.int16(version);
  recordEncoder(schema, version)(writer, value);
  return writer.finishBuffer();
}
