import { errors } from '../../../protocol/errors.ts';
import { offsetDelete } from '../../../protocol/messages/groups/offset-delete.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

/** Forgets what a group has committed for some partitions (KIP-496). */
export const offsetDeleteHandler = defineHandler(offsetDelete, {
  versions: '0',
  async handle(services, request) {
    const known = request.topics.flatMap(({ name, partitions }) =>
      partitions
        .map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex }))
        .filter(({ topic, partition }) => exists(services, topic, partition)),
    );
    const results = await services.groups.deleteOffsets(request.groupId, known);
    if (typeof results === 'number') return refusal(results);
    const codes = new Map(known.map(({ topic, partition }, i) => [`${topic}:${partition}`, results[i]!]));
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: codes.get(`${name}:${partitionIndex}`) ?? errors.unknownTopicOrPartition.code,
        })),
      })),
    };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function exists({ cluster }: Services, topic: string, partition: number): boolean {
  return cluster.topic(topic)?.partitions[partition] !== undefined;
}

function refusal(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, topics: [] };
}
