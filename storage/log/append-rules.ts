import type { TimestampType } from '../../protocol/records/batch.ts';
import { type CodecName, codecIds, maxDecompressedBatchBytes } from '../../protocol/records/compression.ts';
import { longMax } from '../config/define.ts';
import { topicKeys } from '../config/topic-keys.ts';
import type { TopicSettings } from '../config/topic-settings.ts';

/** What a topic asks of the batches that are appended to it: the few settings that append validation reads. */
export interface AppendRules {
  /** Then every record must have a key. */
  readonly compactedTopic: boolean;
  readonly timestampType: TimestampType;
  /** Only with CreateTime: how far a record may lie before and after the broker's clock. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** `producer`: stored as it came. */
  readonly compression: 'producer' | CodecName;
  /** Of `compression`; left out: the codec's default. */
  readonly level?: number;
  /** `max.message.bytes`, for the batch as it came and as it is stored. */
  readonly maxMessageBytes: number;
  /** `max.decompressed.message.bytes`: one record of a compressed batch (Kafka's maxRecordBodySize). */
  readonly maxRecordBodyBytes: number;
  /** What a whole batch may become; our own limit, which Kafka has not. */
  readonly maxDecompressedBytes: number;
  /** Nothing that this topic asks needs the records of a compressed batch: see `kompakt.compressed.validation`. */
  readonly headerSuffices: boolean;
}

/** All partitions of a topic share them: what each append reads stays in the processor's cache. */
const known = new WeakMap<TopicSettings, AppendRules>();

/** The rules in a topic's settings; made once per change of them. */
export function appendRulesOf(
  settings: TopicSettings,
  maxDecompressedBytes: number = maxDecompressedBatchBytes,
): AppendRules {
  const found = known.get(settings);
  if (found?.maxDecompressedBytes === maxDecompressedBytes) return found;
  const rules = rulesIn(settings, maxDecompressedBytes);
  known.set(settings, rules);
  return rules;
}

function rulesIn(settings: TopicSettings, maxDecompressedBytes: number): AppendRules {
  const compression = settings['compression.type'] === 'uncompressed' ? 'none' : settings['compression.type'];
  const level = levelOf(settings, compression);
  return {
    compactedTopic: settings['cleanup.policy'].includes('compact'),
    timestampType: settings['message.timestamp.type'],
    timestampBeforeMaxMs: settings['message.timestamp.before.max.ms'],
    timestampAfterMaxMs: settings['message.timestamp.after.max.ms'],
    compression,
    ...(level === undefined ? {} : { level }),
    maxMessageBytes: settings['max.message.bytes'],
    maxRecordBodyBytes: settings['max.decompressed.message.bytes'],
    maxDecompressedBytes,
    headerSuffices: doesHeaderSuffice(settings),
  };
}

/**
 * A header has no keys, no append time to give, no oldest timestamp and no record's size. Its greatest timestamp can be held to
 * `message.timestamp.after.max.ms`.
 */
function doesHeaderSuffice(settings: TopicSettings): boolean {
  return (
    settings['kompakt.compressed.validation'] === 'header' &&
    !settings['cleanup.policy'].includes('compact') &&
    settings['message.timestamp.type'] === 'CreateTime' &&
    settings['message.timestamp.before.max.ms'] === longMax &&
    settings['max.decompressed.message.bytes'] >= topicKeys['max.decompressed.message.bytes'].default
  );
}

/** The number of the codec in which a batch that came in `sourceCodec` is stored. */
export function targetCodec(rules: AppendRules, sourceCodec: number): number {
  return rules.compression === 'producer' ? sourceCodec : codecIds[rules.compression];
}

/** Where the producer chose the codec, a batch that must be written again gets that codec's default level. */
function levelOf(settings: TopicSettings, compression: 'producer' | CodecName): number | undefined {
  switch (compression) {
    case 'gzip':
      return settings['compression.gzip.level'];
    case 'lz4':
      return settings['compression.lz4.level'];
    case 'zstd':
      return settings['compression.zstd.level'];
    default:
      return undefined;
  }
}
