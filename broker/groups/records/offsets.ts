/**
 * Committed offsets in `__consumer_offsets`: one record per group, topic and partition, the newest of which
 * counts. Record type 0 is what brokers before 0.9 wrote; both types are read, type 1 is written. In Kafka's
 * documents the pair is one key with versions 0 and 1.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { int32, int64, string, uuid } from '../../../protocol/schema/field.ts';

/** The key of an offset that a broker before 0.9 committed. */
export const legacyOffsetCommitKey = defineRecord({
  name: 'LegacyOffsetCommitKey',
  type: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    group: string,
    topic: string,
    partition: int32,
  },
});

export const legacyOffsetCommitValue = defineRecord({
  name: 'LegacyOffsetCommitValue',
  type: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    offset: int64,
    metadata: string,
    commitTimestamp: int64,
  },
});

/** The key of a committed offset. */
export const offsetCommitKey = defineRecord({
  name: 'OffsetCommitKey',
  type: 1,
  versions: '0',
  flexible: 'none',
  fields: {
    group: string,
    topic: string,
    partition: int32,
  },
});

/**
 * A committed offset. v1 expiry of its own, v2 without it (retention is the group's), v3 leader epoch
 * (KIP-320), v4 flexible, topic id.
 */
export const offsetCommitValue = defineRecord({
  name: 'OffsetCommitValue',
  type: 1,
  versions: '0-4',
  flexible: '4+',
  fields: {
    offset: int64,
    leaderEpoch: int32.in('3+').default(-1).ignorable(),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: int64.in('1').default(-1).ignorable(), // -1: as long as the group keeps offsets
    topicId: uuid.tag(0, '4+').ignorable(),
  },
});
