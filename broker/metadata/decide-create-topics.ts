import { errors } from '../../protocol/errors.ts';
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { Decision } from '../journal/state-machine.ts';
import { configResourceTypes } from './cluster-state.ts';
import { countOf, type DecideContext, maxRecordsPerRequest, type Problem } from './decide.ts';
import type { CreateTopicResult, NewTopic } from './metadata-controller.ts';
import { configRecord } from './records/configs.ts';
import { encodeMetadataRecord } from './records/index.ts';
import { partitionRecord, topicRecord } from './records/topics.ts';
import { clusterMetadataTopic, topicNameProblem } from './topic-names.ts';

/**
 * CreateTopics as Kafka's controller decides it, in its order of checks: the whole request's size, names, existence, configs,
 * then partitions and replicas. Each topic stands for itself; those that are fine become one batch:
 *
 *    Topic │ Config … │ Partition 0 … n-1 │ Topic │ …
 *
 * Two rules are ours: a replication factor above 1 becomes 1 under kompakt.replication.factor.cap, and names that differ
 * only in case are refused where the disk cannot tell them apart.
 */
export function decideCreateTopics(
  context: DecideContext,
  requests: readonly NewTopic[],
  options: { readonly validateOnly: boolean; onCapped?(topic: string, asked: number): void },
): Decision<Buffer, readonly CreateTopicResult[]> {
  const counts = countOf(requests.map(({ name }) => name));
  const wanted = requests.filter(({ name }) => counts.get(name) === 1 && name !== clusterMetadataTopic);
  const refusals: CreateTopicResult[] = [];
  for (const [name, count] of counts) {
    if (count > 1) refusals.push(refused(name, invalidRequest('Duplicate topic name.')));
    else if (name === clusterMetadataTopic)
      refusals.push(refused(name, invalidRequest(`Creation of internal topic ${name} is prohibited.`)));
  }
  const asked = wanted.reduce((sum, topic) => sum + partitionsAskedFor(context, topic), 0);
  if (asked > maxRecordsPerRequest) return refuseAll(wanted, refusals, tooManyPartitions);
  const entries: Buffer[] = [];
  const names = new NewNames(context);
  const results = wanted.map((topic) => {
    const outcome = decideOne(context, topic, names, options.onCapped);
    if ('errorCode' in outcome) return refused(topic.name, outcome);
    entries.push(...outcome.entries);
    return outcome.result;
  });
  if (entries.length > maxRecordsPerRequest) return refuseAll(wanted, refusals, tooManyRecords);
  return { entries: options.validateOnly ? [] : entries, answer: [...results, ...refusals] };
}

export const tooManyPartitions: Problem = {
  errorCode: errors.policyViolation.code,
  errorMessage: 'Excessively large number of partitions per request.',
};

export const tooManyRecords: Problem = {
  errorCode: errors.policyViolation.code,
  errorMessage: 'Unable to perform excessively large batch operation.',
};

type Outcome = { readonly entries: readonly Buffer[]; readonly result: CreateTopicResult } | Problem;

function decideOne(
  context: DecideContext,
  topic: NewTopic,
  names: NewNames,
  onCapped: ((topic: string, asked: number) => void) | undefined,
): Outcome {
  const problem = names.problem(topic.name) ?? configProblem(context, topic);
  if (problem !== null) return problem;
  const layout = topic.assignments.length > 0 ? assigned(context, topic) : placed(context, topic, onCapped);
  if ('errorCode' in layout) return layout;
  names.take(topic.name);
  const { nodeId, directoryId, recordVersions } = context.state;
  const topicId = context.newTopicId();
  const entries = [encodeMetadataRecord(topicRecord, 0, { name: topic.name, topicId })];
  for (const [name, value] of configsOf(topic))
    entries.push(
      encodeMetadataRecord(configRecord, 0, {
        resourceType: configResourceTypes.topic,
        resourceName: topic.name,
        name,
        value,
      }),
    );
  for (let partitionId = 0; partitionId < layout.partitionCount; partitionId++)
    entries.push(newPartition(recordVersions.partition, { partitionId, topicId, nodeId, directoryId }));
  return {
    entries,
    result: {
      name: topic.name,
      errorCode: 0,
      errorMessage: null,
      topicId,
      numPartitions: layout.partitionCount,
      replicationFactor: 1,
    },
  };
}

/** The record of a partition that lives on this node alone. */
export function newPartition(
  version: number,
  of: {
    readonly partitionId: number;
    readonly topicId: string;
    readonly nodeId: number;
    readonly directoryId: string;
  },
): Buffer {
  return encodeMetadataRecord(partitionRecord, version, {
    partitionId: of.partitionId,
    topicId: of.topicId,
    replicas: [of.nodeId],
    isr: [of.nodeId],
    removingReplicas: [],
    addingReplicas: [],
    leader: of.nodeId,
    leaderEpoch: 0,
    partitionEpoch: 0,
    ...(version >= 1 ? { directories: [of.directoryId] } : {}),
  });
}

/** Which names may still be taken, by the state and by what this request takes itself. */
class NewNames {
  readonly #context: DecideContext;
  /** Kafka holds the names of one request against the existing ones only; on a disk that ignores case they must differ too. */
  readonly #taken = new Map<string, string>();

  constructor(context: DecideContext) {
    this.#context = context;
  }

  take(name: string): void {
    if (this.#context.isCaseInsensitive) this.#taken.set(name.toLowerCase(), name);
  }

  problem(name: string): Problem | null {
    const { state, isCaseInsensitive } = this.#context;
    if (state.topic(name) !== undefined)
      return { errorCode: errors.topicAlreadyExists.code, errorMessage: `Topic '${name}' already exists.` };
    const colliding = state.topicCollidingWith(name);
    if (colliding !== undefined)
      return invalidTopic(`Topic '${name}' collides with existing topic: ${colliding}`);
    const problem = topicNameProblem(name);
    if (problem !== null) return invalidTopic(`Topic name is invalid: ${problem}`);
    const onDisk = isCaseInsensitive
      ? (state.topicIgnoringCase(name) ?? this.#taken.get(name.toLowerCase()))
      : undefined;
    if (onDisk === undefined) return null;
    return invalidTopic(
      `Topic '${name}' collides with existing topic: ${onDisk}, because this disk does not tell upper from lower case`,
    );
  }
}

function configProblem(context: DecideContext, topic: NewTopic): Problem | null {
  const withoutValue = topic.configs.filter(({ value }) => value === null).map(({ name }) => name);
  if (withoutValue.length > 0)
    return {
      errorCode: errors.invalidConfig.code,
      errorMessage: `Null value not supported for topic configs: ${withoutValue.join(',')}`,
    };
  if (topic.configs.length === 0) return null;
  return context.rules.problem(configResourceTypes.topic, topic.name, configsOf(topic));
}

/** Of a key that is there twice the last value holds. */
function configsOf(topic: NewTopic): ReadonlyMap<string, string> {
  return new Map(topic.configs.map(({ name, value }) => [name, value!]));
}

type Layout = { readonly partitionCount: number } | Problem;

/** Replicas as the request assigns them: each partition on this node, and nowhere else. */
function assigned(context: DecideContext, topic: NewTopic): Layout {
  if (topic.replicationFactor !== -1)
    return invalidRequest(
      'A manual partition assignment was specified, but replication factor was not set to -1.',
    );
  if (topic.numPartitions !== -1)
    return invalidRequest(
      'A manual partition assignment was specified, but numPartitions was not set to -1.',
    );
  const seen = new Set<number>();
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (seen.has(partitionIndex))
      return invalidAssignment(`Found multiple manual partition assignments for partition ${partitionIndex}`);
    const problem = assignmentProblem(context.state.nodeId, brokerIds);
    if (problem !== null) return problem;
    seen.add(partitionIndex);
  }
  for (let index = 0; index < seen.size; index++)
    if (!seen.has(index))
      return invalidAssignment('partitions should be a consecutive 0-based integer sequence');
  return { partitionCount: seen.size };
}

/** What is wrong with the replicas of one partition on a cluster of one node. */
export function assignmentProblem(nodeId: number, brokerIds: readonly number[]): Problem | null {
  if (brokerIds.length === 0)
    return invalidAssignment('The manual partition assignment includes an empty replica list.');
  const stranger = [...brokerIds].sort((a, b) => a - b).find((id) => id !== nodeId);
  if (stranger !== undefined)
    return invalidAssignment(
      `The manual partition assignment includes broker ${stranger}, but no such broker is registered.`,
    );
  if (brokerIds.length > 1)
    return invalidAssignment(`The manual partition assignment includes the broker ${nodeId} more than once.`);
  return null;
}

/** Partitions and replicas by number, with the broker's defaults. */
function placed(
  { settings }: DecideContext,
  topic: NewTopic,
  onCapped: ((topic: string, asked: number) => void) | undefined,
): Layout {
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0)
    return {
      errorCode: errors.invalidReplicationFactor.code,
      errorMessage: 'Replication factor must be larger than 0, or -1 to use the default value.',
    };
  if (topic.numPartitions < -1 || topic.numPartitions === 0)
    return {
      errorCode: errors.invalidPartitions.code,
      errorMessage: 'Number of partitions was set to an invalid non-positive value.',
    };
  const partitionCount = topic.numPartitions === -1 ? settings['num.partitions'] : topic.numPartitions;
  const factor =
    topic.replicationFactor === -1 ? settings['default.replication.factor'] : topic.replicationFactor;
  if (factor > 1) {
    if (!settings['kompakt.replication.factor.cap'])
      return {
        errorCode: errors.invalidReplicationFactor.code,
        errorMessage: `Unable to replicate the partition ${factor} time(s): The target replication factor of ${factor} cannot be reached because only 1 broker(s) are registered.`,
      };
    onCapped?.(topic.name, factor);
  }
  return { partitionCount };
}

function partitionsAskedFor({ settings }: DecideContext, topic: NewTopic): number {
  if (topic.assignments.length > 0) return topic.assignments.length;
  return topic.numPartitions === -1 ? settings['num.partitions'] : Math.max(0, topic.numPartitions);
}

function refuseAll(
  wanted: readonly NewTopic[],
  refusals: readonly CreateTopicResult[],
  problem: Problem,
): Decision<Buffer, readonly CreateTopicResult[]> {
  return { entries: [], answer: [...wanted.map(({ name }) => refused(name, problem)), ...refusals] };
}

/** The answer for a topic that was not created. */
export function refused(name: string, problem: Problem): CreateTopicResult {
  return { name, ...problem, topicId: zeroUuid, numPartitions: -1, replicationFactor: -1 };
}

function invalidRequest(errorMessage: string): Problem {
  return { errorCode: errors.invalidRequest.code, errorMessage };
}

function invalidTopic(errorMessage: string): Problem {
  return { errorCode: errors.invalidTopicException.code, errorMessage };
}

export function invalidAssignment(errorMessage: string): Problem {
  return { errorCode: errors.invalidReplicaAssignment.code, errorMessage };
}
