import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, int64, string, struct, uint16 } from '../../schema/field.ts';

const keyValue = {
  key: string,
  value: string,
};

const endpoint = {
  host: string,
  port: uint16,
};

const topicPartition = {
  topic: string,
  partitions: array(int32),
};

const taskIds = {
  subtopologyId: string,
  partitions: array(int32),
};

const taskOffset = {
  subtopologyId: string,
  partition: int32,
  offset: int64,
};

const topicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
};

/**
 * Joins, keeps and leaves a streams group (KIP-1071). A null field means that nothing changed. v1 recovery
 * lag as int64, and the broker may ask for a description of the topology (KIP-1331).
 */
export const streamsGroupHeartbeat = defineApi({
  key: 88,
  name: 'StreamsGroupHeartbeat',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32, // 0 joins, -1 leaves, -2 a static member leaves for a while
    endpointInformationEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    topology: struct({
      epoch: int32,
      subtopologies: array({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array({
          sourceTopics: array(int16),
          sourceTopicRegex: array(int16),
          repartitionSourceTopics: array(int16),
        }),
      }),
    })
      .nullable()
      .default(null),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    processId: string.nullable().default(null),
    userEndpoint: struct(endpoint).nullable().default(null),
    clientTags: array(keyValue).nullable().default(null),
    taskOffsets: array(taskOffset).nullable().default(null),
    taskEndOffsets: array(taskOffset).nullable().default(null),
    shutdownApplication: boolean,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLagLegacy: int32.in('0'),
    taskOffsetIntervalMs: int32,
    acceptableRecoveryLag: int64.in('1+').default(-1).ignorable(),
    status: array({
      statusCode: int8,
      statusDetail: string,
    }).nullable(),
    activeTasks: array(taskIds).nullable().default(null),
    standbyTasks: array(taskIds).nullable().default(null),
    warmupTasks: array(taskIds).nullable().default(null),
    topologyDescriptionRequired: boolean.in('1+'),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: array({
      userEndpoint: struct(endpoint),
      activePartitions: array(topicPartition),
      standbyPartitions: array(topicPartition),
    })
      .nullable()
      .default(null),
  },
});
