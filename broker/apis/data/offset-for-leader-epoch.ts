import { errors } from '../../../protocol/errors.ts';
import { offsetForLeaderEpoch } from '../../../protocol/messages/data/offset-for-leader-epoch.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { leaderEpochError } from '../../partitions/fetch-read.ts';
import { defineHandler } from '../handler.ts';

/** Where a leader epoch ended, so that a consumer that had read past a truncation notices (KIP-320). */
export const offsetForLeaderEpochHandler = defineHandler(offsetForLeaderEpoch, {
  versions: '2-4',
  handle: ({ partitions }, request) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions: asked }) => ({
      topic,
      partitions: asked.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = partitions.get(topic, index);
        if (partition === undefined)
          return refusal(index, partitions.missingCode(topic, zeroUuid, false, index));
        const epochError = leaderEpochError(partition.leaderEpoch, currentLeaderEpoch);
        if (epochError !== errors.none.code) return refusal(index, epochError);
        const end = partition.endOffsetForEpoch(leaderEpoch);
        return {
          errorCode: errors.none.code,
          partition: index,
          leaderEpoch: end.epoch,
          endOffset: end.endOffset,
        };
      }),
    })),
  }),
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => refusal(partition, errorCode)),
    })),
  }),
});

function refusal(partition: number, errorCode: number) {
  return { errorCode, partition, leaderEpoch: -1, endOffset: -1 };
}
