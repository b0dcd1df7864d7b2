/** Fetch requests and what there is to fetch, said shortly. */
import type { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import type { RequestInit } from '../../../../protocol/schema/api.ts';
import type { Setting } from '../brokers.ts';
import { batchOf } from '../records.ts';
import type { Peer, Side } from '../side.ts';

export type Body = RequestInit<typeof fetch>;
type Target = Body['topics'][number]['partitions'][number];

/** From this version on there are sessions, and the last of all. */
export const sessionVersion = 7;
export const newestFetch = 18;

export interface Place {
  readonly name: string;
  readonly topicId: string;
}

export const plainFetch: Omit<Body, 'topics'> = {
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1_000_000,
  isolationLevel: 0,
  forgottenTopicsData: [],
};

export const target = (partition: number, fetchOffset: number, more: Partial<Target> = {}): Target => ({
  partition,
  fetchOffset,
  partitionMaxBytes: 100_000,
  ...more,
});

export const of = ({ name, topicId }: Place, ...partitions: Target[]) => ({
  topic: name,
  topicId,
  partitions,
});

/** A topic whose partitions have 10 batches of one record each. */
export async function filled(
  side: Side,
  setting: Setting,
  word: string,
  partitions: number,
  configs: Record<string, string> = {},
): Promise<Place> {
  const name = `${side.prefix}-${word}`;
  const topicId = await setting.topic(name, partitions, configs);
  await setting.settle(name);
  const peer = await side.main();
  for (let index = 0; index < partitions; index++)
    for (let n = 0; n < 10; n++) await write(peer, { name, topicId }, index, `${word}-${index} ${n}`);
  return { name, topicId };
}

export async function write(
  peer: Peer,
  { topicId }: Place,
  index: number,
  ...values: string[]
): Promise<void> {
  await peer.ready(produce, 13, {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ topicId, partitionData: [{ index, records: batchOf(values) }] }],
  });
}
