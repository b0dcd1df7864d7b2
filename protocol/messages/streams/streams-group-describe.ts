import { defineApi } from '../../schema/api.ts';
import { array, boolean, int8, int16, int32, int64, string, struct, uint16 } from '../../schema/field.ts';

const keyValue = {
  key: string,
  value: string,
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

const topologyDescriptionNode = {
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: string.nullable().default(null),
  stores: array(string),
  successors: array(string),
};

const assignment = {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
};

/** Describes streams groups (KIP-1071). v1 the topology's description (KIP-1331). */
export const streamsGroupDescribe = defineApi({
  key: 89,
  name: 'StreamsGroupDescribe',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
    includeTopologyDescription: boolean.in('1+'),
  },
  response: {
    throttleTimeMs: int32.default(0),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      topology: struct({
        epoch: int32,
        subtopologies: array({
          subtopologyId: string,
          sourceTopics: array(string),
          repartitionSinkTopics: array(string),
          stateChangelogTopics: array(topicInfo),
          repartitionSourceTopics: array(topicInfo),
        })
          .nullable()
          .default(null),
      })
        .nullable()
        .default(null),
      members: array({
        memberId: string,
        memberEpoch: int32,
        instanceId: string.nullable().default(null),
        rackId: string.nullable().default(null),
        clientId: string,
        clientHost: string,
        topologyEpoch: int32,
        processId: string,
        userEndpoint: struct({
          host: string,
          port: uint16,
        })
          .nullable()
          .default(null),
        clientTags: array(keyValue),
        taskOffsets: array(taskOffset),
        taskEndOffsets: array(taskOffset),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        isClassic: boolean,
      }),
      authorizedOperations: int32.default(-0x80000000),
      topologyDescription: struct({
        subtopologies: array({
          subtopologyId: string,
          nodes: array(topologyDescriptionNode),
        }),
        globalStores: array({
          source: struct(topologyDescriptionNode),
          processor: struct(topologyDescriptionNode),
        }),
      })
        .nullable()
        .in('1+')
        .default(null),
      topologyDescriptionStatus: int8.in('1+'),
      assignorName: string.nullable().in('1+').default(null).ignorable(),
    }),
  },
});
