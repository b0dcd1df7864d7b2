import { errors } from '../../../protocol/errors.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import {
  type FetchedPartition,
  type FetchLimits,
  type FetchTarget,
  fetchPartition,
  newBudget,
  refused,
  releaseFetched,
} from '../../partitions/fetch-read.ts';
import type { FetchContext } from '../../partitions/fetch-sessions.ts';
import { type WaitingPartition, waitForBytes } from '../../partitions/waiting-fetches.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler } from '../handler.ts';

type Request = RequestOf<typeof fetch>;
type Response = ResponseInit<typeof fetch>;

/** Versions from which topics are named by id (KIP-516). */
const topicIdVersion = 13;
/** So many partitions are read in one turn of the loop; a larger fetch lets others in between. */
const partitionsPerTurn = 2_000;

/** Reads records, waiting for them up to maxWaitMs (long poll). */
export const fetchHandler = defineHandler(fetch, {
  versions: '4-18',
  handle(services, request, caller) {
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
  refuse: (_request, errorCode) => ({ errorCode, sessionId: 0, throttleTimeMs: 0, responses: [] }),
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

function targetsOf(request: Request): FetchTarget[] {
  const targets: FetchTarget[] = [];
  for (const { topic, topicId, partitions } of request.topics) {
    for (const p of partitions) {
      targets.push({
        topic,
        topicId,
        partition: p.partition,
        fetchOffset: p.fetchOffset,
        maxBytes: p.partitionMaxBytes,
        currentLeaderEpoch: p.currentLeaderEpoch,
        lastFetchedEpoch: p.lastFetchedEpoch,
      });
    }
  }
  return targets;
}

/** In one go where the fetch is small, else in turns of the loop. */
function readAll(job: FetchJob): FetchedPartition[] | Promise<FetchedPartition[]> {
  const { targets } = job.context;
  const fetched: FetchedPartition[] = [];
  const budget = newBudget(job.limits);
  const readTurn = (): void => {
    const end = Math.min(targets.length, fetched.length + partitionsPerTurn);
    while (fetched.length < end) fetched.push(readOne(job, targets[fetched.length]!, budget));
  };
  readTurn();
  if (fetched.length === targets.length) return fetched;
  return new Promise((resolve) => {
    const next = (): void => {
      readTurn();
      if (fetched.length === targets.length) resolve(fetched);
      else job.services.environment.clock.defer(next);
    };
    job.services.environment.clock.defer(next);
  });
}

function readOne(job: FetchJob, target: FetchTarget, budget: ReturnType<typeof newBudget>): FetchedPartition {
  // A cluster of one has no followers: whoever says it is one follows somebody else.
  if (job.isFromReplica) return refused(target, errors.notLeaderOrFollower.code);
  return fetchPartition(job.services.partitions, target, job.limits, budget);
}

function answerOrWait(
  job: FetchJob,
  fetched: FetchedPartition[],
): Response | null | Promise<Response | null> {
  let bytes = 0;
  let mustAnswer = job.maxWaitMs <= 0 || fetched.length === 0;
  for (const { errorCode, divergingEpoch, records } of fetched) {
    bytes += records?.byteLength ?? 0;
    mustAnswer ||= errorCode !== errors.none.code || divergingEpoch !== undefined;
  }
  if (mustAnswer || bytes >= job.minBytes) return answer(job, fetched);
  return waitAndAnswer(job, fetched);
}

async function waitAndAnswer(job: FetchJob, fetched: readonly FetchedPartition[]): Promise<Response | null> {
  releaseFetched(fetched);
  const { partitions, environment } = job.services;
  const waiting: WaitingPartition[] = [];
  for (let i = 0; i < fetched.length; i++) {
    const target = job.context.targets[i]!;
    const partition = partitions.find(target.topic, target.topicId, job.limits.byTopicId, target.partition);
    // Between the turns of a large fetch a topic may have gone or moved on: then there is something to tell.
    if (partition === undefined || partition.log.highWatermark !== fetched[i]!.highWatermark)
      return again(job);
    waiting.push({ partition, target, bytes: fetched[i]!.records?.byteLength ?? 0 });
  }
  const end = await waitForBytes({
    clock: environment.clock,
    connection: job.caller.connection,
    waiting,
    minBytes: job.minBytes,
    maxWaitMs: job.maxWaitMs,
    isReadCommitted: job.limits.isReadCommitted,
  });
  return end === 'gone' ? null : again(job);
}

async function again(job: FetchJob): Promise<Response> {
  return answer(job, await readAll(job));
}

function answer(job: FetchJob, fetched: readonly FetchedPartition[]): Response {
  const { errorCode, sessionId, send } = job.context.conclude(fetched);
  if (errorCode !== errors.none.code) releaseFetched(fetched);
  const responses: { topic: string; topicId: string; partitions: FetchedPartition[] }[] = [];
  for (const result of send) {
    const last = responses.at(-1);
    if (last !== undefined && last.topic === result.topic && last.topicId === result.topicId)
      last.partitions.push(result);
    else responses.push({ topic: result.topic, topicId: result.topicId, partitions: [result] });
  }
  return { throttleTimeMs: 0, errorCode, sessionId, responses: responses.map(toWire) };
}

const noRecords = Buffer.alloc(0);

function toWire(topic: { topic: string; topicId: string; partitions: FetchedPartition[] }) {
  return {
    topic: topic.topic,
    topicId: topic.topicId,
    partitions: topic.partitions.map((result) => ({
      partitionIndex: result.partitionIndex,
      errorCode: result.errorCode,
      highWatermark: result.highWatermark,
      lastStableOffset: result.lastStableOffset,
      logStartOffset: result.logStartOffset,
      divergingEpoch: result.divergingEpoch,
      abortedTransactions: result.abortedTransactions,
      records: result.records ?? noRecords,
    })),
  };
}
