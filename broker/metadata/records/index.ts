/**
 * The records of `__cluster_metadata`. They have no keys; a value is
 *
 *    | frame uvarint = 1 | record type uvarint | version uvarint | fields of that version |
 *
 * The frame version would tell another arrangement of these three; there is only one.
 */
import type { AnyRecord, RecordInit, RecordOf } from '../../../protocol/schema/api.ts';
import { recordDecoder, recordEncoder } from '../../../protocol/schema/compile.ts';
import { includes } from '../../../protocol/schema/versions.ts';
import { BrokenFrame, Reader } from '../../../protocol/wire/reader.ts';
import { Writer } from '../../../protocol/wire/writer.ts';
import { accessControlEntryRecord, removeAccessControlEntryRecord } from './acls.ts';
import {
  brokerRegistrationChangeRecord,
  fenceBrokerRecord,
  registerBrokerRecord,
  unfenceBrokerRecord,
  unregisterBrokerRecord,
} from './brokers.ts';
import { clientQuotaRecord } from './client-quotas.ts';
import { configRecord } from './configs.ts';
import { registerControllerRecord, unregisterControllerRecord } from './controllers.ts';
import { delegationTokenRecord, removeDelegationTokenRecord } from './delegation-tokens.ts';
import { featureLevelRecord, zkMigrationStateRecord } from './features.ts';
import {
  abortTransactionRecord,
  beginTransactionRecord,
  endTransactionRecord,
  noOpRecord,
} from './metadata-transactions.ts';
import { producerIdsRecord } from './producer-ids.ts';
import { removeUserScramCredentialRecord, userScramCredentialRecord } from './scram.ts';
import {
  clearElrRecord,
  partitionChangeRecord,
  partitionRecord,
  removeTopicRecord,
  topicRecord,
} from './topics.ts';

export const metadataRecords = {
  registerBrokerRecord,
  unregisterBrokerRecord,
  topicRecord,
  partitionRecord,
  configRecord,
  partitionChangeRecord,
  fenceBrokerRecord,
  unfenceBrokerRecord,
  removeTopicRecord,
  delegationTokenRecord,
  userScramCredentialRecord,
  featureLevelRecord,
  clientQuotaRecord,
  producerIdsRecord,
  brokerRegistrationChangeRecord,
  accessControlEntryRecord,
  removeAccessControlEntryRecord,
  noOpRecord,
  zkMigrationStateRecord,
  removeUserScramCredentialRecord,
  beginTransactionRecord,
  endTransactionRecord,
  abortTransactionRecord,
  removeDelegationTokenRecord,
  registerControllerRecord,
  clearElrRecord,
  unregisterControllerRecord,
} as const;

type Records = typeof metadataRecords;

/** A decoded record: a `switch` on `kind` tells its fields. Byte fields are views on the value. */
export type MetadataRecord = {
  [Kind in keyof Records]: {
    readonly kind: Kind;
    readonly version: number;
    readonly record: RecordOf<Records[Kind]>;
  };
}[keyof Records];

const frameVersion = 1;

const kinds: { kind: string; schema: AnyRecord }[] = [];
for (const [kind, schema] of Object.entries(metadataRecords)) kinds[schema.type!] = { kind, schema };

export function encodeMetadataRecord<R extends AnyRecord>(
  schema: R,
  version: number,
  record: RecordInit<R>,
): Buffer {
  const writer = new Writer();
  writer.uvarint(frameVersion);
  writer.uvarint(schema.type!);
  writer.uvarint(version);
  recordEncoder(schema, version)(writer, record);
  return writer.finishBuffer();
}

/**
 * Decodes a value of the metadata log. Unlike a coordinator's record, one that is not known cannot be passed
 * over: the state would be wrong, so this throws `BrokenFrame` as for bytes that are no record.
 */
export function decodeMetadataRecord(value: Buffer): MetadataRecord {
  const reader = new Reader(value);
  const frame = reader.uvarint();
  if (frame !== frameVersion) throw new BrokenFrame(`a metadata record in frame version ${frame}`);
  const type = reader.uvarint();
  const version = reader.uvarint();
  const found = kinds[type];
  if (found === undefined || !includes(found.schema.versions, version))
    throw new BrokenFrame(`a metadata record of type ${type}, version ${version}`);
  return {
    kind: found.kind,
    version,
    record: recordDecoder(found.schema, version)(reader),
  } as MetadataRecord;
}

/** A record that outlives the buffer it was decoded from, with what its own version holds. */
export function copyOf<Record extends MetadataRecord>(entry: Record): Record {
  return decodeMetadataRecord(encodeAgain(entry)) as Record;
}

/** The value that a record was decoded from, in a buffer of its own; tags of a later Kafka are lost, as in Kafka's own snapshots. */
export function encodeAgain({ kind, version, record }: MetadataRecord): Buffer {
  return encodeMetadataRecord<AnyRecord>(metadataRecords[kind], version, record);
}
