import { errors } from '../../../protocol/errors.ts';
import { txnOffsetCommit } from '../../../protocol/messages/transactions/txn-offset-commit.ts';
import type { RequestOf, ResponseInit } from '../../../protocol/schema/api.ts';
import type { OffsetToCommit } from '../../groups/group-coordinator.ts';
import { consumerOffsetsTopic } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { offsetCommitProtocol, permitAppends } from '../../transactions/append-permission.ts';
import { type Caller, defineHandler, inTurn } from '../handler.ts';

type Request = RequestOf<typeof txnOffsetCommit>;
type Response = ResponseInit<typeof txnOffsetCommit>;
type Codes = number | readonly number[];

/** From these versions on: a coordinator that is loading may say so; a group may be missing, and topics are named by id. */
const loadingVersion = 2;
const groupNotFoundVersion = 6;
const topicIdVersion = 6;
const none = errors.none.code;

/** Offsets that count when the transaction commits, for partitions that exist. */
export const txnOffsetCommitHandler = defineHandler(txnOffsetCommit, {
  versions: '0-6',
  handle(services, request, caller) {
    const byTopicId = caller.apiVersion >= topicIdVersion;
    const { offsets, codes } = take(services, request, byTopicId);
    // Nothing that could be committed: neither coordinator is asked.
    if (offsets.length === 0) return answer(request, codes, []);
    const speak = (committed: Codes): Response => answer(request, codes, speakable(committed, caller));
    const committed = commit(services, request, caller, offsets);
    return committed instanceof Promise ? committed.then(speak) : speak(committed);
  },
  refuse: (request, errorCode) =>
    answer(
      request,
      request.topics.map(({ partitions }) => partitions.map(() => errorCode)),
      errorCode,
    ),
});

/** What can be committed, and in order of the request: a code, or null where the commit decides. */
function take(
  { cluster, environment }: Services,
  request: Request,
  byTopicId: boolean,
): { offsets: OffsetToCommit[]; codes: (number | null)[][] } {
  const nowMs = environment.clock.nowMs();
  const offsets: OffsetToCommit[] = [];
  const codes = request.topics.map((asked) => {
    const topic = byTopicId ? cluster.topicById(asked.topicId) : cluster.topic(asked.name);
    return asked.partitions.map((partition) => {
      if (topic === undefined && byTopicId) return errors.unknownTopicId.code;
      if (topic?.partitions[partition.partitionIndex] === undefined)
        return errors.unknownTopicOrPartition.code;
      const value = {
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata ?? '',
        commitTimestampMs: nowMs,
        expireTimestampMs: -1,
        topicId: topic.id,
      };
      offsets.push({ topic: topic.name, partition: partition.partitionIndex, value });
      return null;
    });
  });
  return { offsets, codes };
}

/** First the transaction's coordinator, then the group's. */
function commit(
  services: Services,
  request: Request,
  caller: Caller,
  offsets: readonly OffsetToCommit[],
): Codes | Promise<Codes> {
  const { groups, transactions, environment, settings } = services;
  if (request.groupId === '') return errors.invalidGroupId.code;
  const protocol = offsetCommitProtocol(caller.apiVersion);
  const partition = { topic: consumerOffsetsTopic, partition: groups.offsetsPartition(request.groupId) };
  const isChecked = protocol === 'adding' || settings['transaction.partition.verification.enable'];
  const write = ([errorCode]: readonly number[]): Codes | Promise<Codes> =>
    errorCode === none
      ? groups.commitInTransaction(committerOf(request, caller), offsets, {
          producer: request,
          error: () => (isChecked ? transactions.appendError(request, partition) : none),
        })
      : groupCode(errorCode!);
  if (!isChecked) return write([none]);
  const options = { transactions, clock: environment.clock, settings };
  return inTurn(caller, permitAppends(options, request, [partition], protocol), write);
}

function committerOf(
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }: Request,
  { apiVersion }: Caller,
) {
  return {
    groupId,
    memberId,
    groupInstanceId,
    generationId: generationIdOrMemberEpoch,
    knowsGroupIdNotFound: apiVersion >= groupNotFoundVersion,
  };
}

/** The transaction coordinator's trouble as group clients know it. */
function groupCode(errorCode: number): number {
  return errorCode === errors.networkException.code ? errors.coordinatorLoadInProgress.code : errorCode;
}

function speakable(codes: Codes, { apiVersion }: Caller): Codes {
  if (apiVersion >= loadingVersion) return codes;
  const speak = (errorCode: number): number =>
    errorCode === errors.coordinatorLoadInProgress.code ? errors.coordinatorNotAvailable.code : errorCode;
  return typeof codes === 'number' ? speak(codes) : codes.map(speak);
}

function answer(
  request: Request,
  codes: readonly (readonly (number | null)[])[],
  committed: Codes,
): Response {
  let next = 0;
  const topics = request.topics.map(({ name, topicId, partitions }, i) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }, j) => {
      const own = codes[i]![j]!;
      const errorCode = own ?? (typeof committed === 'number' ? committed : committed[next++]!);
      return { partitionIndex, errorCode };
    }),
  }));
  // As Kafka leaves them out.
  return { throttleTimeMs: 0, topics: topics.filter(({ partitions }) => partitions.length > 0) };
}
