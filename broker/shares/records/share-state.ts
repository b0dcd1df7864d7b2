/**
 * What `__share_group_state` holds (KIP-932): per group and partition a snapshot of the delivery state, and
 * updates that apply to the snapshot of the same epoch.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int8, int16, int32, int64, string, uuid } from '../../../protocol/schema/field.ts';

const stateBatch = {
  firstOffset: int64,
  lastOffset: int64,
  deliveryState: int8,
  deliveryCount: int16,
};

/** The key of a snapshot. */
export const shareSnapshotKey = defineRecord({
  name: 'ShareSnapshotKey',
  type: 0,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
});

/** The whole delivery state of a share partition. */
export const shareSnapshotValue = defineRecord({
  name: 'ShareSnapshotValue',
  type: 0,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: int32,
    stateEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: int32.tag(0).default(-1), // -1: not known
    createTimestamp: int64,
    writeTimestamp: int64,
    stateBatches: array(stateBatch),
  },
});

/** The key of an update. */
export const shareUpdateKey = defineRecord({
  name: 'ShareUpdateKey',
  type: 1,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
});

/** What changed since the snapshot of that epoch. */
export const shareUpdateValue = defineRecord({
  name: 'ShareUpdateValue',
  type: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: int32.tag(0).default(-1), // -1: not known
    stateBatches: array(stateBatch),
  },
});
