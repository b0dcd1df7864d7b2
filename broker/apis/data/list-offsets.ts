import { errors } from '../../../protocol/errors.ts';
import { listOffsets } from '../../../protocol/messages/data/list-offsets.ts';
import { RecordError } from '../../../protocol/records/record-error.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { FileError } from '../../../storage/environment/files.ts';
import type { TimestampedOffset } from '../../../storage/log/log-types.ts';
import { leaderEpochError } from '../../partitions/fetch-read.ts';
import type { Partition } from '../../partitions/partition.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';

/** Timestamps that mean a place, and the first version that knows them (KIP-734, KIP-405, KIP-1005, KIP-1023). */
const latest = -1;
const earliest = -2;
const maxTimestamp = -3;
const earliestLocal = -4;
const latestTiered = -5;
const earliestPendingUpload = -6;
const firstVersionOf = new Map([
  [latest, 1],
  [earliest, 1],
  [maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
]);

const leaderEpochVersion = 4;
const consumerReplicaId = -1;
const nowhere: TimestampedOffset = { timestampMs: -1, offset: -1, leaderEpoch: -1 };

/** Where a partition begins and ends, and which offset is the first with a timestamp or later. */
export const listOffsetsHandler = defineHandler(listOffsets, {
  versions: '1-11',
  async handle({ partitions, environment }, request, caller) {
    const upTo =
      request.replicaId !== consumerReplicaId
        ? 'end'
        : request.isolationLevel === 1
          ? 'stable'
          : 'high-watermark';
    const seen = new Map<string, number>();
    for (const { name, partitions: asked } of request.topics) {
      for (const { partitionIndex } of asked) {
        const key = `${name}:${partitionIndex}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
      }
    }
    const answerOne = async ({ topic, asked }: { topic: string; asked: Asked }) => {
      if (seen.get(`${topic}:${asked.partitionIndex}`)! > 1)
        return refusal(asked, errors.invalidRequest.code);
      const firstVersion = firstVersionOf.get(asked.timestamp) ?? Number.POSITIVE_INFINITY;
      if (asked.timestamp < 0 && caller.apiVersion < firstVersion)
        return refusal(asked, errors.unsupportedVersion.code);
      const partition = partitions.get(topic, asked.partitionIndex);
      if (partition === undefined)
        return refusal(asked, partitions.missingCode(topic, zeroUuid, false, asked.partitionIndex));
      const epochError = currentEpochError(partition.leaderEpoch, asked.currentLeaderEpoch);
      if (epochError !== errors.none.code) return refusal(asked, epochError);
      const found = await find(partition, asked.timestamp, upTo);
      if (found === null) return refusal(asked, errors.kafkaStorageError.code);
      return {
        partitionIndex: asked.partitionIndex,
        errorCode: errors.none.code,
        timestamp: found.timestampMs,
        offset: found.offset,
        leaderEpoch: caller.apiVersion >= leaderEpochVersion ? found.leaderEpoch : -1,
      };
    };
    const topics = byTopic(request.topics);
    const all = topics.flatMap(({ name, partitions: asked }) =>
      asked.map((one) => ({ topic: name, asked: one })),
    );
    const answers = (await answerEach(environment.clock, all, answerOne)).values();
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions: asked }) => ({
        name,
        partitions: asked.map(() => answers.next().value!),
      })),
    };
  },
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((asked) => refusal(asked, errorCode)),
    })),
  }),
});

type AskedTopic = { readonly name: string; readonly partitions: readonly Asked[] };

/** Each topic and each partition once, and no topic without one: what is named twice is refused once. */
function byTopic(topics: readonly AskedTopic[]): AskedTopic[] {
  const found = new Map<string, Map<number, Asked>>();
  for (const { name, partitions } of topics) {
    if (partitions.length === 0) continue;
    const known = found.get(name) ?? new Map<number, Asked>();
    for (const asked of partitions) known.set(asked.partitionIndex, asked);
    found.set(name, known);
  }
  return [...found].map(([name, partitions]) => ({ name, partitions: [...partitions.values()] }));
}

/** Here only -1 means that the client does not check; Fetch takes every negative epoch so. */
function currentEpochError(current: number, asked: number): number {
  return asked < -1 ? errors.fencedLeaderEpoch.code : leaderEpochError(current, asked);
}

type UpTo = 'high-watermark' | 'stable' | 'end';
type Asked = {
  readonly partitionIndex: number;
  readonly currentLeaderEpoch: number;
  readonly timestamp: number;
};

/** Null: the log could not be read. */
async function find(partition: Partition, timestamp: number, upTo: UpTo): Promise<TimestampedOffset | null> {
  const { log, leaderEpoch } = partition;
  switch (timestamp) {
    case latest:
      return { ...log.latest(upTo), leaderEpoch };
    case earliest:
    case earliestLocal:
      return withEpochOfEmptyLog(log.earliest(), partition);
    // Without tiered storage nothing is tiered and nothing waits for an upload.
    case latestTiered:
    case earliestPendingUpload:
      return nowhere;
    default:
      return search(partition, timestamp, upTo);
  }
}

async function search({ log }: Partition, timestamp: number, upTo: UpTo): Promise<TimestampedOffset | null> {
  try {
    if (timestamp !== maxTimestamp) return await log.offsetForTimestamp(timestamp, upTo);
    // Kafka looks for the newest record of all, and says nothing when the reader may not see that one yet.
    const newest = await log.maxTimestamp('end');
    return newest.offset >= log.latest(upTo).offset ? nowhere : newest;
  } catch (error) {
    if (error instanceof FileError || error instanceof RecordError) return null;
    throw error;
  }
}

/** A log that nobody has written knows no epoch yet; the partition's is what its first record will have. */
function withEpochOfEmptyLog(found: TimestampedOffset, { log, leaderEpoch }: Partition): TimestampedOffset {
  return log.latestEpoch() === null ? { ...found, leaderEpoch } : found;
}

function refusal({ partitionIndex }: { readonly partitionIndex: number }, errorCode: number) {
  return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}
