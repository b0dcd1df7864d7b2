/**
 * Every topic key of Kafka 4.4, one entry each, and our own, which begin with `kompakt.`, with the broker key that holds its default. What the values mean is told where they are
 * used: storage/log for segments, retention and timestamps, compaction/ for cleaning.
 */
import {
  boolean,
  dayMs,
  double,
  GiB,
  hourMs,
  int,
  intMax,
  list,
  long,
  longMax,
  MiB,
  minuteMs,
  oneOf,
} from './define.ts';

const oneReplica = 'ignored because there is one broker, so nothing is replicated';
const noTiers = 'ignored because there is no remote storage';
const javaArrayMax = intMax - 8;

export const compressionTypes = ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] as const;

/** Kafka's form of a throttled-replica list: `*`, nothing, or pairs `partition:broker`. */
function checkThrottledReplicas(value: readonly string[]): string | undefined {
  const isPairs = value.join('') === '*' || value.every((item) => /^([0-9]+:[0-9]+)?$/.test(item));
  return isPairs ? undefined : 'the value must be * or a list of partition:broker';
}

const throttledReplicas = {
  default: [],
  valid: '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
  check: checkThrottledReplicas,
  accepted: oneReplica,
} as const;

export const topicKeys = {
  'cleanup.policy': list({
    default: ['delete'],
    choices: ['compact', 'delete'],
    brokerKey: 'log.cleanup.policy',
    doc: 'What happens to old records: delete removes whole segments by age and size, compact keeps the newest record of each key. Both may be given; with neither, everything is kept.',
  }),
  'compression.gzip.level': int({
    default: -1,
    min: 1,
    max: 9,
    also: -1,
    brokerKey: 'compression.gzip.level',
    doc: 'Level used when the broker itself compresses with gzip; -1 is the default of zlib.',
  }),
  'compression.lz4.level': int({
    default: 9,
    min: 1,
    max: 17,
    brokerKey: 'compression.lz4.level',
    doc: 'Level used when the broker itself compresses with lz4.',
  }),
  'compression.type': oneOf(compressionTypes, {
    default: 'producer',
    brokerKey: 'compression.type',
    doc: 'How batches are stored. producer keeps what the producer sent, anything else makes the broker compress them again.',
  }),
  'compression.zstd.level': int({
    default: 3,
    min: -131072,
    max: 22,
    brokerKey: 'compression.zstd.level',
    doc: 'Level used when the broker itself compresses with zstd.',
  }),
  'delete.retention.ms': long({
    default: dayMs,
    min: 0,
    brokerKey: 'log.cleaner.delete.retention.ms',
    doc: 'How long a tombstone and a transaction marker survive cleaning.',
  }),
  'errors.deadletterqueue.group.enable': boolean({
    default: false,
    accepted: 'ignored because share groups are not served yet',
    doc: 'Whether share groups may write records that they cannot handle to this topic.',
  }),
  'file.delete.delay.ms': long({
    default: minuteMs,
    min: 0,
    brokerKey: 'log.segment.delete.delay.ms',
    doc: 'How long the files of a removed segment or topic stay on disk, marked as deleted; in memory they go at once.',
  }),
  'flush.messages': long({
    default: longMax,
    min: 1,
    brokerKey: 'log.flush.interval.messages',
    doc: 'Sync the log to the disk after this many records. See also kompakt.durability.',
  }),
  'flush.ms': long({
    default: longMax,
    min: 0,
    brokerKey: 'log.flush.interval.ms',
    doc: 'Sync the log to the disk when its oldest unsynced record is this old. See also kompakt.durability.',
  }),
  'follower.replication.throttled.replicas': list({
    ...throttledReplicas,
    doc: 'Replicas whose replication is throttled on the receiving side.',
  }),
  'index.interval.bytes': int({
    default: 4096,
    min: 0,
    brokerKey: 'log.index.interval.bytes',
    doc: 'About one entry goes into the offset index per this many bytes of log.',
  }),
  'internal.segment.bytes': int({
    default: null,
    hidden: true,
    doc: 'Segment size without the floor of segment.bytes, for tests; takes precedence over it.',
  }),
  // Ours. Apache Kafka passes over names that it does not know when it starts on a directory that holds them.
  'kompakt.compressed.validation': oneOf(['records', 'header'], {
    default: 'records',
    brokerKey: 'kompakt.compressed.validation',
    doc: "What is checked of a compressed batch before it is stored. records: every record in it, as Kafka does, for which it is decompressed. header: size, checksum, header, producer and transaction, not what is inside: a producer with a fault can then store records that no consumer can read, and the batch's own greatest timestamp is believed. Records are checked all the same where the topic demands it: with cleanup.policy=compact, message.timestamp.type=LogAppendTime, message.timestamp.before.max.ms, max.decompressed.message.bytes or another compression.type than the batch's.",
  }),
  'kompakt.lookup.enable': oneOf(['true', 'false', 'on-demand'], {
    default: 'on-demand',
    doc: 'Whether keys of a compacted topic can be looked up. true: its key table is read when the broker starts; on-demand: when it is asked for the first time; false: never.',
  }),
  'leader.replication.throttled.replicas': list({
    ...throttledReplicas,
    doc: 'Replicas whose replication is throttled on the sending side.',
  }),
  'local.retention.bytes': long({
    default: -2,
    min: -2,
    brokerKey: 'log.local.retention.bytes',
    accepted: noTiers,
    doc: 'How much of a tiered log stays on the local disk.',
  }),
  'local.retention.ms': long({
    default: -2,
    min: -2,
    brokerKey: 'log.local.retention.ms',
    accepted: noTiers,
    doc: 'How long records of a tiered log stay on the local disk.',
  }),
  'max.compaction.lag.ms': long({
    default: longMax,
    min: 1,
    brokerKey: 'log.cleaner.max.compaction.lag.ms',
    doc: 'A record older than this makes its log due for cleaning, however small the dirty part.',
  }),
  'max.decompressed.message.bytes': int({
    default: javaArrayMax,
    min: 1,
    max: javaArrayMax,
    brokerKey: 'max.decompressed.message.bytes',
    doc: 'The largest size to which one record of a compressed batch may be decompressed. kompakt.records.decompressed.max.bytes is a ceiling for all topics.',
  }),
  'max.message.bytes': int({
    default: MiB + 12,
    min: 0,
    brokerKey: 'message.max.bytes',
    doc: 'The largest batch that is accepted, as it is stored (after compression).',
  }),
  'message.timestamp.after.max.ms': long({
    default: hourMs,
    min: 0,
    brokerKey: 'log.message.timestamp.after.max.ms',
    doc: 'How far a timestamp set by the producer may lie in the future.',
  }),
  'message.timestamp.before.max.ms': long({
    default: longMax,
    min: 0,
    brokerKey: 'log.message.timestamp.before.max.ms',
    doc: 'How far a timestamp set by the producer may lie in the past.',
  }),
  'message.timestamp.type': oneOf(['CreateTime', 'LogAppendTime'], {
    default: 'CreateTime',
    brokerKey: 'log.message.timestamp.type',
    doc: "Whether a record keeps the producer's timestamp or gets the time of its append.",
  }),
  'min.cleanable.dirty.ratio': double({
    default: 0.5,
    min: 0,
    max: 1,
    brokerKey: 'log.cleaner.min.cleanable.ratio',
    doc: 'A log is cleaned when at least this share of it has not been cleaned yet.',
  }),
  'min.compaction.lag.ms': long({
    default: 0,
    min: 0,
    brokerKey: 'log.cleaner.min.compaction.lag.ms',
    doc: 'A record younger than this is not cleaned.',
  }),
  'min.insync.replicas': int({
    default: 1,
    min: 1,
    brokerKey: 'min.insync.replicas',
    doc: 'How many replicas must have a batch before acks=all is answered. Here there is one replica, so above 1 such a produce is refused.',
  }),
  preallocate: boolean({
    default: false,
    brokerKey: 'log.preallocate',
    doc: 'Give a new segment file its full size at once.',
  }),
  'remote.copy.lag.bytes': long({
    default: -1,
    min: -1,
    brokerKey: 'log.remote.copy.lag.bytes',
    accepted: noTiers,
    doc: 'How many bytes a tiered log may be ahead of its remote copy.',
  }),
  'remote.copy.lag.ms': long({
    default: 0,
    min: -1,
    brokerKey: 'log.remote.copy.lag.ms',
    accepted: noTiers,
    doc: 'How long a tiered log may be ahead of its remote copy.',
  }),
  'remote.log.copy.disable': boolean({
    default: false,
    accepted: noTiers,
    doc: 'Whether a tiered log stops copying to remote storage.',
  }),
  'remote.log.delete.on.disable': boolean({
    default: false,
    accepted: noTiers,
    doc: 'Whether remote data goes when tiering is switched off.',
  }),
  'remote.storage.enable': boolean({
    default: false,
    refuse: (value) => (value ? 'there is no remote storage' : undefined),
    doc: 'Whether old segments move to remote storage. true is refused: there is none.',
  }),
  'retention.bytes': long({
    default: -1,
    brokerKey: 'log.retention.bytes',
    doc: 'Delete the oldest segments while the partition is larger than this; -1: no limit.',
  }),
  'retention.ms': long({
    default: 7 * dayMs,
    min: -1,
    brokerKey: 'log.retention.ms',
    doc: 'Delete segments whose newest record is older than this; -1: no limit.',
  }),
  'segment.bytes': int({
    default: 1 * GiB,
    min: 1 * MiB,
    brokerKey: 'log.segment.bytes',
    doc: 'Start a new segment when the next batch would make this one larger.',
  }),
  'segment.index.bytes': int({
    default: 10 * MiB,
    min: 4,
    brokerKey: 'log.index.size.max.bytes',
    doc: 'Start a new segment when an index of this one is full at this size.',
  }),
  'segment.jitter.ms': long({
    default: 0,
    min: 0,
    brokerKey: 'log.roll.jitter.ms',
    doc: 'A random time up to this one is taken off segment.ms, so that not all logs roll at once.',
  }),
  'segment.ms': long({
    default: 7 * dayMs,
    min: 1,
    brokerKey: 'log.roll.ms',
    doc: 'Start a new segment when the first record of this one is older than this.',
  }),
  'unclean.leader.election.enable': boolean({
    default: false,
    brokerKey: 'unclean.leader.election.enable',
    accepted: oneReplica,
    doc: 'Whether a replica that is not in sync may become leader.',
  }),
};

export type TopicKeyName = keyof typeof topicKeys;
