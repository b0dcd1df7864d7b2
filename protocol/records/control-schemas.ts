/**
 * Keys and values of control records. The key is an int16 version and the int16 type; of the value, markers
 * begin with an int16 version that is not part of the schema, and the records of a KRaft log have their
 * version as first field.
 *
 *    key   | version int16 | type int16 |
 *
 * Types: 0 abort, 1 commit, 2 leader change, 3 snapshot header, 4 snapshot footer, 5 KRaft version, 6
 * voters.
 */
import { defineRecord } from '../schema/api.ts';
import { array, int16, int32, int64, string, struct, uint16, uuid } from '../schema/field.ts';

const voter = {
  voterId: int32,
  voterDirectoryId: uuid.in('1+'),
};

/** The type in the key of a control record, after the int16 version. */
export const controlRecordTypeSchema = defineRecord({
  name: 'ControlRecordTypeSchema',
  versions: '0',
  flexible: 'none',
  fields: {
    type: int16,
  },
});

/** The value of a commit or abort marker. */
export const endTxnMarker = defineRecord({
  name: 'EndTxnMarker',
  versions: '0',
  flexible: 'none',
  fields: {
    coordinatorEpoch: int32, // a marker of an older coordinator is refused
  },
});

/** The first record of a leader in a KRaft log. v1 directory ids of voters (KIP-853). */
export const leaderChangeMessage = defineRecord({
  name: 'LeaderChangeMessage',
  versions: '0-1',
  flexible: '0+',
  fields: {
    version: int16,
    leaderId: int32,
    voters: array(voter),
    grantingVoters: array(voter),
  },
});

/** The first record of a KRaft snapshot. */
export const snapshotHeaderRecord = defineRecord({
  name: 'SnapshotHeaderRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16,
    lastContainedLogTimestamp: int64,
  },
});

/** The last record of a KRaft snapshot: without it the snapshot is not complete. */
export const snapshotFooterRecord = defineRecord({
  name: 'SnapshotFooterRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16,
  },
});

/** The level of the feature `kraft.version` (KIP-853). */
export const kraftVersionRecord = defineRecord({
  name: 'KRaftVersionRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16,
    kRaftVersion: int16,
  },
});

/** The voters of a KRaft quorum and where to reach them (KIP-853). */
export const votersRecord = defineRecord({
  name: 'VotersRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16,
    voters: array({
      voterId: int32,
      voterDirectoryId: uuid,
      endpoints: array({
        name: string,
        host: string,
        port: uint16,
      }),
      kRaftVersionFeature: struct({
        // the range that the voter supports
        minSupportedVersion: int16,
        maxSupportedVersion: int16,
      }),
    }),
  },
});
