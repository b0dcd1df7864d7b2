/** A consumer's Fetch requests, with what matters for a test said shortly. */
import { fetchHandler } from '../../../../broker/apis/data/fetch.ts';
import type { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { forEachBatch } from '../../../../protocol/records/batch.ts';
import { readRecords } from '../../../../protocol/records/record.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import type { FakeConnection } from '../../caller.ts';
import { type Watched, watch } from '../../groups/group-client.ts';
import type { World } from '../../world.ts';

export type FetchAnswer = ResponseOf<typeof fetch>;

/** "topic-partition" → fetch offset, or more. */
export type Asked = Record<
  string,
  | number
  | {
      readonly offset: number;
      readonly maxBytes?: number;
      readonly epoch?: number;
      readonly lastFetchedEpoch?: number;
    }
>;

export interface FetchOptions {
  /** Below 13 topics are named, from 13 on they have ids. */
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly readCommitted?: boolean;
  readonly session?: readonly [id: number, epoch: number];
  readonly forget?: readonly string[];
  readonly connection?: FakeConnection;
  readonly replicaId?: number;
  /** Topic ids that the cluster does not (or no longer) know. */
  readonly ids?: Readonly<Record<string, string>>;
}

export function fetching(
  world: World,
  asked: Asked,
  options: FetchOptions = {},
): Watched<FetchAnswer | null> {
  const { version = 17, session = [0, -1], connection } = options;
  const idOf = (topic: string): string =>
    options.ids?.[topic] ?? world.cluster.state.topic(topic)?.id ?? 'sf0KkVQDRf6C6V3cBWHl0A';
  const topics = Object.entries(asked).map(([name, what]) => {
    const { topic, index } = splitName(name);
    const { offset, maxBytes, epoch, lastFetchedEpoch } =
      typeof what === 'number' ? { offset: what, ...nothing } : { ...nothing, ...what };
    const partition = {
      partition: index,
      fetchOffset: offset,
      partitionMaxBytes: maxBytes ?? 1 << 20,
      currentLeaderEpoch: epoch ?? -1,
      lastFetchedEpoch: lastFetchedEpoch ?? -1,
    };
    return { topic, topicId: idOf(topic), partitions: [partition] };
  });
  const request = {
    replicaId: version < 15 ? (options.replicaId ?? -1) : -1,
    ...(version >= 15 ? { replicaState: { replicaId: options.replicaId ?? -1 } } : {}),
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 50 << 20,
    isolationLevel: options.readCommitted === true ? 1 : 0,
    sessionId: session[0],
    sessionEpoch: session[1],
    topics,
    forgottenTopicsData: (options.forget ?? []).map((name) => {
      const { topic, index } = splitName(name);
      return { topic, topicId: idOf(topic), partitions: [index] };
    }),
    rackId: '',
  };
  return watch(world.ask(fetchHandler, version, request, connection === undefined ? {} : { connection }));
}

const nothing = { maxBytes: undefined, epoch: undefined, lastFetchedEpoch: undefined };

function splitName(name: string): { topic: string; index: number } {
  const at = name.lastIndexOf('-');
  return { topic: name.slice(0, at), index: Number(name.slice(at + 1)) };
}

/** One that does not wait. */
export async function fetchNow(world: World, asked: Asked, options: FetchOptions = {}): Promise<FetchAnswer> {
  const { promise } = fetching(world, asked, options);
  const answer = await promise;
  if (answer === null) throw new Error('no answer');
  return answer;
}

/** "topic-partition" → the values of its records, or its error; of every partition in the answer, in order. */
export function told(world: World, answer: FetchAnswer): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { topic, topicId, partitions } of answer.responses) {
    const name = topic || (world.cluster.state.topicById(topicId)?.name ?? '?');
    for (const { partitionIndex, errorCode, records } of partitions) {
      const values = records === null ? [] : valuesOf(records);
      found[`${name}-${partitionIndex}`] = errorCode === 0 ? values.join(' ') : `error ${errorCode}`;
    }
  }
  return found;
}

/** The values of the whole batches. */
export function valuesOf(records: Buffer): string[] {
  const values: string[] = [];
  forEachBatch(records, 0, records.length, (position) => {
    for (const { value } of readRecords(records, position)) values.push(String(value));
  });
  return values;
}

/** The only partition of an answer. */
export function onlyPartition({ responses }: FetchAnswer) {
  const [partition] = responses[0]!.partitions;
  return partition!;
}
