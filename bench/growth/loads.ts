/** What subjects have in common: topics with many partitions, records in each of them, and a broker that has seen work before. */
import { produce } from '../../protocol/messages/data/produce.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import type { Client } from '../../tools/client.ts';
import { fetchFrame, produceFrames } from '../side-by-side/frames.ts';
import { type Fetched, type Latencies, rawClient } from '../side-by-side/raw.ts';
import { createAll, type Stage } from '../side-by-side/stage.ts';

export const recordBytes = 1024;
export const batchBytes = 64 * 1024;
export const smallBatchBytes = 4096;
const partitionsPerTopic = 1000;
const megabyte = 1e6;

export interface Topic {
  readonly name: string;
  readonly partitions: number;
}

/** So many partitions, in topics of a thousand; with a record in each. */
export async function createPartitions(
  client: Client,
  count: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<Topic[]> {
  const topics: Topic[] = [];
  for (let left = count; left > 0; left -= partitionsPerTopic)
    topics.push({ name: `part-${topics.length}`, partitions: Math.min(left, partitionsPerTopic) });
  for (const { name, partitions } of topics) {
    await createAll(client, [name], partitions, configs);
    await writeToEach(client, { name, partitions });
  }
  return topics;
}

/** One request, a record to each partition. */
export async function writeToEach(client: Client, { name, partitions }: Topic): Promise<void> {
  const records = batchOf(100);
  const partitionData = Array.from({ length: partitions }, (_, index) => ({ index, records }));
  const topicData = [{ name, partitionData }];
  const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 60_000, topicData });
  const refused = answer.responses[0]!.partitionResponses.find(({ errorCode }) => errorCode !== 0);
  if (refused) throw new Error(`Produce ${name}-${refused.index}: error ${refused.errorCode}`);
}

export function batchOf(valueBytes: number): Buffer {
  return buildBatch({
    records: [
      { timestampMs: Date.now(), key: Buffer.from('key'), value: Buffer.alloc(valueBytes, 'x'), headers: [] },
    ],
  });
}

/** Writes so many MB to partition 0, in batches of that size. */
export async function produceBytes(
  stage: Stage,
  topic: string,
  bytes: number,
  sized: { readonly recordBytes?: number; readonly batchBytes?: number } = {},
): Promise<void> {
  const load = { topic, partitions: 1, recordBytes, batchBytes, ...sized };
  const frames = await produceFrames(stage.folder, load);
  const count = Math.max(1, Math.round(bytes / frames.valueBytes));
  await rawClient<Latencies>('replay', stage.port, [frames.file], {
    inFlight: 5,
    errorAt: frames.errorAt,
    count,
  });
}

/** Reads partition 0 to at least this offset. */
export async function fetchUpTo(stage: Stage, topic: string, upTo: number): Promise<void> {
  const file = fetchFrame(stage.folder, topic, 1);
  await rawClient<Fetched>('fetch', stage.port, [file], { consumers: 1, upTo });
}

/** So that no figure is of code that the engine has yet to compile: each kind of request some thousand times. */
export async function warmUp(stage: Stage): Promise<void> {
  const topic = await stage.topic(1);
  await produceBytes(stage, topic, 30 * megabyte);
  await produceBytes(stage, topic, 3 * megabyte, { batchBytes: recordBytes });
  for (let i = 0; i < 3; i++) await fetchUpTo(stage, topic, Math.floor((29 * megabyte) / recordBytes));
}

export async function again(times: number, work: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < times; n++) await work(n);
}
