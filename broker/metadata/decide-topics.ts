import { errors } from '../../protocol/errors.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { Decision } from '../journal/state-machine.ts';
import { countOf, type DecideContext, maxRecordsPerRequest, noProblem, type Problem } from './decide.ts';
import {
  assignmentProblem,
  invalidAssignment,
  newPartition,
  tooManyRecords,
} from './decide-create-topics.ts';
import type { DeleteTopicResult, NamedResult, NewPartitions } from './metadata-controller.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { removeTopicRecord } from './records/topics.ts';

/**
 * DeleteTopics as Kafka's controller decides it: a topic is named by name or by id, once. Its partitions and configs go
 * with the one RemoveTopic record.
 */
export function decideDeleteTopics(
  { state, settings }: DecideContext,
  requests: readonly { readonly name: string | null; readonly id: string }[],
): Decision<Buffer, readonly DeleteTopicResult[]> {
  const named = requests.map(({ name, id }) => ({ name, id, key: `${name ?? ''} ${id}` }));
  if (!settings['delete.topic.enable'])
    return {
      entries: [],
      answer: named.map(({ name, id }) => result(name, id, errors.topicDeletionDisabled)),
    };
  const counts = countOf(named.map(({ key }) => key));
  const entries: Buffer[] = [];
  const refusals = new Map<string, DeleteTopicResult>();
  const asked = [];
  for (const { name, id, key } of named) {
    const problem = addressProblem(name, id, counts.get(key)!);
    const topic = name === null ? state.topicById(id) : state.topic(name);
    // A name or id that is there twice is answered once.
    if (problem !== null) refusals.set(key, { name, topicId: id, ...problem });
    else if (topic !== undefined) asked.push(topic);
    else
      refusals.set(
        key,
        result(name, id, name === null ? errors.unknownTopicId : errors.unknownTopicOrPartition),
      );
  }
  const answer = [...refusals.values()];
  for (const [topic, times] of countOf(asked)) {
    const { name, id: topicId } = topic;
    if (times === 1) entries.push(encodeMetadataRecord(removeTopicRecord, 0, { topicId }));
    const twice = 'The provided topic name maps to an ID that was already supplied.';
    answer.push({ name, topicId, ...(times === 1 ? noProblem : invalid(twice)) });
  }
  return { entries, answer };
}

function addressProblem(name: string | null, id: string, count: number): Problem | null {
  if (name === null && id === zeroUuid) return invalid('Neither topic name nor id were specified.');
  if (name !== null && id !== zeroUuid) return invalid('You may not specify both topic name and topic id.');
  if (count > 1) return invalid(name === null ? 'Duplicate topic id.' : 'Duplicate topic name.');
  return null;
}

function result(
  name: string | null,
  id: string,
  error: { code: number; message: string },
): DeleteTopicResult {
  return { name, topicId: id, errorCode: error.code, errorMessage: error.message };
}

/** CreatePartitions as Kafka's controller decides it: a topic only grows, and new partitions live where all do. */
export function decideCreatePartitions(
  context: DecideContext,
  requests: readonly NewPartitions[],
  options: { readonly validateOnly: boolean },
): Decision<Buffer, readonly NamedResult[]> {
  const counts = countOf(requests.map(({ name }) => name));
  const byName = new Map(requests.map((request) => [request.name, request]));
  const entries: Buffer[] = [];
  const answer: NamedResult[] = [];
  for (const [name, count] of counts) {
    if (count > 1) {
      answer.push({ name, ...invalid('Duplicate topic name.') });
      continue;
    }
    const request = byName.get(name)!;
    const problem = growthProblem(context, request, entries.length);
    if (problem === null) entries.push(...newPartitions(context, request));
    answer.push({ name, ...(problem ?? noProblem) });
  }
  return { entries: options.validateOnly ? [] : entries, answer };
}

function growthProblem(
  { state }: DecideContext,
  request: NewPartitions,
  recordCount: number,
): Problem | null {
  const { name, count, assignments } = request;
  const topic = state.topic(name);
  if (topic === undefined) return { errorCode: errors.unknownTopicOrPartition.code, errorMessage: null };
  const present = topic.partitions.length;
  const invalidCount = (errorMessage: string) => ({ errorCode: errors.invalidPartitions.code, errorMessage });
  if (count === present) return invalidCount(`Topic already has ${present} partition(s).`);
  if (count < present)
    return invalidCount(
      `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`,
    );
  const additional = count - present;
  if (assignments !== null && assignments.length !== additional)
    return invalidAssignment(
      `Attempted to add ${additional} additional partition(s), but only ${assignments.length} assignment(s) were specified.`,
    );
  for (const { brokerIds } of assignments ?? []) {
    const problem = assignmentProblem(state.nodeId, brokerIds);
    if (problem !== null) return problem;
  }
  return recordCount + additional > maxRecordsPerRequest ? tooManyRecords : null;
}

function newPartitions({ state }: DecideContext, { name, count }: NewPartitions): Buffer[] {
  const { nodeId, directoryId, recordVersions } = state;
  const topic = state.topic(name)!;
  const entries: Buffer[] = [];
  for (let partitionId = topic.partitions.length; partitionId < count; partitionId++)
    entries.push(
      newPartition(recordVersions.partition, { partitionId, topicId: topic.id, nodeId, directoryId }),
    );
  return entries;
}

function invalid(errorMessage: string): Problem {
  return { errorCode: errors.invalidRequest.code, errorMessage };
}
