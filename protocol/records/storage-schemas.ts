/**
 * Schemas of bytes that Kafka keeps in files of their own: entries of a transaction index, of a producer
 * snapshot, and the quorum-state file, which is this schema as JSON. The files are drawn where they are read
 * and written.
 */
import { defineRecord } from '../schema/api.ts';
import { array, int16, int32, int64, string, uint32, uuid } from '../schema/field.ts';

/** An entry of a transaction index, after its int16 version. */
export const abortedTxn = defineRecord({
  name: 'AbortedTxn',
  versions: '0',
  flexible: 'none',
  fields: {
    producerId: int64,
    firstOffset: int64,
    lastOffset: int64,
    lastStableOffset: int64,
  },
});

/** A producer snapshot, after its int16 version. */
export const producerSnapshot = defineRecord({
  name: 'ProducerSnapshot',
  versions: '1',
  flexible: 'none',
  fields: {
    crc: uint32,
    producerEntries: array({
      producerId: int64,
      epoch: int16,
      lastSequence: int32,
      lastOffset: int64,
      offsetDelta: int32,
      timestamp: int64,
      coordinatorEpoch: int32,
      currentTxnFirstOffset: int64,
    }),
  },
});

/**
 * The quorum-state file. v1 directory id of the candidate voted for (KIP-853), without the fields that
 * follow from the log.
 */
export const quorumStateData = defineRecord({
  name: 'QuorumStateData',
  versions: '0-1',
  flexible: '0+',
  fields: {
    clusterId: string.in('0'),
    leaderId: int32.default(-1),
    leaderEpoch: int32.default(-1),
    votedId: int32.default(-1),
    votedDirectoryId: uuid.in('1+'),
    appliedOffset: int64.in('0'),
    currentVoters: array({
      voterId: int32,
    })
      .nullable()
      .in('0'),
  },
});
