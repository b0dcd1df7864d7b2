import { errors } from '../../../protocol/errors.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { batchHeaderBytes, isTransactional } from '../../../protocol/records/batch.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import { checkProduced } from '../../../storage/log/append-validation.ts';
import type { AppendOutcome } from '../../../storage/log/log-types.ts';
import { isInternalTopic } from '../../metadata/topic-names.ts';
import type { Partition } from '../../partitions/partition.ts';
import type { Services } from '../../services.ts';
import { type Caller, defineHandler } from '../handler.ts';

type Request = RequestOf<typeof produce>;
type Response = ResponseInit<typeof produce>;
type PartitionAnswer = NonNullable<NonNullable<Response['responses']>[number]['partitionResponses']>[number];

const topicIdVersion = 13;
/** The one client id that may write internal topics, as in Kafka. */
const adminClientId = '__admin_client';

/** Appends batches. The answer leaves when every append is as durable as kompakt.durability says; with acks 0 none leaves. */
export const produceHandler = defineHandler(produce, {
  versions: '3-13',
  advertised: '0-13',
  handle(services, request, caller) {
    const pending: Promise<void>[] = [];
    const responses = request.topicData.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map(({ index, records }) => {
        const answer: PartitionAnswer = { ...refusal(index, errors.none.code, null) };
        const outcome = append(services, request, caller, topic, index, records);
        if (outcome instanceof Promise) pending.push(outcome.then((done) => fill(answer, done)));
        else fill(answer, outcome);
        return answer;
      }),
    }));
    const answer = { responses, throttleTimeMs: 0 };
    if (request.acks === 0) return answerNobody(caller, answer, pending);
    return pending.length === 0 ? answer : Promise.all(pending).then(() => answer);
  },
  refuse: (request, errorCode, message) => ({
    throttleTimeMs: 0,
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => refusal(index, errorCode, message)),
    })),
  }),
});

type Failure = { readonly errorCode: number; readonly message: string | null };

function append(
  services: Services,
  request: Request,
  caller: Caller,
  topic: { readonly name: string; readonly topicId: string },
  index: number,
  records: Buffer | null,
): AppendOutcome | Promise<AppendOutcome> | Failure {
  if (request.acks < -1 || request.acks > 1)
    return { errorCode: errors.invalidRequiredAcks.code, message: null };
  const byTopicId = caller.apiVersion >= topicIdVersion;
  const partition = services.partitions.find(topic.name, topic.topicId, byTopicId, index);
  if (partition === undefined) return { errorCode: missingCode(services, topic, byTopicId), message: null };
  const malformed = checkProduced(records, caller.apiVersion);
  if (malformed !== null) return malformed;
  const transactional = refuseTransactional(request, records!);
  if (transactional !== null) return transactional;
  if (isInternalTopic(partition.topic) && caller.clientId !== adminClientId) {
    return {
      errorCode: errors.invalidTopicException.code,
      message: `Cannot append to internal topic ${partition.topic}`,
    };
  }
  return appendTo(partition, records!);
}

function appendTo(partition: Partition, records: Buffer): AppendOutcome | Promise<AppendOutcome> {
  return partition.append(records, { origin: 'client' });
}

function missingCode(services: Services, topic: { readonly topicId: string }, byTopicId: boolean): number {
  const isUnknownId = byTopicId && services.cluster.topicById(topic.topicId) === undefined;
  return isUnknownId ? errors.unknownTopicId.code : errors.unknownTopicOrPartition.code;
}

/** Until transactions are served, nothing may enter a log that only a marker could finish. */
function refuseTransactional(request: Request, records: Buffer): Failure | null {
  if (records.length < batchHeaderBytes || !isTransactional(records, 0)) return null;
  if (request.transactionalId === null) {
    return { errorCode: errors.transactionalIdAuthorizationFailed.code, message: null };
  }
  return { errorCode: errors.invalidTxnState.code, message: 'This broker does not serve transactions yet' };
}

/** These are answered without the log start offset, as Kafka does. */
const withoutLogStart = new Set<number>([
  errors.notLeaderOrFollower.code,
  errors.unknownTopicOrPartition.code,
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
  answer.errorMessage = outcome.message;
  if (!('ok' in outcome)) return;
  if (!withoutLogStart.has(outcome.errorCode)) answer.logStartOffset = outcome.logStartOffset;
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
      caller.connection.disconnect(`a Produce with acks 0 failed with error ${failed.errorCode}`);
      break;
    }
    return null;
  };
  return pending.length === 0 ? closeIfRefused() : Promise.all(pending).then(closeIfRefused);
}
