import { errors } from '../../../protocol/errors.ts';
import { deleteRecords } from '../../../protocol/messages/data/delete-records.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { isInternalTopic } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { defineHandler } from '../handler.ts';

/** Moves log start offsets up; the segments below go with the next retention run. Offset -1 is the high watermark. */
export const deleteRecordsHandler = defineHandler(deleteRecords, {
  versions: '0-2',
  async handle(services, request) {
    const topics = [...offsetsByTopic(request.topics)];
    const all = topics.flatMap(([topic, offsets]) =>
      [...offsets].map(([index, offset]) => ({ topic, index, offset })),
    );
    const { clock } = services.environment;
    const deleted = await answerEach(clock, all, ({ topic, index, offset }) =>
      deleteOne(services, topic, index, offset),
    );
    const answers = deleted.values();
    return {
      throttleTimeMs: 0,
      topics: topics.map(([name, { size }]) => ({
        name,
        partitions: Array.from({ length: size }, () => answers.next().value!),
      })),
    };
  },
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode })),
    })),
  }),
});

type Asked = RequestOf<typeof deleteRecords>['topics'];

/** A partition named twice is answered once, and its last offset counts; a topic without partitions is not answered. */
function offsetsByTopic(topics: Asked): Map<string, Map<number, number>> {
  const found = new Map<string, Map<number, number>>();
  for (const { name, partitions } of topics) {
    if (partitions.length === 0) continue;
    const offsets = found.get(name) ?? new Map<number, number>();
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset);
    found.set(name, offsets);
  }
  return found;
}

async function deleteOne({ partitions }: Services, topic: string, partitionIndex: number, offset: number) {
  const answer = (lowWatermark: number, errorCode: number) => ({ partitionIndex, lowWatermark, errorCode });
  const partition = partitions.get(topic, partitionIndex);
  const missing = partitions.missingCode(topic, zeroUuid, false, partitionIndex);
  if (partition === undefined && missing === errors.unknownTopicOrPartition.code) return answer(-1, missing);
  if (isInternalTopic(topic)) return answer(-1, errors.invalidTopicException.code);
  if (partition === undefined) return answer(-1, missing);
  const { log } = partition;
  const policy = log.settings['cleanup.policy'];
  // Records of a topic that is compacted only are not the user's to cut off.
  if (policy.includes('compact') && !policy.includes('delete'))
    return answer(-1, errors.policyViolation.code);
  const before = offset === -1 ? log.highWatermark : offset;
  if (before < 0 || before > log.highWatermark) return answer(-1, errors.offsetOutOfRange.code);
  const done = await log.deleteRecordsBefore(before);
  return 'errorCode' in done ? answer(-1, done.errorCode) : answer(done.logStartOffset, errors.none.code);
}
