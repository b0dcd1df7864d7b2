/**
 * A streams group (KIP-1071) in `__consumer_offsets`: as a consumer group, but tasks of subtopologies are
 * assigned instead of partitions, and the topology is part of the group.
 */
import { defineRecord } from '../../../protocol/schema/api.ts';
import { array, int8, int16, int32, int64, string, struct, uint16 } from '../../../protocol/schema/field.ts';

const keyValue = {
  key: string,
  value: string,
};

const taskIds = {
  subtopologyId: string,
  partitions: array(int32),
};

const ownedTaskIds = {
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tag(0),
};

const topicInfo = {
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
};

/** The key of a streams group. */
export const streamsGroupMetadataKey = defineRecord({
  name: 'StreamsGroupMetadataKey',
  type: 17,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const streamsGroupMetadataValue = defineRecord({
  name: 'StreamsGroupMetadataValue',
  type: 17,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32,
    metadataHash: int64,
    validatedTopologyEpoch: int32.tag(0).default(-1),
    lastAssignmentConfigs: array(keyValue).nullable().tag(1),
    storedDescriptionTopologyEpoch: int32.tag(2).default(-1),
    failedDescriptionTopologyEpoch: int32.tag(3).default(-1),
  },
});

/** The key of a member. */
export const streamsGroupMemberMetadataKey = defineRecord({
  name: 'StreamsGroupMemberMetadataKey',
  type: 19,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const streamsGroupMemberMetadataValue = defineRecord({
  name: 'StreamsGroupMemberMetadataValue',
  type: 19,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    rebalanceTimeoutMs: int32.default(-1),
    topologyEpoch: int32,
    processId: string,
    userEndpoint: struct({
      host: string,
      port: uint16,
    })
      .nullable()
      .default(null),
    clientTags: array(keyValue),
  },
});

/** The key of the target assignment's epoch. */
export const streamsGroupTargetAssignmentMetadataKey = defineRecord({
  name: 'StreamsGroupTargetAssignmentMetadataKey',
  type: 20,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const streamsGroupTargetAssignmentMetadataValue = defineRecord({
  name: 'StreamsGroupTargetAssignmentMetadataValue',
  type: 20,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tag(0), // milliseconds; 0: not known
  },
});

/** The key of a member's target tasks. */
export const streamsGroupTargetAssignmentMemberKey = defineRecord({
  name: 'StreamsGroupTargetAssignmentMemberKey',
  type: 21,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const streamsGroupTargetAssignmentMemberValue = defineRecord({
  name: 'StreamsGroupTargetAssignmentMemberValue',
  type: 21,
  versions: '0',
  flexible: '0+',
  fields: {
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
  },
});

/** The key of a member's current tasks. */
export const streamsGroupCurrentMemberAssignmentKey = defineRecord({
  name: 'StreamsGroupCurrentMemberAssignmentKey',
  type: 22,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
    memberId: string,
  },
});

export const streamsGroupCurrentMemberAssignmentValue = defineRecord({
  name: 'StreamsGroupCurrentMemberAssignmentValue',
  type: 22,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(ownedTaskIds),
    standbyTasks: array(ownedTaskIds),
    warmupTasks: array(ownedTaskIds),
    activeTasksPendingRevocation: array(ownedTaskIds),
    standbyTasksPendingRevocation: array(ownedTaskIds),
    warmupTasksPendingRevocation: array(ownedTaskIds),
  },
});

/** The key of a group's topology. */
export const streamsGroupTopologyKey = defineRecord({
  name: 'StreamsGroupTopologyKey',
  type: 23,
  versions: '0',
  flexible: 'none',
  fields: {
    groupId: string,
  },
});

export const streamsGroupTopologyValue = defineRecord({
  name: 'StreamsGroupTopologyValue',
  type: 23,
  versions: '0',
  flexible: '0+',
  fields: {
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
  },
});
