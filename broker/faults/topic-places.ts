/**
 * Where requests name topics and partitions, and where answers have a place for the error of each.
 *
 *   topicData[name].partitionData[index]       an array of topics, each with its name and an array of partitions
 *   topics[name].partitionIndexes[]            whose partitions are bare numbers
 *   groups/topics[name].partitions[…]          one such array in each element of another
 *   topics[name]                               topics alone
 *
 * A topic may be named by its id instead, in `topicId` beside the name.
 */

export interface TopicPath {
  /** The array whose elements have the topics; null: the body has them itself. */
  readonly parents: string | null;
  readonly topics: string;
  /** Null: the topic is the string itself. */
  readonly name: string | null;
  /** Null: no partitions. */
  readonly partitions: string | null;
  /** Null: a partition is the number itself. */
  readonly index: string | null;
}

export interface TopicPlace {
  readonly request: TopicPath;
  readonly response: TopicPath;
  readonly errorField: string;
  /** What stands in a place with an error, besides the error. */
  readonly blank: Readonly<Record<string, unknown>>;
  /** What else was in the place stays. */
  readonly keepsRest: boolean;
  /** The request does something for each topic, so what is refused must be kept from it. */
  readonly isEffective: boolean;
  /** Only elements of which this is true are topics. */
  readonly isTopic: ((element: Readonly<Record<string, unknown>>) => boolean) | null;
}

function path(text: string): TopicPath {
  const match = /^(?:(\w+)\/)?(\w+)\[(\w*)\](?:\.(\w+)\[(\w*)\])?$/.exec(text)!;
  const [, parents, topics, name, partitions, index] = match;
  return {
    parents: parents ?? null,
    topics: topics!,
    name: name || null,
    partitions: partitions ?? null,
    index: index || null,
  };
}

type Traits = Partial<Omit<TopicPlace, 'request' | 'response'>>;

function place(request: string, response: string, traits: Traits = {}): TopicPlace {
  return {
    request: path(request),
    response: path(response),
    errorField: 'errorCode',
    blank: {},
    keepsRest: false,
    isEffective: false,
    isTopic: null,
    ...traits,
  };
}

const plain = 'topics[name].partitions[partitionIndex]';
const bare = 'topics[name].partitionIndexes[]';
const topicResource = 2;
const resources: Traits = {
  blank: { errorMessage: null, resourceType: topicResource },
  isTopic: ({ resourceType }) => resourceType === topicResource,
};
const noOffset = { committedOffset: -1, metadata: '' };
const message = { errorMessage: null };
const noMarkers = 'markers/topics[name].partitions[partitionIndex]';

/** By API name. An API that is not here is about no topic in particular, or its answers have no place for one's error. */
export const topicPlaces: { readonly [api: string]: readonly TopicPlace[] | undefined } = {
  Produce: [
    place('topicData[name].partitionData[index]', 'responses[name].partitionResponses[index]', {
      blank: { baseOffset: -1 },
      isEffective: true,
    }),
  ],
  Fetch: [
    place('topics[topic].partitions[partition]', 'responses[topic].partitions[partitionIndex]', {
      blank: { highWatermark: -1, abortedTransactions: [], records: Buffer.alloc(0) },
    }),
  ],
  ListOffsets: [place(plain, plain)],
  OffsetForLeaderEpoch: [place('topics[topic].partitions[partition]', 'topics[topic].partitions[partition]')],
  DeleteRecords: [place(plain, plain, { blank: { lowWatermark: -1 }, isEffective: true })],
  DescribeProducers: [place(bare, plain, { blank: { activeProducers: [] } })],

  OffsetCommit: [place(plain, plain, { isEffective: true })],
  OffsetFetch: [
    place(bare, plain, { blank: noOffset }),
    place(`groups/${bare}`, `groups/${plain}`, { blank: noOffset }),
  ],
  OffsetDelete: [place(plain, plain, { isEffective: true })],

  AddPartitionsToTxn: [
    place(
      'v3AndBelowTopics[name].partitions[]',
      'resultsByTopicV3AndBelow[name].resultsByPartition[partitionIndex]',
      {
        errorField: 'partitionErrorCode',
        isEffective: true,
      },
    ),
    place(
      'transactions/topics[name].partitions[]',
      'resultsByTransaction/topicResults[name].resultsByPartition[partitionIndex]',
      {
        errorField: 'partitionErrorCode',
        isEffective: true,
      },
    ),
  ],
  TxnOffsetCommit: [place(plain, plain, { isEffective: true })],
  WriteTxnMarkers: [place(`markers/${bare}`, noMarkers, { isEffective: true })],

  // A topic without its partitions, or a partition without its leader.
  Metadata: [
    place('topics[name]', 'topics[name]', { blank: { partitions: [] }, keepsRest: true, isEffective: true }),
    place('topics[name]', plain, { blank: { leaderId: -1 }, keepsRest: true }),
  ],
  DescribeTopicPartitions: [
    place('topics[name]', 'topics[name]', { blank: { partitions: [] }, keepsRest: true }),
    place('topics[name]', plain, { blank: { leaderId: -1 }, keepsRest: true }),
  ],
  CreateTopics: [place('topics[name]', 'topics[name]', { blank: message, isEffective: true })],
  DeleteTopics: [
    place('topics[name]', 'responses[name]', { isEffective: true }),
    place('topicNames[]', 'responses[name]', { isEffective: true }),
  ],
  CreatePartitions: [place('topics[name]', 'results[name]', { isEffective: true })],
  ElectLeaders: [
    place(
      'topicPartitions[topic].partitions[]',
      'replicaElectionResults[topic].partitionResult[partitionId]',
      {
        blank: message,
      },
    ),
  ],
  AlterPartitionReassignments: [
    place(plain, 'responses[name].partitions[partitionIndex]', { blank: message }),
  ],
  AlterReplicaLogDirs: [
    place('dirs/topics[name].partitions[]', 'results[topicName].partitions[partitionIndex]'),
  ],

  DescribeConfigs: [
    place('resources[resourceName]', 'results[resourceName]', {
      ...resources,
      blank: { ...resources.blank, configs: [] },
    }),
  ],
  AlterConfigs: [
    place('resources[resourceName]', 'responses[resourceName]', { ...resources, isEffective: true }),
  ],
  IncrementalAlterConfigs: [
    place('resources[resourceName]', 'responses[resourceName]', { ...resources, isEffective: true }),
  ],
};
