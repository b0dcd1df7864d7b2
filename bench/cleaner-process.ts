/**
 * Our cleaner as a process of its own, so that its CPU time and memory are nobody else's: opens a partition's directory, runs one pass
 * over it in the cleaner's thread, as a broker would, and puts the segments in place. One JSON line in, one out.
 *
 *     { "directory": "…/articles-0" }   →   { "seconds": 1.9, "endOffset": 5000000, "memoryBytes": 30000000, … }
 */
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanPartition } from '../compaction/clean-partition.ts';
import { findCleanable } from '../compaction/cleanable.ts';
import { cleanerThreads } from '../compaction/create-cleaner-thread.ts';
import { defaultTopicSettings } from '../storage/config/topic-settings.ts';
import { createNodeEnvironment } from '../storage/environment/node.ts';
import { Log } from '../storage/log/log.ts';

const environment = createNodeEnvironment();
const nothing = (): void => {};
const logger = { debug: nothing, info: nothing, warn: console.error, error: console.error };
const thread = cleanerThreads({ environment, warn: console.error })();

async function clean(directory: string, dedupeBufferBytes: number): Promise<object> {
  const log = Log.open({
    environment,
    directory,
    topic: basename(directory),
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAAAg',
    settings: {
      ...defaultTopicSettings,
      'cleanup.policy': ['compact'],
      'segment.bytes': 64 * 1024 * 1024,
      'file.delete.delay.ms': 0,
    },
    durability: { kind: 'page-cache' },
    logger,
    producerIdExpirationMs: () => 86_400_000,
    recoveryPoint: Number.MAX_SAFE_INTEGER,
    logStartOffset: 0,
    cleanShutdown: true,
  });
  const passes: object[] = [];
  let firstDirty = 0;
  const startedMs = performance.now();
  for (;;) {
    const view = log.cleanerView();
    const cleanable = findCleanable(view, log.settings, firstDirty, Date.now());
    const outcome = await cleanPartition(log, view, cleanable, {
      thread,
      limits: {
        dedupeBufferBytes,
        loadFactor: 0.9,
        ioBufferBytes: 512 * 1024,
        ioBytesPerSecond: Number.POSITIVE_INFINITY,
      },
      nowMs: Date.now(),
      isDryRun: false,
      tombstonesGoUpToMs: -1,
      countsUncleanable: false,
    });
    if (outcome.kind !== 'cleaned') throw new Error(`the pass ended ${outcome.kind}`);
    const { endOffset, bytesBefore, bytesAfter, bytesRead, memoryBytes, mapEntries, durationMs } =
      outcome.result;
    passes.push({ endOffset, bytesBefore, bytesAfter, bytesRead, memoryBytes, mapEntries, durationMs });
    firstDirty = endOffset;
    if (endOffset >= cleanable.firstUncleanableOffset) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  await log.close();
  return { seconds, endOffset: firstDirty, sizeBytes: log.sizeBytes, passes };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { directory, dedupeBufferBytes } = JSON.parse(line) as {
    directory: string;
    dedupeBufferBytes: number;
  };
  console.log(JSON.stringify(await clean(directory, dedupeBufferBytes)));
}
await thread.close();
