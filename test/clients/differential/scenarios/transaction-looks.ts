/** What others see of transactions: readers at both isolation levels, groups, administrators. */
import { describeProducers } from '../../../../protocol/messages/data/describe-producers.ts';
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { offsetFetch } from '../../../../protocol/messages/groups/offset-fetch.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import { sortedBy } from '../normalise.ts';
import type { Side, View } from '../side.ts';
import { byGroup, type Topic } from './commit-requests.ts';
import { newestFetch, of, plainFetch, target } from './fetch-requests.ts';

export const isolations = [0, 1] as const;

/** Kafka's order is that of a hash map. */
export const producersById = ({ topics }: ResponseOf<typeof describeProducers>) =>
  topics.map(({ partitions, ...rest }) => ({
    ...rest,
    partitions: partitions.map(({ activeProducers, ...partition }) => ({
      ...partition,
      activeProducers: sortedBy(activeProducers, ({ producerId }) => producerId),
    })),
  }));

/** A partition's records from an offset on. */
export async function lookAtRecords(
  side: Side,
  topic: Topic,
  index: number,
  note: string,
  { from = 0, version = newestFetch }: { from?: number; version?: number } = {},
): Promise<void> {
  for (const isolationLevel of isolations)
    await side.ask(
      fetch,
      version,
      { ...plainFetch, isolationLevel, topics: [of(topic, target(index, from))] },
      `${index} from ${from}, isolation ${isolationLevel}, ${note}`,
    );
}

/** The end, the start, and the first record that is not older than a time. */
export async function lookAtOffsets(
  side: Side,
  { name }: Topic,
  index: number,
  note: string,
  timestamps: readonly number[] = [-1, -2],
  versions: readonly number[] = [11],
): Promise<void> {
  for (const version of versions)
    for (const isolationLevel of version >= 2 ? isolations : [0])
      for (const timestamp of timestamps)
        await side.ask(
          listOffsets,
          version,
          {
            replicaId: -1,
            ...(version >= 2 ? { isolationLevel } : {}),
            topics: [{ name, partitions: [{ partitionIndex: index, timestamp }] }],
          },
          `${index} at ${timestamp}, isolation ${isolationLevel}, ${note}`,
        );
}

export function lookAtProducers(side: Side, { name }: Topic, note: string, ...partitionIndexes: number[]) {
  const topics = [{ name, partitionIndexes }];
  return side.ask(describeProducers, 0, { topics }, note, producersById);
}

/** What a group has, and whether that is all, in each version that can ask so. */
export async function lookAtGroup(
  side: Side,
  groupId: string,
  topic: Topic,
  note: string,
  versions: readonly number[] = [10],
  view: View<typeof offsetFetch> = byGroup,
): Promise<void> {
  for (const version of versions)
    for (const requireStable of version >= 7 ? [false, true] : [false]) {
      const named = [{ name: topic.name, partitionIndexes: [0, 1] }];
      const byId = [{ ...topic, partitionIndexes: [0, 1] }];
      const stable = version >= 7 ? { requireStable } : {};
      for (const isAll of version >= 2 ? [false, true] : [false]) {
        const topics = isAll ? null : named;
        const body =
          version >= 8 ? { groups: [{ groupId, topics: isAll ? null : byId }] } : { groupId, topics };
        const what = `${isAll ? 'all' : 'some'}${requireStable ? ', stable,' : ''} ${note}`;
        await side.ask(offsetFetch, version, { ...body, ...stable }, what, view);
      }
    }
}
