import { errors } from '../../../protocol/errors.ts';
import { electLeaders } from '../../../protocol/messages/topics/elect-leaders.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import type { ClusterState } from '../../metadata/cluster-state.ts';
import { defineHandler } from '../handler.ts';

/** ElectionType: preferred and unclean. */
const isElectionType = (code: number): boolean => code === 0 || code === 1;

/** Before this version an error is said of partitions alone. */
const wholeErrorVersion = 1;

/** In a cluster of one every partition has its preferred leader already. */
export const electLeadersHandler = defineHandler(electLeaders, {
  versions: '0-2',
  handle({ cluster }, request, caller) {
    // v0 has no election type: it means preferred. Where nothing is asked for, Kafka does not look at it either.
    const isNothing = request.topicPartitions?.length === 0;
    if (caller.apiVersion > 0 && !isElectionType(request.electionType) && !isNothing)
      return refusal(request, errors.invalidRequest.code, `Unknown election type ${request.electionType}`);
    // Asked about all, Kafka leaves out the partitions that need no election.
    const asked =
      request.topicPartitions ?? [...cluster.topics()].map(({ name }) => ({ topic: name, partitions: [] }));
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      replicaElectionResults: asked.map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => elect(cluster, topic, partitionId)),
      })),
    };
  },
  refuse: (request, errorCode, errorMessage, apiVersion) => ({
    ...refusal(request, errorCode, errorMessage),
    errorCode: apiVersion >= wholeErrorVersion ? errorCode : errors.none.code,
  }),
});

function elect(cluster: ClusterState, topic: string, partitionId: number) {
  const state = cluster.topic(topic);
  if (state?.partitions[partitionId] !== undefined) {
    return {
      partitionId,
      errorCode: errors.electionNotNeeded.code,
      errorMessage: errors.electionNotNeeded.message,
    };
  }
  const what =
    state === undefined ? `No such topic as ${topic}` : `No such partition as ${topic}-${partitionId}`;
  return { partitionId, errorCode: errors.unknownTopicOrPartition.code, errorMessage: what };
}

/** Said of the whole and of every partition asked for, as Kafka does. */
function refusal(
  { topicPartitions }: RequestOf<typeof electLeaders>,
  errorCode: number,
  errorMessage: string | null,
) {
  return {
    throttleTimeMs: 0,
    errorCode,
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage })),
    })),
  };
}
