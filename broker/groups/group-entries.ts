/**
 * The entries of `__consumer_offsets` as the group machine sees them, and their form on disk. Offset commits are written at value
 * version 4 (1 when the client asked for a retention of its own), group metadata at 3, as Kafka writes them; every version is read.
 */

import { encodeKey, encodeValue } from '../../protocol/records/coordinator-records.ts';
import type { RecordOf } from '../../protocol/schema/api.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { EntryCodec } from '../journal/state-machine.ts';
import { groupMetadataKey, groupMetadataValue } from './records/classic-group.ts';
import { decodeGroupRecord } from './records/index.ts';
import { offsetCommitKey, offsetCommitValue } from './records/offsets.ts';

export interface CommittedOffset {
  readonly offset: number;
  /** -1: the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** -1: kept as long as the group keeps offsets. */
  readonly expireTimestampMs: number;
  /** Zero where the commit did not know the topic's id. */
  readonly topicId: string;
}

export type GroupMetadata = RecordOf<typeof groupMetadataValue>;

/** Groups that are kept and listed but not served yet. */
const otherGroupTypes = ['consumer', 'share', 'streams'] as const;
export type OtherGroupType = (typeof otherGroupTypes)[number];

export type GroupEntry =
  | {
      readonly kind: 'offset';
      readonly groupId: string;
      readonly topic: string;
      readonly partition: number;
      /** Null: deleted. */
      readonly value: CommittedOffset | null;
    }
  | { readonly kind: 'group'; readonly groupId: string; readonly value: GroupMetadata | null }
  | OtherEntry;

/** A record of a group that is not served yet. Only its tombstone is ever written here. */
export interface OtherEntry {
  readonly kind: 'other';
  readonly type: OtherGroupType;
  readonly part: 'group' | 'member' | 'detail';
  readonly groupId: string;
  /** Of a member's record; else empty. */
  readonly memberId: string;
  /** The record's key as it is. */
  readonly key: Buffer;
  readonly isDeleted: boolean;
}

const commitVersion = { withExpiry: 1, current: 4 } as const;
const groupVersion = 3;

export const groupEntryCodec: EntryCodec<GroupEntry> = {
  encode(entry) {
    switch (entry.kind) {
      case 'offset': {
        const key = encodeKey(offsetCommitKey, {
          group: entry.groupId,
          topic: entry.topic,
          partition: entry.partition,
        });
        return { key, value: entry.value === null ? null : encodeOffset(entry.value) };
      }
      case 'group':
        return {
          key: encodeKey(groupMetadataKey, { group: entry.groupId }),
          value: entry.value === null ? null : encodeValue(groupMetadataValue, groupVersion, entry.value),
        };
      default:
        if (!entry.isDeleted) throw new Error(`entries of ${entry.type} groups are read only`);
        return { key: entry.key, value: null };
    }
  },
  decode: (key, value) => (key === null ? null : decode(key, value)),
};

function encodeOffset(value: CommittedOffset): Buffer {
  const version = value.expireTimestampMs === -1 ? commitVersion.current : commitVersion.withExpiry;
  return encodeValue(offsetCommitValue, version, {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestamp: value.commitTimestampMs,
    expireTimestamp: value.expireTimestampMs,
    topicId: value.topicId,
  });
}

function decode(keyBytes: Buffer, valueBytes: Buffer | null): GroupEntry | null {
  const record = decodeGroupRecord(keyBytes, valueBytes);
  switch (record.kind) {
    case 'offsetCommit':
    case 'legacyOffsetCommit': {
      const { group: groupId, topic, partition } = record.key;
      return {
        kind: 'offset',
        groupId,
        topic,
        partition,
        value: record.value === null ? null : committed(record.value),
      };
    }
    case 'groupMetadata':
      return { kind: 'group', groupId: record.key.group, value: record.value };
    case 'unknown':
      return null;
    case 'consumerGroupMetadata':
    case 'shareGroupMetadata':
    case 'streamsGroupMetadata':
      return { ...otherEntry(record, keyBytes), part: 'group' };
    case 'consumerGroupMemberMetadata':
    case 'shareGroupMemberMetadata':
    case 'streamsGroupMemberMetadata':
      return { ...otherEntry(record, keyBytes), part: 'member', memberId: record.key.memberId };
    default:
      return otherEntry(record, keyBytes);
  }
}

function otherEntry(
  record: { readonly kind: string; readonly key: { readonly groupId: string }; readonly value: unknown },
  keyBytes: Buffer,
): OtherEntry {
  return {
    kind: 'other',
    type: otherGroupTypes.find((type) => record.kind.startsWith(type))!,
    part: 'detail',
    groupId: record.key.groupId,
    memberId: '',
    key: Buffer.from(keyBytes),
    isDeleted: record.value === null,
  };
}

function committed(value: {
  readonly offset: number;
  readonly leaderEpoch?: number;
  readonly metadata: string;
  readonly commitTimestamp: number;
  readonly expireTimestamp?: number;
  readonly topicId?: string;
}): CommittedOffset {
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch ?? -1,
    metadata: value.metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp ?? -1,
    topicId: value.topicId ?? zeroUuid,
  };
}
