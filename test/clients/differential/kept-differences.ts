/**
 * Where we mean to differ from Kafka, each with its reason; whatever else differs is a bug. An entry that no run meets any more fails the
 * suite, so that the list stays true. What a user could notice stands in the README's table, too.
 */
import { differences } from '../../../broker/config/differences.ts';
import type { Json } from './normalise.ts';

export interface KeptDifference {
  readonly reason: string;
  /** Scenario and step: `asking: Metadata v12 a null name`. */
  readonly where: RegExp;
  /** Of the field. */
  readonly path: RegExp;
  /** What each says; left out: whatever it is. */
  readonly kafka?: Json;
  readonly kompakt?: Json;
}

const escaped = (name: string): string => name.replaceAll('.', '\\.');

/** Where Kafka throws what it did not foresee, and says UNKNOWN_SERVER_ERROR or nothing: we refuse with a reason, or go on. */
const kafkaFails = 'Kafka fails there in a way that it did not foresee';

export const keptDifferences: readonly KeptDifference[] = [
  {
    reason: 'what no issue serves yet is not advertised: newer groups, security, members of a cluster',
    where: /^apis: /,
    path: /^(apis|supported)\.[\w.]+$/,
  },
  {
    reason: 'no listener for other controllers is opened',
    where: /^quorum: DescribeQuorum v2$/,
    path: /^nodes\[0\]\.listeners$/,
    kompakt: [],
  },
  {
    reason:
      'each lies in its own directory and listens at its own address; we advertise where a client came in, and have no voters',
    where: /^(describing|broker-configs): DescribeConfigs/,
    path: /^4 1\.configs\.(log\.dirs?|listeners|advertised\.listeners|controller\.quorum\.voters)\./,
  },
  {
    reason: 'defaults that are made for one node on one machine (broker/config/differences.ts)',
    where: /^(describing|broker-configs): DescribeConfigs/,
    path: new RegExp(
      `^4 1\\.configs\\.(${Object.keys(differences).map(escaped).join('|')})\\.(value$|synonyms)`,
    ),
  },
  {
    reason: 'node.id has the older name broker.id here as in Kafka, but is not given under it',
    where: /^describing: DescribeConfigs v\d 4 '1'$/,
    path: /^4 1\.configs\.broker\.id\.(configSource|synonyms)/,
  },
  {
    reason: 'keys of our own',
    where: /^(creating|describing|choosing-configs|replacing): (CreateTopics|DescribeConfigs)/,
    path: /\.configs\.kompakt\.[\w.]+$/,
  },
  {
    reason: 'each begins with its own log level, and only Kafka has a sentence about its root logger',
    where: /^(choosing-configs|other-configs): DescribeConfigs/,
    path: /^8 1\.configs\.root\.(value|documentation)$/,
  },
  {
    reason: `${kafkaFails}: a config operation that does not exist is INVALID_REQUEST`,
    where: /^topic-configs: IncrementalAlterConfigs v1 (an unknown|a negative) operation/,
    path: /^responses\[0\]\.error/,
  },
  {
    reason: 'streams groups are not served yet, so no assignor of theirs has a name that could be wrong',
    where: /^odd-group-values: IncrementalAlterConfigs v1 streams\.assignor\.name=/,
    path: /\.error(Code|Message)$/,
  },
  {
    reason:
      'a topic that is made because somebody asks for it is in the answer already; Kafka has it in a later one',
    where: /^making: Metadata v\d+ a new topic$/,
    path: /^topics\[0\]\.(errorCode|partitions|topicId)/,
  },
  {
    reason: `${kafkaFails}: a null topic name beside no topic id is INVALID_TOPIC_EXCEPTION`,
    where: /^asking: Metadata v1[23] a null name$/,
    path: /./,
  },
  {
    reason: `${kafkaFails}: a bad topic name is INVALID_TOPIC_EXCEPTION, as Metadata has it`,
    where: /^paging: DescribeTopicPartitions v0 bad names$/,
    path: /^topics\[[01]\]\.(errorCode|topicAuthorizedOperations)$/,
  },
  {
    reason: `${kafkaFails}: records that cannot be decompressed are CORRUPT_MESSAGE`,
    where: /^batches: Produce v\d+ (codec 5|\w+ that is none)/,
    path: /\.(errorCode|logStartOffset)$/,
  },
  {
    reason: `${kafkaFails}: what its builder of batches does not take is refused with a reason where records are compressed anew`,
    where: /^batches: Produce v13 (a negative timestamp|a producer without an epoch), gzip$/,
    path: /\.(errorCode|errorMessage|logStartOffset|recordErrors)$/,
  },
  {
    reason: `${kafkaFails}: an isolation level that does not exist is INVALID_REQUEST`,
    where: /^versions-of-fetch: Fetch v\d+ no such isolation$/,
    path: /errorCode$/,
    kafka: -1,
    kompakt: 42,
  },
  {
    reason: `${kafkaFails}: a negative limit of bytes counts as 0`,
    where: /^versions-of-fetch: Fetch v\d+ negative bytes$/,
    path: /./,
  },
  {
    reason:
      'the id of a topic that is gone is UNKNOWN_TOPIC_ID also in a session that knew its name; clients ask for metadata either way',
    where: /^sessions-of-deleted-topics: Fetch v1[38]/,
    path: /\.(errorCode|abortedTransactions)$/,
  },
  {
    reason:
      'Kafka remembers the lowest sequence that it refused to take into a transaction, and takes no later one; here what is in the log decides',
    where: /^transactions-refused-before: Produce v11 p plain, the next$/,
    path: /\.(errorCode|baseOffset|logStartOffset)$/,
  },
  {
    reason: `${kafkaFails}: a marker without an epoch is refused as one of an old epoch`,
    where: /^transactions-markers: WriteTxnMarkers v\d .* no epoch$/,
    path: /errorCode$/,
    kafka: -1,
    kompakt: 47,
  },
  {
    reason:
      'a time is also looked for behind a segment that has such a record, but below the start of the log; Kafka says that there is none until retention has taken that segment',
    where: /^transactions-read: ListOffsets v11 0 at 17\d+, isolation \d, cut at/,
    path: /\.(timestamp|offset|leaderEpoch)$/,
  },
  {
    reason: 'a length beyond 2^31 is refused; in Java it wraps and is taken for null',
    where: /^lengths: Metadata v9: very many topics, compact$/,
    path: /^$/,
    kompakt: 'the connection is closed',
  },
];
