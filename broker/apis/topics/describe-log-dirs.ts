import { errors } from '../../../protocol/errors.ts';
import { describeLogDirs } from '../../../protocol/messages/topics/describe-log-dirs.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

/** Sizes on disk: one log directory, its partitions, and how much room its volume has (KIP-827). */
export const describeLogDirsHandler = defineHandler(describeLogDirs, {
  versions: '1-5',
  handle(services, request) {
    const volume = services.logDirectory.volume();
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      results: [
        {
          errorCode: services.logDirectory.isOffline ? errors.kafkaStorageError.code : errors.none.code,
          logDir: services.logDirectory.path,
          topics: services.logDirectory.isOffline ? [] : topicsOf(services, request.topics),
          totalBytes: volume?.totalBytes ?? -1,
          usableBytes: volume?.usableBytes ?? -1,
          isCordoned: false,
        },
      ],
    };
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, results: [] }),
});

/** A topic may be named more than once. */
function wantedPartitions(asked: NonNullable<Asked>): Map<string, Set<number>> {
  const wanted = new Map<string, Set<number>>();
  for (const { topic, partitions } of asked) {
    let indexes = wanted.get(topic);
    if (indexes === undefined) wanted.set(topic, (indexes = new Set()));
    for (const index of partitions) indexes.add(index);
  }
  return wanted;
}

type Asked = readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null;

function topicsOf({ partitions }: Services, asked: Asked) {
  const wanted = asked === null ? null : wantedPartitions(asked);
  const topics = new Map<
    string,
    { partitionIndex: number; partitionSize: number; offsetLag: number; isFutureKey: boolean }[]
  >();
  for (const { topic, index, log } of partitions.all()) {
    if (wanted !== null && !wanted.get(topic)?.has(index)) continue;
    let rows = topics.get(topic);
    if (rows === undefined) topics.set(topic, (rows = []));
    rows.push({ partitionIndex: index, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false });
  }
  return [...topics].map(([name, rows]) => ({ name, partitions: rows }));
}
