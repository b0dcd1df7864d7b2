/**
 * The load of the cleaner's latency, as a process of its own, so that its CPU time is not the broker's. The same client and the same bytes
 * for every broker: `tsx bench/load.ts MODE JSON`, one line of JSON as the result.
 */

import { fetch } from '../protocol/messages/data/fetch.ts';
import { produce } from '../protocol/messages/data/produce.ts';
import { createTopics } from '../protocol/messages/topics/create-topics.ts';
import { metadata } from '../protocol/messages/topics/metadata.ts';
import { buildBatch } from '../protocol/records/batch-builder.ts';
import { Client } from '../tools/client.ts';

/** Versions that both brokers have and that name topics by name. */
const produceVersion = 9;
const fetchVersion = 12;

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  readonly partitions: number;
  /** Bytes of one record's value. */
  readonly recordBytes: number;
  /** Bytes of values in one batch. */
  readonly batchBytes: number;
  /** Bytes of values in all. */
  readonly totalBytes: number;
  readonly inFlight: number;
  /** Distinct keys, in turn; left out: records without a key. */
  readonly keys?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

async function createTopic(client: Client, options: LoadOptions): Promise<void> {
  const { topic, partitions } = options;
  const configs = Object.entries(options.configs ?? {}).map(([name, value]) => ({ name, value }));
  const created = await client.request(createTopics, 5, {
    topics: [{ name: topic, numPartitions: partitions, replicationFactor: 1, assignments: [], configs }],
    validateOnly: false,
  });
  const { errorCode } = created.topics[0]!;
  if (errorCode !== 0 && errorCode !== 36) throw new Error(`CreateTopics: error ${errorCode}`);
  for (;;) {
    const { topics } = await client.request(metadata, 9, {
      topics: [{ name: topic }],
      allowAutoTopicCreation: false,
    });
    const ready =
      topics[0]?.partitions.filter(({ leaderId, errorCode: code }) => leaderId >= 0 && code === 0) ?? [];
    if (ready.length === partitions) return;
  }
}

function batchOf({ recordBytes, batchBytes, keys }: LoadOptions, seed: number): Buffer {
  const count = Math.max(1, Math.floor(batchBytes / recordBytes));
  const records = Array.from({ length: count }, (_, i) => ({
    timestampMs: 1_700_000_000_000 + i,
    key: keys === undefined ? null : Buffer.from(`key ${(seed * count + i) % keys}`),
    value: Buffer.alloc(recordBytes, `value ${seed} ${i} `),
    headers: [],
  }));
  return buildBatch({ records });
}

async function runProduce(options: LoadOptions): Promise<object> {
  const client = await Client.connect(options.host, options.port);
  await createTopic(client, options);
  const recordsPerBatch = Math.max(1, Math.floor(options.batchBytes / options.recordBytes));
  const valuesPerBatch = recordsPerBatch * options.recordBytes;
  const distinct = options.keys === undefined ? 4 : Math.ceil(options.keys / recordsPerBatch);
  const batches = Array.from({ length: distinct }, (_, i) => batchOf(options, i));
  const requests = Math.ceil(options.totalBytes / valuesPerBatch);
  let sent = 0;
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (sent < requests) {
      const n = sent++;
      const answer = await client.request(produce, produceVersion, {
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: options.topic,
            partitionData: [{ index: n % options.partitions, records: batches[n % batches.length]! }],
          },
        ],
      });
      const { errorCode } = answer.responses[0]!.partitionResponses[0]!;
      if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`);
    }
  };
  await Promise.all(Array.from({ length: options.inFlight }, lane));
  const seconds = (performance.now() - startMs) / 1000;
  client.close();
  return { seconds, payloadBytes: requests * valuesPerBatch, requests };
}

/** The offset after the last whole batch. */
function nextOffset(records: Buffer, from: number): number {
  let next = from;
  for (let at = 0; at + 61 <= records.length; ) {
    const bytes = 12 + records.readInt32BE(at + 8);
    if (at + bytes > records.length) break;
    next = Number(records.readBigInt64BE(at)) + records.readInt32BE(at + 23) + 1;
    at += bytes;
  }
  return next;
}

/** One record at a time, from the send to its arrival at a waiting fetch. */
async function runLatency(
  options: LoadOptions & {
    readonly count: number;
    readonly perSecond: number;
    /** Wanted one by one: [wall-clock ms of the send, ms until it was acknowledged]. */
    readonly wantsSamples?: boolean;
  },
): Promise<object> {
  const producer = await Client.connect(options.host, options.port);
  const consumer = await Client.connect(options.host, options.port);
  await createTopic(producer, options);
  const sentMs: number[] = [];
  const acknowledgedMs: number[] = [];
  const arrivedMs: number[] = [];
  const consuming = (async () => {
    let offset = 0;
    while (arrivedMs.length < options.count) {
      const answer = await consumer.request(fetch, fetchVersion, {
        maxWaitMs: 5_000,
        minBytes: 1,
        maxBytes: 1024 * 1024,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [
          {
            topic: options.topic,
            partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1024 * 1024 }],
          },
        ],
        forgottenTopicsData: [],
        rackId: '',
      });
      const records = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
      const next = nextOffset(records, offset);
      const now = performance.now();
      for (let i = offset; i < next; i++) arrivedMs.push(now);
      offset = next;
    }
  })();
  const batch = batchOf({ ...options, batchBytes: options.recordBytes }, 0);
  const everyMs = 1000 / options.perSecond;
  const startMs = performance.now();
  const answers: Promise<unknown>[] = [];
  for (let i = 0; i < options.count; i++) {
    const dueMs = startMs + i * everyMs;
    while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve));
    sentMs.push(performance.now());
    answers.push(
      producer
        .request(produce, produceVersion, {
          acks: -1,
          timeoutMs: 30_000,
          topicData: [{ name: options.topic, partitionData: [{ index: 0, records: batch }] }],
        })
        .then(() => {
          acknowledgedMs[i] = performance.now() - sentMs[i]!;
        }),
    );
  }
  await Promise.all([...answers, consuming]);
  producer.close();
  consumer.close();
  const latencies = sentMs.map((sent, i) => arrivedMs[i]! - sent);
  const [p50Ms, p99Ms, p999Ms] = percentiles(latencies);
  const [ackP50Ms, ackP99Ms, ackP999Ms] = percentiles(acknowledgedMs);
  const samples = acknowledgedMs.map((tookMs, i) => [performance.timeOrigin + sentMs[i]!, tookMs]);
  const extra = options.wantsSamples ? { samples } : {};
  return { p50Ms, p99Ms, p999Ms, ackP50Ms, ackP99Ms, ackP999Ms, ...extra };
}

/** p50, p99, p99.9. */
function percentiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return [0.5, 0.99, 0.999].map(
    (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!,
  );
}

const modes = { produce: runProduce, latency: runLatency } as const;
const [mode, json] = process.argv.slice(2);
const run = modes[mode as keyof typeof modes] as (options: unknown) => Promise<object>;
console.log(JSON.stringify(await run(JSON.parse(json!))));
