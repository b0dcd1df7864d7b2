/** What looks into a log without reading it: ListOffsets, OffsetForLeaderEpoch, DeleteRecords. */
import { deleteRecords } from '../../../../protocol/messages/data/delete-records.ts';
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { offsetForLeaderEpoch } from '../../../../protocol/messages/data/offset-for-leader-epoch.ts';
import { produce } from '../../../../protocol/messages/data/produce.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import type { Setting } from '../brokers.ts';
import { sortedBy } from '../normalise.ts';
import { batchOf, timeOfRecords } from '../records.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';
import { of, plainFetch, target } from './fetch-requests.ts';

/** A topic whose batches have these times, two records each, one millisecond apart. */
async function timed(
  side: Side,
  setting: Setting,
  word: string,
  timesMs: readonly number[],
  configs: Record<string, string> = {},
): Promise<string> {
  const name = `${side.prefix}-${word}`;
  const topicId = await setting.topic(name, 2, configs);
  await setting.settle(name);
  const peer = await side.main();
  for (const timestampMs of timesMs)
    await peer.ready(produce, 13, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [
        { topicId, partitionData: [{ index: 0, records: batchOf(['k=a', 'k=b'], { timestampMs }) }] },
      ],
    });
  return name;
}

type Listed = ResponseOf<typeof listOffsets>;

/** Kafka answers in the order of hash maps. */
const byPlace = ({ topics, ...rest }: Listed) => ({
  ...rest,
  topics: sortedBy(topics, ({ name }) => name).map((topic) => ({
    ...topic,
    partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
  })),
});

const t = timeOfRecords;
/** Every timestamp with a meaning and some without, and times around those of the records. */
const timestamps = [
  ...[-1, -2, -3, -4, -5, -6, -7, -100],
  ...[0, 1, 2 ** 52],
  ...[50, 51, 52, 100, 101, 102, 200, 201, 202].map((ms) => t + ms),
];

const listing: Scenario = {
  name: 'listing-offsets',
  async run(side, setting) {
    const byAppend = { 'message.timestamp.type': 'LogAppendTime' };
    const names = [
      await timed(side, setting, 'plain', [t + 100, t + 50, t + 200, t + 200, t + 150]),
      await timed(side, setting, 'empty', []),
      // One batch: two may come in the same millisecond, or not.
      await timed(side, setting, 'stamped', [t], byAppend),
      await timed(side, setting, 'timeless', [-1, t, -1]),
    ];
    for (const version of versionsOf('listOffsets'))
      for (const name of names)
        for (const timestamp of timestamps)
          await side.ask(
            listOffsets,
            version,
            { replicaId: -1, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] },
            `${name} at ${timestamp < t ? timestamp : `+${timestamp - t}`}`,
          );
  },
};

const places: Scenario = {
  name: 'places-of-list-offsets',
  async run(side, setting) {
    const there = await timed(side, setting, 't', [t]);
    const end = { partitionIndex: 0, timestamp: -1 };
    const start = { partitionIndex: 0, timestamp: -2 };
    for (const version of versionsOf('listOffsets')) {
      const ask = (note: string, partitions: { partitionIndex: number; timestamp: number }[], more = {}) => {
        const topics = [{ name: there, partitions }];
        return side.ask(listOffsets, version, { replicaId: -1, topics, ...more }, note, byPlace);
      };
      await ask('no partition', [{ ...end, partitionIndex: 9 }, end]);
      await ask('a negative partition', [{ ...end, partitionIndex: -1 }]);
      await ask('one twice', [end, start]);
      await ask('no partitions', []);
      await ask('as a debugger', [end], { replicaId: -2 });
      await ask('as a replica', [end], { replicaId: 7 });
      for (const isolationLevel of version >= 2 ? [0, 1] : [])
        await ask(`isolation ${isolationLevel}`, [end], { isolationLevel });
      for (const currentLeaderEpoch of version >= 4 ? [0, 1, 9, -1, -2] : [])
        await ask(`leader epoch ${currentLeaderEpoch}`, [{ ...end, ...{ currentLeaderEpoch } }]);
      const topic = { name: there, partitions: [end] };
      await ask('a topic twice', [], { topics: [topic, topic] });
      await ask('no topic', [], { topics: [{ ...topic, name: `${side.prefix}-none` }] });
      await ask('no name', [], { topics: [{ ...topic, name: '' }] });
      await ask('nothing', [], { topics: [] });
    }
  },
};

const epochs: Scenario = {
  name: 'epochs',
  async run(side, setting) {
    const full = await timed(side, setting, 'full', [timeOfRecords, timeOfRecords]);
    const empty = await timed(side, setting, 'empty', []);
    for (const version of versionsOf('offsetForLeaderEpoch')) {
      const replica = version >= 3 ? [{ replicaId: -1 }, { replicaId: -2 }, { replicaId: 7 }] : [{}];
      for (const more of replica)
        for (const topic of [full, empty, `${side.prefix}-none`])
          for (const leaderEpoch of [0, 1, 9, -1, -2])
            for (const currentLeaderEpoch of [-1, 0, 1])
              await side.ask(
                offsetForLeaderEpoch,
                version,
                {
                  ...more,
                  topics: [{ topic, partitions: [{ partition: 0, leaderEpoch, currentLeaderEpoch }] }],
                },
                `${topic}: epoch ${leaderEpoch}, current ${currentLeaderEpoch}`,
              );
      const partitions = [
        { partition: 9, leaderEpoch: 0 },
        { partition: 0, leaderEpoch: 0 },
      ];
      await side.ask(
        offsetForLeaderEpoch,
        version,
        { topics: [{ topic: full, partitions }] },
        'no partition',
        ({ topics, ...rest }) => ({
          ...rest,
          topics: topics.map((topic) => ({
            ...topic,
            partitions: sortedBy(topic.partitions, ({ partition }) => partition),
          })),
        }),
      );
      await side.ask(offsetForLeaderEpoch, version, { topics: [] }, 'nothing');
    }
  },
};

const byTopic = ({ topics, ...rest }: ResponseOf<typeof deleteRecords>) => ({
  ...rest,
  topics: sortedBy(topics, ({ name }) => name).map((topic) => ({
    ...topic,
    partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
  })),
});

/** What a log looks like from outside after some of its records are gone. */
async function look(side: Side, name: string, note: string): Promise<void> {
  for (const timestamp of [-1, -2, -3, t, t + 31]) {
    const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp }] }];
    await side.ask(
      listOffsets,
      7,
      { replicaId: -1, topics },
      `${note}, at ${timestamp < t ? timestamp : timestamp - t}`,
    );
  }
  for (const offset of [0, 4, 5, 19, 20]) {
    const topics = [of({ name, topicId: '' }, target(0, offset, { partitionMaxBytes: 1 }))];
    await side.ask(fetch, 12, { ...plainFetch, topics }, `${note}, from ${offset}`);
  }
  for (const leaderEpoch of [0, 1]) {
    const topics = [{ topic: name, partitions: [{ partition: 0, leaderEpoch }] }];
    await side.ask(offsetForLeaderEpoch, 4, { topics }, `${note}, epoch ${leaderEpoch}`);
  }
}

const deletingRecords: Scenario = {
  name: 'deleting-records',
  async run(side, setting) {
    const times = Array.from({ length: 10 }, (_, n) => t + n * 10);
    for (const version of versionsOf('deleteRecords')) {
      const filled = (word: string, policy: string) =>
        timed(side, setting, `${word}-${version}`, times, { 'cleanup.policy': policy });
      const plain = await filled('plain', 'delete');
      const compacted = await filled('compacted', 'compact');
      const both = await filled('both', 'compact,delete');
      const ask = (
        note: string,
        topics: { name: string; partitions: { partitionIndex: number; offset: number }[] }[],
      ) => side.ask(deleteRecords, version, { topics, timeoutMs: 10_000 }, note, byTopic);
      const remove = (name: string, offset: number, partitionIndex = 0) =>
        ask(`${name}-${partitionIndex} before ${offset}`, [
          { name, partitions: [{ partitionIndex, offset }] },
        ]);
      await remove(plain, 5);
      await look(side, plain, 'some are gone');
      for (const offset of [5, 3, 0, 21, -2, -1]) await remove(plain, offset);
      await look(side, plain, 'all are gone');
      await remove(plain, 20);
      await remove(plain, 0, 9);
      await remove(plain, 0, 1);
      await remove(compacted, 5);
      await remove(both, 5);
      await remove(`${side.prefix}-none`, 0);
      await remove('__consumer_offsets', 0);
      await remove('', 0);
      const partitions = [
        { partitionIndex: 0, offset: 1 },
        { partitionIndex: 9, offset: 0 },
        { partitionIndex: 0, offset: 6 },
      ];
      await ask('one twice', [{ name: both, partitions }]);
      await ask('nothing', []);
      await ask('no partitions', [{ name: both, partitions: [] }]);
    }
  },
};

export const offsetScenarios: readonly Scenario[] = [listing, places, epochs, deletingRecords];
