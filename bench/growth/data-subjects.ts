/** Produce and fetch, as the log, its segments and the partitions become more. */
import { fetch } from '../../protocol/messages/data/fetch.ts';
import type { RequestInit } from '../../protocol/schema/api.ts';
import { drawn } from '../micro/micro-case.ts';
import { produceFrames } from '../side-by-side/frames.ts';
import { type Latencies, rawClient } from '../side-by-side/raw.ts';
import type { Stage } from '../side-by-side/stage.ts';
import {
  again,
  fetchUpTo,
  produceBytes,
  recordBytes,
  smallBatchBytes,
  warmUp,
  writeToEach,
} from './loads.ts';
import { costOf, type Subject, sizesUpTo, withBroker, withFreshBroker } from './measuring.ts';

const megabyte = 1e6;

const produceLog: Subject = {
  name: 'produce',
  of: 'MB in the log',
  sizes: sizesUpTo(1000),
  curves: [{ row: 'produce, 1 KiB in batches of 64 KiB', work: 'size' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      const topic = await stage.topic(1);
      const cost = await costOf(stage.broker.pid, () => produceBytes(stage, topic, size * megabyte));
      return { 'produce, 1 KiB in batches of 64 KiB': cost };
    }),
};

/** Small enough that a thousand of them are no great log: 5 batches of 4 KiB. */
const segmentBytes = 5 * 4400;

/** A log of about so many segments; the offset of its end. */
export async function writeSegments(stage: Stage, count: number): Promise<string> {
  const topic = await stage.topic(1, { 'internal.segment.bytes': String(segmentBytes) });
  await produceBytes(stage, topic, count * 5 * smallBatchBytes, { batchBytes: smallBatchBytes });
  return topic;
}

const produceSegments: Subject = {
  name: 'produce',
  of: 'segments made',
  sizes: sizesUpTo(1000),
  curves: [{ row: 'produce into segments of 20 KB', work: 'size' }],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      await writeSegments(stage, 50);
      const cost = await costOf(stage.broker.pid, () => writeSegments(stage, size));
      return { 'produce into segments of 20 KB': cost };
    }),
};

const narrowRequests = 10_000;
const wideRequests = 50;

const producePartitions: Subject = {
  name: 'produce',
  of: 'partitions',
  sizes: sizesUpTo(1000),
  curves: [
    { row: '10,000 requests of one record, to partitions in turn', work: 'none' },
    { row: '50 requests with a record to each partition', work: 'size' },
  ],
  begin: async (directory, size) => () =>
    withFreshBroker(directory, {}, async (stage) => {
      await warmUp(stage);
      const topic = { name: await stage.topic(size), partitions: size };
      const load = { topic: topic.name, partitions: size, recordBytes, batchBytes: recordBytes };
      const frames = await produceFrames(stage.folder, load);
      const replay = (count: number): Promise<Latencies> =>
        rawClient('replay', stage.port, [frames.file], { inFlight: 64, errorAt: frames.errorAt, count });
      await replay(Math.max(1000, size));
      const narrow = await costOf(stage.broker.pid, () => replay(narrowRequests));
      const wide = await stage.withClient(async (client) => {
        await writeToEach(client, topic);
        return costOf(stage.broker.pid, () => again(wideRequests, () => writeToEach(client, topic)));
      });
      return {
        '10,000 requests of one record, to partitions in turn': narrow,
        '50 requests with a record to each partition': wide,
      };
    }),
};

const fetchLog: Subject = {
  name: 'fetch',
  of: 'MB in the log',
  sizes: sizesUpTo(1000),
  curves: [{ row: 'fetch all, 1 MiB a request', work: 'size' }],
  async begin(directory, size) {
    let topic = '';
    await withBroker(directory, {}, async (stage) => {
      topic = await stage.topic(1);
      await produceBytes(stage, topic, size * megabyte);
    });
    const upTo = Math.floor(((size - 1) * megabyte) / recordBytes);
    return () =>
      withBroker(directory, {}, async (stage) => {
        await warmUp(stage);
        const cost = await costOf(stage.broker.pid, () => fetchUpTo(stage, topic, upTo));
        return { 'fetch all, 1 MiB a request': cost };
      });
  },
};

const randomFetches = 3_000;

/** A Fetch without a session; takes what is there. */
function oneFetch(topic: string, fetchOffset: number): RequestInit<typeof fetch> {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 4096 }];
  const topics = [{ topic, partitions }];
  return { maxWaitMs: 0, minBytes: 0, isolationLevel: 0, sessionId: 0, topics, forgottenTopicsData: [] };
}

const fetchSegments: Subject = {
  name: 'fetch',
  of: 'segments',
  sizes: sizesUpTo(1000),
  curves: [{ row: '3,000 fetches of 4 KB at random offsets', work: 'none' }],
  async begin(directory, size) {
    let topic = '';
    await withBroker(directory, {}, async (stage) => {
      topic = await writeSegments(stage, size);
    });
    const records = size * 5 * (smallBatchBytes / recordBytes);
    return () =>
      withBroker(directory, {}, (stage) =>
        stage.withClient(async (client) => {
          const random = drawn(records);
          const ask = () => client.requestFrame(fetch, 11, oneFetch(topic, random()));
          await warmUp(stage);
          // The first look into a segment opens its files.
          await again(randomFetches, ask);
          const cost = await costOf(stage.broker.pid, () => again(randomFetches, ask));
          return { '3,000 fetches of 4 KB at random offsets': cost };
        }),
      );
  },
};

export const dataSubjects: readonly Subject[] = [
  produceLog,
  produceSegments,
  producePartitions,
  fetchLog,
  fetchSegments,
];
