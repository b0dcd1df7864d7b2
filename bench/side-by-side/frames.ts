/** The requests that raw/client.c sends, ready-made: files of frames, each with its length in front. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiVersions } from '../../protocol/messages/cluster/api-versions.ts';
import { fetch } from '../../protocol/messages/data/fetch.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { type CodecName, codecIds, ensureCodec } from '../../protocol/records/compression.ts';
import type { AnyApi, RequestInit } from '../../protocol/schema/api.ts';
import { encodeRequest } from '../../protocol/wire/headers.ts';

/** The last versions whose fields are where a C program finds them: no compact arrays, topics by name. Both brokers serve them. */
const produceVersion = 7;
const fetchVersion = 11;
const clientId = 'bench';

export interface Load {
  readonly topic: string;
  readonly partitions: number;
  /** Of one record's value. */
  readonly recordBytes: number;
  /** Of values in one batch. */
  readonly batchBytes: number;
  readonly codec?: CodecName;
  /** Distinct keys, in turn; left out: no keys. */
  readonly keys?: number;
  /** A request has a batch for each partition, instead of one for the next partition. */
  readonly isWide?: boolean;
}

export interface ProduceFrames {
  readonly file: string;
  /** Of values, in one request. */
  readonly valueBytes: number;
  readonly recordsPerRequest: number;
  /** Where an answer has the error code of its first partition. */
  readonly errorAt: number;
}

/** Text that compresses about as well as JSON does: half of it is drawn anew for each record. */
function textOf(bytes: number, random: () => number): Buffer {
  const value = Buffer.alloc(bytes, 'the quick brown fox jumps over the lazy dog; ');
  for (let i = 0; i < bytes / 2; i++) value[i] = 32 + (random() % 90);
  return value;
}

/** xorshift: the same bytes in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export async function produceFrames(folder: string, load: Load): Promise<ProduceFrames> {
  const { topic, partitions, recordBytes, batchBytes, codec = 'none', keys, isWide = false } = load;
  await ensureCodec(codecIds[codec]);
  const random = randomNumbers(4711);
  const perBatch = Math.max(1, Math.floor(batchBytes / recordBytes));
  // Some MB of frames that are sent again and again: more than a processor's cache, so that the client reads memory too.
  const distinct = keys === undefined ? Math.max(4, Math.ceil(4e6 / batchBytes)) : Math.ceil(keys / perBatch);
  const values = Array.from({ length: 64 }, () => textOf(recordBytes, random));
  let drawn = 0;
  const batchOf = (): Buffer => {
    const records = Array.from({ length: perBatch }, (_, i) => {
      const n = drawn++;
      const key = keys === undefined ? null : Buffer.from(`key ${n % keys}`);
      return { timestampMs: 1_790_000_000_000 + i, key, value: values[n % values.length]!, headers: [] };
    });
    return buildBatch({ records, codec: codecIds[codec] });
  };
  const frames: Buffer[] = [];
  // Each partition is in it equally often.
  const count = keys === undefined ? Math.ceil(distinct / partitions) * partitions : distinct;
  for (let i = 0; i < (isWide ? 2 : count); i++) {
    const indexes = isWide ? Array.from({ length: partitions }, (_, index) => index) : [i % partitions];
    const partitionData = indexes.map((index) => ({ index, records: batchOf() }));
    const topicData = [{ name: topic, partitionData }];
    frames.push(...frameOf(produce, produceVersion, { acks: -1, timeoutMs: 30_000, topicData }));
  }
  const batches = isWide ? partitions : 1;
  return {
    file: write(folder, `produce-${topic}`, frames),
    valueBytes: batches * perBatch * recordBytes,
    recordsPerRequest: batches * perBatch,
    errorAt: 4 + 4 + 2 + topic.length + 4 + 4,
  };
}

export interface FetchShape {
  readonly maxWaitMs?: number;
  readonly partitionMaxBytes?: number;
}

/** One request for all partitions from offset 0 on; the client puts other offsets into it. */
export function fetchFrame(
  folder: string,
  topic: string,
  partitions: number,
  shape: FetchShape = {},
): string {
  const { maxWaitMs = 500, partitionMaxBytes = 1024 * 1024 } = shape;
  const frames = frameOf(fetch, fetchVersion, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 50 * 1024 * 1024,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topic,
        partitions: Array.from({ length: partitions }, (_, partition) => ({
          partition,
          fetchOffset: 0,
          partitionMaxBytes,
        })),
      },
    ],
    forgottenTopicsData: [],
    rackId: '',
  });
  return write(folder, `fetch-${topic}`, frames);
}

export function apiVersionsFrame(folder: string): string {
  return write(folder, 'api-versions', frameOf(apiVersions, 0, {}));
}

function frameOf<A extends AnyApi>(api: A, version: number, body: RequestInit<A>): Buffer[] {
  return encodeRequest(api, version, { correlationId: 1, clientId }, body) as Buffer[];
}

function write(folder: string, name: string, frames: readonly Buffer[]): string {
  const path = join(folder, `${name}.frames`);
  writeFileSync(path, Buffer.concat(frames));
  return path;
}
