import { errors } from '../../../protocol/errors.ts';
import { alterPartitionReassignments } from '../../../protocol/messages/topics/alter-partition-reassignments.ts';
import type { ClusterState } from '../../metadata/cluster-state.ts';
import { defineHandler } from '../handler.ts';

/** In a cluster of one the only assignment is the one in force: it is accepted, every other names brokers that are not there. */
export const alterPartitionReassignmentsHandler = defineHandler(alterPartitionReassignments, {
  versions: '0-1',
  handle: ({ cluster }, request) => ({
    throttleTimeMs: 0,
    allowReplicationFactorChange: request.topics.length === 0 || request.allowReplicationFactorChange,
    errorCode: errors.none.code,
    // Where nothing is asked for, Kafka's answer holds its defaults.
    errorMessage: request.topics.length === 0 ? '' : null,
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => ({
        partitionIndex,
        ...reassign(cluster, name, partitionIndex, replicas),
      })),
    })),
  }),
  refuse: (_request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    responses: [],
  }),
});

function reassign(cluster: ClusterState, topic: string, index: number, replicas: readonly number[] | null) {
  const answer = ({ code }: { code: number }, errorMessage: string | null) => ({
    errorCode: code,
    errorMessage,
  });
  const state = cluster.topic(topic);
  if (state === undefined)
    return answer(errors.unknownTopicOrPartition, `Unable to find a topic named ${topic}.`);
  if (state.partitions[index] === undefined) {
    return answer(errors.unknownTopicOrPartition, `Unable to find partition ${topic}:${index}.`);
  }
  if (replicas === null) return answer(errors.noReassignmentInProgress, null);
  if (replicas.length === 0)
    return answer(errors.invalidReplicaAssignment, 'The assignment has no replicas.');
  if (new Set(replicas).size < replicas.length) {
    return answer(
      errors.invalidReplicaAssignment,
      `The assignment names a broker twice: ${replicas.join(', ')}.`,
    );
  }
  const stranger = replicas.find((replica) => replica !== cluster.nodeId);
  if (stranger !== undefined) {
    return answer(
      errors.invalidReplicaAssignment,
      `The assignment names broker ${stranger}, which is not registered.`,
    );
  }
  return answer(errors.none, null);
}
