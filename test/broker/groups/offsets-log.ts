/** Records of `__consumer_offsets` as any broker may have written them. */
import { decodeGroupRecord, groupRecords } from '../../../broker/groups/records/index.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { encodeKey, encodeValue } from '../../../protocol/records/coordinator-records.ts';
import { coordinatorPartition } from '../../../protocol/records/java-hash.ts';
import { readRecords } from '../../../protocol/records/record.ts';
import { rawBatches } from '../../compaction/consumer.ts';
import type { World } from '../world.ts';

export function shardPartition(world: World, groupId: string): Partition {
  return world.partitions.get('__consumer_offsets', coordinatorPartition(groupId, 50))!;
}

/** Kind, key, and the version of the value, null for a tombstone. */
export type WrittenRecord = [
  kind: keyof typeof groupRecords,
  key: object,
  version: number | null,
  value?: object,
];

export function writeRecord(
  world: World,
  groupId: string,
  ...[kind, key, version, value = {}]: WrittenRecord
): void {
  const schema = groupRecords[kind] as (typeof groupRecords)['offsetCommit'];
  const record = {
    timestampMs: 1,
    key: encodeKey(schema.key, key as never),
    value: version === null ? null : encodeValue(schema.value, version, value as never),
  };
  shardPartition(world, groupId).append(buildBatch({ records: [record] }), { origin: 'coordinator' });
}

/** What is in its log from an offset on: each kind, and whether it is a tombstone. */
export function recordsFrom(world: World, groupId: string, offset: number): string[] {
  return rawBatches(shardPartition(world, groupId).log)
    .flatMap((bytes) => readRecords(bytes, 0))
    .filter((record) => record.offset >= offset)
    .map(({ key, value }) => `${decodeGroupRecord(key!, value).kind}${value === null ? ' goes' : ''}`);
}
