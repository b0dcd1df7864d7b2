import { ApiError, errors } from '../../../protocol/errors.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { outsideClock, turn } from '../../../storage/environment/clock.ts';
import {
  type FetchBudget,
  type FetchedPartition,
  type FetchLimits,
  type FetchTarget,
  fetchPartition,
  isMissing,
  missingLast,
  newBudget,
  reachPartition,
  refused,
  releaseFetched,
} from '../../partitions/fetch-read.ts';
import type { FetchContext } from '../../partitions/fetch-sessions.ts';
import { partitionsPerTurn, waitForBytes } from '../../partitions/waiting-fetches.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler } from '../handler.ts';

type Request = RequestOf<typeof fetch>;
type Response = ResponseInit<typeof fetch>;

/** Versions from which topics are named by id (KIP-516). */
const topicIdVersion = 13;
/** From this version on a client that is at the wrong place hears where the right one is (KIP-951). */
const leaderVersion = 16;
/** Up to this version clients do not know KAFKA_STORAGE_ERROR and would not try again. */
const noStorageErrorVersion = 5;

/** Reads records, waiting for them up to maxWaitMs (long poll). */
export const fetchHandler = defineHandler(fetch, {
  versions: '4-18',
  handle(services, request, caller) {
    if (!isIsolationLevel(request.isolationLevel))
      throw new ApiError(errors.invalidRequest, `Unknown isolation level ${request.isolationLevel}`);
    const byTopicId = caller.apiVersion >= topicIdVersion;
    const context = services.fetchSessions.begin({
      sessionId: request.sessionId,
      sessionEpoch: request.sessionEpoch,
      byTopicId,
      targets: targetsOf(request),
      forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
        partitions.map((partition) => ({ topic, topicId, partition })),
      ),
    });
    if ('errorCode' in context)
      return { errorCode: context.errorCode, sessionId: 0, throttleTimeMs: 0, responses: [] };
    caller.connection.latestFetch = context.targets;
    const maxBytes = Math.min(request.maxBytes, services.settings['fetch.max.bytes']);
    const job: FetchJob = {
      services,
      caller,
      context,
      limits: { maxBytes, isReadCommitted: request.isolationLevel === 1, byTopicId },
      minBytes: Math.min(request.minBytes, maxBytes),
      maxWaitMs: request.maxWaitMs,
      isFromReplica: request.replicaId >= 0 || request.replicaState.replicaId >= 0,
    };
    const fetched = readAll(job);
    return fetched instanceof Promise
      ? fetched.then((all) => answerOrWait(job, all))
      : answerOrWait(job, fetched);
  },
  // Clients that name topics by name are told at each partition, too: the oldest have no other place for an error.
  refuse: (request, errorCode) => ({
    errorCode,
    sessionId: 0,
    throttleTimeMs: 0,
    responses: request.topics
      .filter(({ topic }) => topic !== '')
      .map(({ topic, topicId, partitions }) => ({
        topic,
        topicId,
        partitions: partitions.map(({ partition }) => refusedPartition(partition, errorCode)),
      })),
  }),
});

/** read_uncommitted and read_committed. */
const isIsolationLevel = (level: number): boolean => level === 0 || level === 1;

const refusedPartition = (partitionIndex: number, errorCode: number) => ({
  partitionIndex,
  errorCode,
  highWatermark: -1,
  abortedTransactions: [],
  records: noRecords,
});

interface FetchJob {
  readonly services: Services;
  readonly caller: Caller;
  readonly context: FetchContext;
  readonly limits: FetchLimits;
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly isFromReplica: boolean;
}

/** Each partition once, where it is named first; of one named twice the last word counts. */
function targetsOf(request: Request): FetchTarget[] {
  const targets: FetchTarget[] = [];
  const places = new Map<string, Map<number, number>>();
  for (const { topic, topicId, partitions } of request.topics) {
    const name = `${topic}:${topicId}`;
    let placesOfTopic = places.get(name);
    if (placesOfTopic === undefined) places.set(name, (placesOfTopic = new Map()));
    for (const p of partitions) {
      const place = placesOfTopic.get(p.partition) ?? targets.length;
      placesOfTopic.set(p.partition, place);
      targets[place] = {
        topic,
        topicId,
        partition: p.partition,
        fetchOffset: p.fetchOffset,
        maxBytes: p.partitionMaxBytes,
        currentLeaderEpoch: p.currentLeaderEpoch,
        lastFetchedEpoch: p.lastFetchedEpoch,
      };
    }
  }
  return targets;
}

/** In one go where the fetch is small and everything in memory, else in turns of the loop. Null: the client has gone meanwhile. */
function readAll(job: FetchJob): FetchedPartition[] | Promise<FetchedPartition[] | null> {
  const { targets } = job.context;
  const fetched: FetchedPartition[] = [];
  const budget = newBudget(job.limits);
  /** Up to one that might wait for the disk; the first `isReached` already. */
  const readTurn = (isReached: boolean): TurnEnd => {
    const end = Math.min(targets.length, fetched.length + partitionsPerTurn);
    let isNextReached = isReached;
    try {
      while (fetched.length < end) {
        const read = readOne(job, targets[fetched.length]!, budget, isNextReached);
        if (read === null) return 'cold';
        fetched.push(read);
        isNextReached = false;
      }
    } catch (error) {
      releaseFetched(fetched);
      throw error;
    }
    return fetched.length === targets.length ? 'all' : 'more';
  };
  const end = readTurn(false);
  return end === 'all' ? fetched : readTurns(job, fetched, budget, end, readTurn);
}

type TurnEnd = 'all' | 'more' | 'cold';

async function readTurns(
  job: FetchJob,
  fetched: FetchedPartition[],
  budget: FetchBudget,
  firstEnd: TurnEnd,
  readTurn: (isReached: boolean) => TurnEnd,
): Promise<FetchedPartition[] | null> {
  const { partitions, environment } = job.services;
  for (let end = firstEnd; end !== 'all'; ) {
    const isCold = end === 'cold';
    if (isCold) await reachPartition(partitions, job.context.targets[fetched.length]!, job.limits, budget);
    else await turn(environment.clock);
    if (job.caller.connection.isClosed) {
      releaseFetched(fetched);
      return null;
    }
    end = readTurn(isCold);
  }
  return fetched;
}

function readOne(
  job: FetchJob,
  target: FetchTarget,
  budget: FetchBudget,
  isReached: boolean,
): FetchedPartition | null {
  // Asked once only: a rule may count how often it came true.
  const refusal = isReached
    ? undefined
    : job.caller.partitionRefusal?.(target.topic, target.topicId, target.partition);
  if (refusal !== undefined && refusal !== errors.none.code) return refused(target, refusal);
  const fetched = fetchPartition(job.services.partitions, target, job.limits, budget, isReached);
  // A cluster of one has no followers: whoever says it is one follows somebody else.
  if (fetched === null || !job.isFromReplica || fetched.errorCode !== errors.none.code) return fetched;
  fetched.records?.release();
  return refused(target, errors.notLeaderOrFollower.code);
}

function answerOrWait(
  job: FetchJob,
  fetched: FetchedPartition[] | null,
): Response | null | Promise<Response | null> {
  if (fetched === null) return null;
  let bytes = 0;
  let present = 0;
  let mustAnswer = job.maxWaitMs <= 0;
  for (const result of fetched) {
    if (isMissing(result)) continue;
    present += 1;
    bytes += result.records?.byteLength ?? 0;
    mustAnswer ||= result.errorCode !== errors.none.code || result.divergingEpoch !== undefined;
  }
  if (mustAnswer || present === 0 || bytes >= job.minBytes) return answer(job, fetched);
  releaseFetched(fetched);
  return waitAndAnswer(job);
}

async function waitAndAnswer(job: FetchJob): Promise<Response | null> {
  const { partitions, environment } = job.services;
  const { byTopicId, isReadCommitted } = job.limits;
  const end = await waitForBytes({
    clock: outsideClock(environment.clock),
    connection: job.caller.connection,
    targets: job.context.targets,
    find: ({ topic, topicId, partition }) => partitions.find(topic, topicId, byTopicId, partition),
    minBytes: job.minBytes,
    maxWaitMs: job.maxWaitMs,
    isReadCommitted,
  });
  const fetched = end === 'gone' ? null : await readAll(job);
  return fetched === null ? null : answer(job, fetched);
}

function answer(job: FetchJob, fetched: readonly FetchedPartition[]): Response {
  const { errorCode, sessionId, send, unsent } = job.context.conclude(fetched);
  releaseFetched(unsent);
  const responses: { topic: string; topicId: string; partitions: FetchedPartition[] }[] = [];
  for (const result of missingLast(send, (one) => one)) {
    const last = responses.at(-1);
    const isSameTopic = job.limits.byTopicId
      ? last?.topicId === result.topicId
      : last?.topic === result.topic;
    if (last !== undefined && isSameTopic) last.partitions.push(result);
    else responses.push({ topic: result.topic, topicId: result.topicId, partitions: [result] });
  }
  const isLost = send.some((result) => currentLeader(job, result) !== undefined);
  return {
    throttleTimeMs: 0,
    errorCode,
    sessionId,
    responses: responses.map((topic) => toWire(topic, job)),
    ...(isLost && !job.isFromReplica ? { nodeEndpoints: [thisNode(job)] } : {}),
  };
}

/** For a client that is at the wrong node or in an old epoch; undefined for any other. */
function currentLeader({ services, caller, limits }: FetchJob, { errorCode, ...place }: FetchedPartition) {
  if (caller.apiVersion < leaderVersion) return undefined;
  if (errorCode !== errors.notLeaderOrFollower.code && errorCode !== errors.fencedLeaderEpoch.code)
    return undefined;
  const { topic, topicId, partitionIndex } = place;
  const partition = services.partitions.find(topic, topicId, limits.byTopicId, partitionIndex);
  return { leaderId: services.cluster.nodeId, leaderEpoch: partition?.leaderEpoch ?? -1 };
}

function thisNode({ services, caller }: FetchJob) {
  const { host, port } = services.advertised.endpointFor(caller);
  return { nodeId: services.cluster.nodeId, host, port, rack: services.settings['broker.rack'] };
}

const noRecords = Buffer.alloc(0);

function toWire(topic: { topic: string; topicId: string; partitions: FetchedPartition[] }, job: FetchJob) {
  return {
    topic: topic.topic,
    topicId: topic.topicId,
    partitions: topic.partitions.map((result) => ({
      partitionIndex: result.partitionIndex,
      errorCode: knownCode(result.errorCode, job.caller.apiVersion),
      highWatermark: result.highWatermark,
      lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset,
      divergingEpoch: result.divergingEpoch,
      currentLeader: currentLeader(job, result),
      abortedTransactions: result.abortedTransactions,
      records: result.records ?? noRecords,
    })),
  };
}

function knownCode(errorCode: number, apiVersion: number): number {
  const isUnknown = apiVersion <= noStorageErrorVersion && errorCode === errors.kafkaStorageError.code;
  return isUnknown ? errors.notLeaderOrFollower.code : errorCode;
}
