import { errorName, errors } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { checkProduced } from '../../../storage/log/append-validation.ts';
import type { AppendOutcome } from '../../../storage/log/log-types.ts';
import { isInternalTopic } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler } from '../handler.ts';
import {
  appendRefusal,
  areTransactional,
  askForAppends,
  type TransactionalProduce,
} from './transactional-produce.ts';

type Request = RequestOf<typeof produce>;
type Response = ResponseInit<typeof produce>;
type PartitionAnswer = NonNullable<NonNullable<Response['responses']>[number]['partitionResponses']>[number];

const topicIdVersion = 13;
/** The one client id that may write internal topics, as in Kafka. */
const adminClientId = '__admin_client';

/** Appends batches, those of a transaction if its coordinator agrees. The answer leaves when every append is as durable as kompakt.durability says; with acks 0 none leaves. */
export const produceHandler = defineHandler(produce, {
  versions: '3-13',
  advertised: '0-13',
  handle(services, request, caller) {
    const whole = wholeError(request);
    if (whole !== null) return refuseWhole(request, caller, whole);
    const { apiVersion, ownsBytes } = caller;
    const transaction = askForAppends(services, request, apiVersion, apiVersion >= topicIdVersion);
    const produced = { services, request, caller, ownsBytes };
    if (transaction === null) return appendAll({ ...produced, transaction: null });
    const go = (given: TransactionalProduce | number, own: Partial<Produced> = {}) =>
      typeof given === 'number'
        ? refuseWhole(request, caller, given)
        : appendAll({ ...produced, ...own, transaction: given });
    if (!(transaction instanceof Promise)) return go(transaction);
    // The bytes are the read buffer's, which has others by then.
    const own = ownsBytes ? {} : { request: withOwnRecords(request), ownsBytes: true };
    return transaction.then((given) => go(given, own));
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
  const responses = request.topicData.map((topic) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitionResponses: topic.partitionData.map(({ index, records }) => {
      const answer: PartitionAnswer = { ...refusal(index, errors.none.code, null) };
      const outcome = append(produced, topic, index, records);
      if (outcome instanceof Promise) pending.push(outcome.then((done) => fill(answer, done)));
      else fill(answer, outcome);
      return answer;
    }),
  }));
  const answer = { responses, throttleTimeMs: 0 };
  if (request.acks === 0) return answerNobody(caller, answer, pending);
  return pending.length === 0 ? answer : Promise.all(pending).then(() => answer);
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

function refuseWhole(request: Request, caller: Caller, errorCode: number): Response | null {
  if (request.acks !== 0) return refuseAll(request, errorCode, null);
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

/** Records of a transaction in a request that names none. */
function wholeError({ transactionalId, topicData }: Request): number | null {
  if (transactionalId !== null) return null;
  const isInTransaction = topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => areTransactional(records)),
  );
  return isInTransaction ? errors.transactionalIdAuthorizationFailed.code : null;
}

type Failure = { readonly errorCode: number; readonly message: string | null };

function append(
  { services, request, caller, ownsBytes, transaction }: Produced,
  topic: { readonly name: string; readonly topicId: string },
  index: number,
  records: Buffer | null,
): AppendOutcome | Promise<AppendOutcome> | Failure {
  const byTopicId = caller.apiVersion >= topicIdVersion;
  const { partitions } = services;
  const partition = partitions.find(topic.name, topic.topicId, byTopicId, index);
  if (partition === undefined)
    return failure(partitions.missingCode(topic.name, topic.topicId, byTopicId, index));
  const malformed = checkProduced(records, caller.apiVersion);
  if (malformed !== null) return failure(malformed.errorCode);
  if (request.acks < -1 || request.acks > 1) return failure(errors.invalidRequiredAcks.code);
  if (isInternalTopic(partition.topic) && caller.clientId !== adminClientId)
    return failure(errors.invalidTopicException.code);
  const options = { origin: 'client', ownsBuffer: ownsBytes } as const;
  if (transaction === null || !areTransactional(records)) return partition.append(records!, options);
  const refused = appendRefusal(services, transaction, partition);
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

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function fill(answer: Writable<PartitionAnswer>, outcome: AppendOutcome | Failure): void {
  if ('ok' in outcome && outcome.ok) {
    answer.baseOffset = outcome.baseOffset;
    answer.logAppendTimeMs = outcome.logAppendTimeMs;
    answer.logStartOffset = outcome.logStartOffset;
    return;
  }
  answer.errorCode = outcome.errorCode;
  if (!('ok' in outcome)) {
    answer.errorMessage = outcome.message;
    return;
  }
  if (!withoutLogStart.has(outcome.errorCode)) answer.logStartOffset = outcome.logStartOffset;
  // Kafka has words for the client only where single records are to blame.
  if (outcome.recordErrors.length === 0) return;
  answer.errorMessage = outcome.message;
  answer.recordErrors = outcome.recordErrors.map(({ batchIndex, message }) => ({
    batchIndex,
    batchIndexErrorMessage: message,
  }));
}

function refusal(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage,
  };
}

/** With acks 0 the only way to tell of an error is to close the connection, so that the client asks for metadata again. */
function answerNobody(
  caller: Caller,
  answer: Response,
  pending: readonly Promise<void>[],
): null | Promise<null> {
  const closeIfRefused = (): null => {
    for (const { partitionResponses } of answer.responses ?? []) {
      const failed = partitionResponses?.find(({ errorCode }) => errorCode !== errors.none.code);
      if (failed === undefined) continue;
      caller.connection.disconnect(`a Produce with acks 0 failed with ${errorName(failed.errorCode ?? -1)}`);
      break;
    }
    return null;
  };
  return pending.length === 0 ? closeIfRefused() : Promise.all(pending).then(closeIfRefused);
}
