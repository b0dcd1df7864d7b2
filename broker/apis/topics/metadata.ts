import { errors } from '../../../protocol/errors.ts';
import { metadata } from '../../../protocol/messages/topics/metadata.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { ClusterState, TopicState } from '../../metadata/cluster-state.ts';
import { isInternalTopic, topicNameProblem } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { answerEach, partsPerTurn } from '../answer-each.ts';
import { allOperations, notAsked } from '../authorized-operations.ts';
import { type Caller, defineHandler } from '../handler.ts';

type Request = RequestOf<typeof metadata>;
type Response = ResponseInit<typeof metadata>;
type TopicAnswer = NonNullable<Response['topics']>[number] & { topicAuthorizedOperations: number };

/** First version that may name topics by id. */
const topicIdVersion = 12;

/**
 * Nodes, topics, partitions. A topic that is not there is created on the way if the client and auto.create.topics.enable allow it;
 * the answer then has it already.
 */
export const metadataHandler = defineHandler(metadata, {
  versions: '0-13',
  handle(services, request, caller) {
    const { topics } = request;
    if (
      caller.apiVersion < topicIdVersion &&
      topics?.some(({ name, topicId }) => name === null || topicId !== zeroUuid)
    ) {
      return whole(request, errors.invalidRequest.code);
    }
    // In v0 an empty list means all; from v1 on null does.
    const wantsAll = topics === null || (caller.apiVersion === 0 && topics.length === 0);
    if (wantsAll) return answer(services, request, caller, everyTopic(services.cluster));
    const missing = missingNames(services, request);
    if (missing.length === 0) return answerAsked(services, request, caller, new Map());
    return services.metadata.autoCreateTopics(missing).then((results) => {
      const refusals = new Map<string, number>();
      for (const { name, errorCode } of results) {
        if (errorCode !== errors.none.code && services.cluster.topic(name) === undefined)
          refusals.set(name, errorCode);
      }
      return answerAsked(services, request, caller, refusals);
    });
  },
  refuse: (request, errorCode) => whole(request, errorCode),
});

function missingNames({ cluster, settings }: Services, request: Request): string[] {
  if (!request.allowAutoTopicCreation || !settings['auto.create.topics.enable']) return [];
  if (request.topics!.some(({ topicId }) => topicId !== zeroUuid)) return [];
  const names = request.topics!.map(({ name }) => name!);
  return [...new Set(names)].filter((name) => cluster.topic(name) === undefined);
}

function everyTopic(cluster: ClusterState): TopicAnswer[] {
  return [...cluster.topics()].map(describe);
}

/** By id when any is given, as Kafka does; each topic once. */
function answerAsked(
  services: Services,
  request: Request,
  caller: Caller,
  refusals: ReadonlyMap<string, number>,
): Response | Promise<Response> {
  const { cluster } = services;
  const byId = (id: string): TopicAnswer => {
    const topic = cluster.topicById(id);
    return topic === undefined ? refusedTopic(null, id, errors.unknownTopicId.code) : describe(topic);
  };
  const byName = (name: string | null): TopicAnswer => {
    const topic = name === null ? undefined : cluster.topic(name);
    return topic === undefined ? refusedTopic(name, zeroUuid, missingCode(name, refusals)) : describe(topic);
  };
  const ids = new Set<string>();
  for (const { topicId } of request.topics!) if (topicId !== zeroUuid) ids.add(topicId);
  const asked = ids.size > 0 ? [...ids] : [...new Set(request.topics!.map(({ name }) => name))];
  const describeOne = (ids.size > 0 ? byId : byName) as (one: string | null) => TopicAnswer;
  // Most clients ask for a few topics, and are answered at once.
  if (asked.length <= partsPerTurn) return answer(services, request, caller, asked.map(describeOne));
  return answerEach(services.environment.clock, asked, describeOne).then((topics) =>
    answer(services, request, caller, topics),
  );
}

function missingCode(name: string | null, refusals: ReadonlyMap<string, number>): number {
  if (name === null || topicNameProblem(name) !== null) return errors.invalidTopicException.code;
  return refusals.get(name) ?? errors.unknownTopicOrPartition.code;
}

function describe(topic: TopicState): TopicAnswer {
  return {
    errorCode: errors.none.code,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    topicAuthorizedOperations: notAsked,
    partitions: topic.partitions.map((partition) => ({
      errorCode: partition.leader < 0 ? errors.leaderNotAvailable.code : errors.none.code,
      partitionIndex: partition.index,
      leaderId: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.isr,
      offlineReplicas: [],
    })),
  };
}

function refusedTopic(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  const isInternal = name !== null && isInternalTopic(name);
  return { errorCode, name, topicId, isInternal, topicAuthorizedOperations: notAsked, partitions: [] };
}

function answer(services: Services, request: Request, caller: Caller, topics: TopicAnswer[]): Response {
  const { cluster, advertised, settings } = services;
  const { host, port } = advertised.endpointFor(caller);
  const topicAuthorizedOperations = request.includeTopicAuthorizedOperations ? allOperations.topic : notAsked;
  // A topic id that is not known has no topic to ask about.
  for (const topic of topics)
    if (topic.errorCode !== errors.unknownTopicId.code)
      topic.topicAuthorizedOperations = topicAuthorizedOperations;
  return {
    throttleTimeMs: 0,
    brokers: [{ nodeId: cluster.nodeId, host, port, rack: settings['broker.rack'] }],
    clusterId: cluster.clusterId,
    controllerId: cluster.nodeId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? allOperations.cluster
      : notAsked,
    errorCode: errors.none.code,
  };
}

/** A failure of the whole request: said at each topic, because only v13 has a place for it. */
function whole(request: Request, errorCode: number): Response {
  const topics = (request.topics ?? []).map(({ name, topicId }) => ({
    ...refusedTopic(name ?? '', topicId, errorCode),
    isInternal: false,
  }));
  return { throttleTimeMs: 0, brokers: [], clusterId: null, controllerId: -1, topics, errorCode };
}
