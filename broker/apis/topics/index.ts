/** The handlers of topics, partitions and the directories they lie in. */
import { alterPartitionReassignmentsHandler } from './alter-partition-reassignments.ts';
import { alterReplicaLogDirsHandler } from './alter-replica-log-dirs.ts';
import { createPartitionsHandler } from './create-partitions.ts';
import { createTopicsHandler } from './create-topics.ts';
import { deleteTopicsHandler } from './delete-topics.ts';
import { describeLogDirsHandler } from './describe-log-dirs.ts';
import { describeTopicPartitionsHandler } from './describe-topic-partitions.ts';
import { electLeadersHandler } from './elect-leaders.ts';
import { listPartitionReassignmentsHandler } from './list-partition-reassignments.ts';
import { metadataHandler } from './metadata.ts';

export const topicHandlers = {
  metadata: metadataHandler,
  createTopics: createTopicsHandler,
  deleteTopics: deleteTopicsHandler,
  createPartitions: createPartitionsHandler,
  describeTopicPartitions: describeTopicPartitionsHandler,
  electLeaders: electLeadersHandler,
  alterPartitionReassignments: alterPartitionReassignmentsHandler,
  listPartitionReassignments: listPartitionReassignmentsHandler,
  describeLogDirs: describeLogDirsHandler,
  alterReplicaLogDirs: alterReplicaLogDirsHandler,
};
