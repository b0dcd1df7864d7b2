/**
 * What of an answer is compared. Some of it differs between two brokers by nature: ids that each gives out itself become names in order
 * of their first appearance, so that the same id in two answers is still the same; addresses, times of now and wordings become a
 * word; records are shown batch by batch, without the checksum, because a producer id is under it.
 */
import * as batch from '../../../protocol/records/batch.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Fields with ids that a broker makes, and the kind of name they get. */
const idKinds: Readonly<Record<string, string>> = {
  topicId: 'topic',
  memberId: 'member',
  leader: 'member',
  producerId: 'producer',
  sessionId: 'session',
  clusterId: 'cluster',
  replicaDirectoryId: 'directory',
};

/** How long a client should wait, how full the disk is, how far the cluster's own log is: not of the answer's meaning. */
const ignored = new Set(['throttleTimeMs', 'totalBytes', 'usableBytes', 'finalizedFeaturesEpoch']);

/** Sentences for people. That there is one matters, not how it reads. */
const worded = new Set(['errorMessage', 'batchIndexErrorMessage']);

const placed: Readonly<Record<string, string>> = { host: 'host', port: 'port', logDir: 'directory' };

/** Whatever is later than this is a time of now: the records that scenarios write are older. */
const now = 1_720_000_000_000;

/** Ids that one broker gave, by kind, in order of appearance. */
export class Names {
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  nameOf(kind: string, id: string | number): string {
    const key = `${kind} ${id}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      this.#names.set(key, (name = `${kind} #${count}`));
    }
    return name;
  }
}

/** What stands where there is none. The first producer has the id 0. */
const isNoId = (field: string, value: unknown): boolean =>
  value === null ||
  value === '' ||
  value === -1 ||
  value === zeroUuid ||
  (value === 0 && field !== 'producerId');

export function normalise(value: unknown, names: Names, field = ''): Json {
  const kind = idKinds[field];
  if (kind !== undefined && !isNoId(field, value)) return names.nameOf(kind, value as string);
  if (placed[field] !== undefined && !isNoId(field, value)) return placed[field];
  if (worded.has(field)) return value === null || value === '' ? value : 'words';
  if (Buffer.isBuffer(value)) return field === 'records' ? batchesOf(value, names) : value.toString('hex');
  if (Array.isArray(value)) return value.map((one) => normalise(one, names, field));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => !ignored.has(name))
        .map(([name, inner]) => [name, normalise(inner, names, name)]),
    );
  if (typeof value === 'number') return value > now ? 'now' : value;
  return value === undefined ? null : (value as Json);
}

function batchesOf(records: Buffer, names: Names): Json {
  const batches: Json[] = [];
  const end = batch.forEachBatch(records, 0, records.length, (position) => {
    if (batch.magic(records, position) !== batch.magicV2) {
      batches.push(`message set ${records.subarray(position).toString('hex')}`);
      return;
    }
    batches.push(batchOf(records, position, names));
  });
  if (end < records.length) batches.push(`${records.length - end} bytes of a batch`);
  return batches;
}

function batchOf(records: Buffer, position: number, names: Names): Json {
  const text = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString('latin1'));
  return {
    baseOffset: batch.baseOffset(records, position),
    bytes: batch.batchSizeInBytes(records, position),
    leaderEpoch: batch.partitionLeaderEpoch(records, position),
    attributes: batch.attributes(records, position),
    lastOffsetDelta: batch.lastOffsetDelta(records, position),
    maxTimestamp: normalise(batch.maxTimestamp(records, position), names),
    producerId: normalise(batch.producerId(records, position), names, 'producerId'),
    producerEpoch: batch.producerEpoch(records, position),
    baseSequence: batch.baseSequence(records, position),
    records: readRecords(records, position).map(
      ({ offset, timestamp, key, value }) =>
        `${offset} ${normalise(timestamp, names)} ${text(key)}=${text(value)}`,
    ),
  };
}

/** Orders a list by one of its fields, where Kafka's order is that of a hash map and means nothing. */
export function sortedBy<T>(list: readonly T[], key: (one: T) => string | number): T[] {
  return [...list].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
