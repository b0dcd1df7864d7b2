import { errors } from '../../../protocol/errors.ts';
import { alterReplicaLogDirs } from '../../../protocol/messages/topics/alter-replica-log-dirs.ts';
import { defineHandler } from '../handler.ts';

/** There is one log directory: moving a replica into it is done already, any other is not ours. */
export const alterReplicaLogDirsHandler = defineHandler(alterReplicaLogDirs, {
  versions: '1-2',
  handle({ logDirectory, partitions }, request) {
    const byTopic = new Map<string, { partitionIndex: number; errorCode: number }[]>();
    for (const { path, topics } of request.dirs) {
      for (const topic of topics) {
        if (topic.partitions.length === 0) continue;
        let rows = byTopic.get(topic.name);
        if (rows === undefined) byTopic.set(topic.name, (rows = []));
        for (const partitionIndex of topic.partitions) {
          const exists = partitions.get(topic.name, partitionIndex) !== undefined;
          const { code } =
            path !== logDirectory.path
              ? errors.logDirNotFound
              : exists
                ? errors.none
                : errors.unknownTopicOrPartition;
          rows.push({ partitionIndex, errorCode: code });
        }
      }
    }
    return {
      throttleTimeMs: 0,
      results: [...byTopic].map(([topicName, rows]) => ({ topicName, partitions: rows })),
    };
  },
  refuse: (request, errorCode) => ({
    throttleTimeMs: 0,
    results: request.dirs.flatMap(({ topics }) =>
      topics.map(({ name, partitions }) => ({
        topicName: name,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    ),
  }),
});
