import { errorName, errors } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { batchBytesAt } from '../../../protocol/records/batch.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { checkProduced } from '../../../storage/log/append-validation.ts';
import type { AppendOutcome } from '../../../storage/log/log-types.ts';
import { isInternalTopic } from '../../metadata/topic-names.ts';
import type { Partition } from '../../partitions/partition.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler, inTurn } from '../handler.ts';
import {
  appendRefusal,
  areTransactional,
  askForAppends,
  type TransactionalProduce,
} from './transactional-produce.ts';

type Request = RequestOf<typeof produce>;
type Response = ResponseInit<typeof produce>;
type TopicAnswer = NonNullable<Response['responses']>[number];
type PartitionAnswer = NonNullable<TopicAnswer['partitionResponses']>[number];

const topicIdVersion = 13;
/** The one client id that may write internal topics, as in Kafka. */
const adminClientId = '__admin_client';

/** Appends batches, those of a transaction if its coordinator agrees. The answer leaves when every append is as durable as kompakt.durability says; with acks 0 none leaves. */
export const produceHandler = defineHandler(produce, {
  versions: '3-13',
  advertised: '0-13',
  handle(services, asked, caller) {
    const whole = wholeError(asked);
    if (whole !== null) return refuseWhole(asked, caller, whole);
    const { apiVersion, ownsBytes } = caller;
    const byTopicId = apiVersion >= topicIdVersion;
    const request = hasRepeats(asked, byTopicId) ? withoutRepeats(asked) : asked;
    // Where none is named, no batch is part of one: wholeError has looked.
    const transaction =
      request.transactionalId === null ? null : askForAppends(services, request, apiVersion, byTopicId);
    if (transaction === null) return appendAll({ services, request, caller, ownsBytes, transaction });
    // While it waits, the bytes would be the read buffer's, which has others by then.
    const kept =
      transaction instanceof Promise && !ownsBytes
        ? { request: withOwnRecords(request), ownsBytes: true }
        : { request, ownsBytes };
    return inTurn(caller, transaction, (given) =>
      typeof given === 'number'
        ? refuseWhole(request, caller, failure(given))
        : appendAll({ services, caller, ...kept, transaction: given }),
    );
  },
  refuse: (request, errorCode, message) =>
    request.acks === 0 ? null : refuseAll(request, errorCode, message),
});

/** A Produce on its way into the logs. */
interface Produced {
  readonly services: Services;
  readonly request: Request;
  readonly caller: Caller;
  readonly ownsBytes: boolean;
  readonly transaction: TransactionalProduce | null;
}

function appendAll(produced: Produced): Response | null | Promise<Response | null> {
  const { request, caller } = produced;
  const pending: Promise<void>[] = [];
  const responses: TopicAnswer[] = [];
  for (const topic of request.topicData) responses.push(appendToTopic(produced, topic, pending));
  const answer = { responses, throttleTimeMs: 0 };
  const over = pending.length === 0 ? caller.bytesAreDone?.() : allOver(pending, caller);
  if (request.acks === 0) return answerNobody(caller, answer, over);
  return over instanceof Promise ? over.then(() => answer) : answer;
}

function appendToTopic(produced: Produced, topic: TopicData, pending: Promise<void>[]): TopicAnswer {
  const { services, caller, ownsBytes } = produced;
  const { name, topicId, partitionData } = topic;
  const partitions = services.partitions.ofTopic(name, topicId, caller.apiVersion >= topicIdVersion);
  const options = { origin: 'client', ownsBuffer: ownsBytes } as const;
  const answers: PartitionAnswer[] = [];
  for (let i = 0; i < partitionData.length; i++) {
    const { index, records } = partitionData[i]!;
    const partition = partitions?.[index];
    const outcome =
      partition === undefined
        ? failure(missingCode(produced, topic, index))
        : append(produced, partition, records, options);
    if (!(outcome instanceof Promise)) answers.push(answerOf(index, outcome));
    else {
      answers.push(refusal(index, errors.none.code, null));
      pending.push(
        outcome.then((done) => {
          answers[i] = answerOf(index, done);
        }),
      );
    }
  }
  return { name, topicId, partitionResponses: answers };
}

function missingCode({ services, caller }: Produced, { name, topicId }: TopicData, index: number): number {
  return services.partitions.missingCode(name, topicId, caller.apiVersion >= topicIdVersion, index);
}

/** All of them, whatever becomes of one: the others still write from the request's bytes. */
async function allOver(pending: readonly Promise<void>[], caller: Caller): Promise<void> {
  const ends = await Promise.allSettled(pending);
  caller.bytesAreDone?.();
  const failed = ends.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

function withOwnRecords(request: Request): Request {
  return {
    ...request,
    topicData: request.topicData.map((topic) => ({
      ...topic,
      partitionData: topic.partitionData.map((partition) => ({
        ...partition,
        records: partition.records === null ? null : Buffer.from(partition.records),
      })),
    })),
  };
}

function refuseWhole(request: Request, caller: Caller, { errorCode, message }: Failure): Response | null {
  if (request.acks !== 0) return refuseAll(request, errorCode, message);
  caller.connection.disconnect(`a Produce with acks 0 failed with ${errorName(errorCode)}`);
  return null;
}

function refuseAll(request: Request, errorCode: number, message: string | null): Response {
  return {
    throttleTimeMs: 0,
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => refusal(index, errorCode, message)),
    })),
  };
}

type Failure = { readonly errorCode: number; readonly message: string | null };

/**
 * What Kafka finds in the first batches before it looks at any partition: records of a transaction in a request that names none, and
 * what does not even begin as a batch does. Nothing of such a request is appended.
 */
function wholeError({ transactionalId, topicData }: Request): Failure | null {
  try {
    for (const { partitionData } of topicData) {
      for (const { records } of partitionData) {
        if (records !== null) batchBytesAt(records, 0, records.length);
        if (transactionalId === null && areTransactional(records))
          return failure(errors.transactionalIdAuthorizationFailed.code);
      }
    }
    return null;
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return failure(error.code, error.message);
  }
}

type TopicData = Request['topicData'][number];

/** Whether a topic or a partition is named twice, or a topic without any. */
function hasRepeats({ topicData }: Request, byTopicId: boolean): boolean {
  for (const { partitionData } of topicData)
    if (partitionData.length === 0 || !areDistinct(partitionData)) return true;
  if (topicData.length < 2) return false;
  const names = new Set<string>();
  for (const { name, topicId } of topicData) names.add(byTopicId ? topicId : name);
  return names.size < topicData.length;
}

function areDistinct(partitionData: TopicData['partitionData']): boolean {
  let isAscending = true;
  for (let i = 1; i < partitionData.length && isAscending; i++)
    isAscending = partitionData[i - 1]!.index < partitionData[i]!.index;
  return isAscending || new Set(partitionData.map(({ index }) => index)).size === partitionData.length;
}

/** Each partition once, and no topic without one: of a partition that is named twice the last records count, as in Kafka. */
function withoutRepeats(request: Request): Request {
  const { topicData } = request;
  const topics = new Map<string, { topic: TopicData; partitions: Map<number, Buffer | null> }>();
  for (const topic of topicData) {
    if (topic.partitionData.length === 0) continue;
    const key = `${topic.name} ${topic.topicId}`;
    let known = topics.get(key);
    if (known === undefined) topics.set(key, (known = { topic, partitions: new Map() }));
    for (const { index, records } of topic.partitionData) known.partitions.set(index, records);
  }
  const distinct = [...topics.values()].map(({ topic, partitions }) => ({
    ...topic,
    partitionData: [...partitions].map(([index, records]) => ({ index, records })),
  }));
  return { ...request, topicData: distinct };
}

function append(
  { services, request, caller, transaction }: Produced,
  partition: Partition,
  records: Buffer | null,
  options: { readonly origin: 'client'; readonly ownsBuffer: boolean },
): AppendOutcome | Promise<AppendOutcome> | Failure {
  const malformed = checkProduced(records, caller.apiVersion);
  if (malformed !== null) return failure(malformed.errorCode);
  if (request.acks < -1 || request.acks > 1) return failure(errors.invalidRequiredAcks.code);
  if (isInternalTopic(partition.topic) && caller.clientId !== adminClientId)
    return failure(errors.invalidTopicException.code);
  if (transaction === null || !areTransactional(records)) return partition.append(records!, options);
  const refused = appendRefusal(services, transaction, partition, records);
  if (refused !== null) return refused;
  const { transactionVersion } = transaction;
  return partition.append(records, { ...options, transactionVersion });
}

function failure(errorCode: number, message: string | null = null): Failure {
  return { errorCode, message };
}

/** These are answered without the log start offset, as Kafka does. */
const withoutLogStart = new Set<number>([
  errors.notLeaderOrFollower.code,
  errors.unknownTopicOrPartition.code,
  errors.unknownTopicId.code,
  errors.messageTooLarge.code,
  errors.recordListTooLarge.code,
  errors.corruptMessage.code,
  errors.kafkaStorageError.code,
]);

const noRecordErrors: readonly [] = [];

function answerOf(index: number, outcome: AppendOutcome | Failure): PartitionAnswer {
  if (!('ok' in outcome)) return refusal(index, outcome.errorCode, outcome.message);
  const { logStartOffset } = outcome;
  if (outcome.ok) {
    const { baseOffset, logAppendTimeMs } = outcome;
    return {
      index,
      errorCode: errors.none.code,
      baseOffset,
      logAppendTimeMs,
      logStartOffset,
      recordErrors: noRecordErrors,
      errorMessage: null,
    };
  }
  const { errorCode, recordErrors, message } = outcome;
  // Kafka has words for the client only where single records are to blame.
  const answer = refusal(index, errorCode, recordErrors.length === 0 ? null : message);
  return {
    ...answer,
    logStartOffset: withoutLogStart.has(errorCode) ? answer.logStartOffset : logStartOffset,
    recordErrors: recordErrors.map((each) => ({
      batchIndex: each.batchIndex,
      batchIndexErrorMessage: each.message,
    })),
  };
}

function refusal(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: noRecordErrors,
    errorMessage,
  };
}

/** With acks 0 the only way to tell of an error is to close the connection, so that the client asks for metadata again. */
function answerNobody(caller: Caller, answer: Response, over: void | Promise<void>): null | Promise<null> {
  const closeIfRefused = (): null => {
    for (const { partitionResponses } of answer.responses ?? []) {
      const failed = partitionResponses?.find(({ errorCode }) => errorCode !== errors.none.code);
      if (failed === undefined) continue;
      caller.connection.disconnect(`a Produce with acks 0 failed with ${errorName(failed.errorCode ?? -1)}`);
      break;
    }
    return null;
  };
  return over instanceof Promise ? over.then(closeIfRefused) : closeIfRefused();
}
