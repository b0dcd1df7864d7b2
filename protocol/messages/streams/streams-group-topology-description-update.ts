import { defineApi } from '../../schema/api.ts';
import { array, int8, int16, int32, string, struct } from '../../schema/field.ts';

const topologyDescriptionNode = {
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: string.nullable().default(null),
  stores: array(string),
  successors: array(string),
};

/** Hands the broker a description of a streams topology for people to look at (KIP-1331). */
export const streamsGroupTopologyDescriptionUpdate = defineApi({
  key: 93,
  name: 'StreamsGroupTopologyDescriptionUpdate',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string,
    memberId: string,
    topologyEpoch: int32,
    topologyDescription: struct({
      subtopologies: array({
        subtopologyId: string,
        nodes: array(topologyDescriptionNode),
      }),
      globalStores: array({
        source: struct(topologyDescriptionNode),
        processor: struct(topologyDescriptionNode),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
  },
});
