/** Fetch in every version, with and without waiting. */
import { fetch } from '../../../../protocol/messages/data/fetch.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import {
  type Body,
  filled,
  newestFetch,
  of,
  plainFetch,
  sessionVersion,
  target,
  write,
} from './fetch-requests.ts';

const versions: Scenario = {
  name: 'versions-of-fetch',
  async run(side, setting) {
    const there = await filled(side, setting, 't', 3);
    const nowhere = { name: `${side.prefix}-none`, topicId: 'aaaaaaaaaaaaaaaaaaaaaA' };
    const unnamed = { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' };
    for (const version of versionsOf('fetch')) {
      const ask = (note: string, topics: Body['topics'], more: Partial<Body> = {}) =>
        side.ask(fetch, version, { ...plainFetch, ...more, topics }, note);
      await ask('', [of(there, target(0, 0))]);
      await ask('the last', [of(there, target(0, 9))]);
      await ask('the end', [of(there, target(0, 10))]);
      await ask('beyond the end', [of(there, target(0, 11))]);
      await ask('before the start', [of(there, target(0, -1))]);
      await ask('far before the start', [of(there, target(0, -2))]);
      await ask('committed', [of(there, target(0, 3))], { isolationLevel: 1 });
      await ask('no such isolation', [of(there, target(0, 3))], { isolationLevel: 2 });
      await ask('three partitions', [of(there, target(2, 0), target(0, 8), target(1, 9))]);
      await ask('one twice', [of(there, target(0, 0), target(0, 8))]);
      await ask('no partition', [of(there, target(9, 0), target(0, 9))]);
      await ask('a negative partition', [of(there, target(-1, 0))]);
      await ask('no topic', [of(nowhere, target(0, 0))]);
      await ask('no topic and one', [of(nowhere, target(0, 0)), of(there, target(0, 9))]);
      await ask('no name and no id', [of(unnamed, target(0, 0))]);
      await ask('nothing', []);
      await ask('no partitions', [of(there)]);
      await ask('one byte', [
        of(there, target(0, 0, { partitionMaxBytes: 1 }), target(1, 0, { partitionMaxBytes: 1 })),
      ]);
      await ask('no byte', [of(there, target(0, 0, { partitionMaxBytes: 0 }))]);
      await ask('negative bytes', [of(there, target(0, 0, { partitionMaxBytes: -1 }))]);
      await ask('half a batch more', [of(there, target(0, 0, { partitionMaxBytes: 100 }))]);
      await ask('one byte in all', [of(there, target(0, 0), target(1, 0))], { maxBytes: 1 });
      await ask('no byte in all', [of(there, target(0, 0), target(1, 0))], { maxBytes: 0 });
      await ask('few bytes in all', [of(there, target(0, 5), target(1, 5), target(2, 5))], { maxBytes: 500 });
      await ask('more than there is', [of(there, target(0, 9))], { minBytes: 1_000_000, maxWaitMs: 1 });
      await ask('at the end, a little while', [of(there, target(0, 10))], { minBytes: 1, maxWaitMs: 1 });
      if (version >= 9)
        for (const currentLeaderEpoch of [0, 1, 7, -1, -2])
          await ask(`leader epoch ${currentLeaderEpoch}`, [of(there, target(0, 9, { currentLeaderEpoch }))]);
      if (version >= 12)
        for (const lastFetchedEpoch of [0, 1, 7, -1])
          for (const offset of [0, 10, 11])
            await ask(`last fetched epoch ${lastFetchedEpoch} at ${offset}`, [
              of(there, target(0, offset, { lastFetchedEpoch })),
            ]);
      if (version <= 14) await ask('as replica 7', [of(there, target(0, 0))], { replicaId: 7 });
      else
        await ask('as replica 7', [of(there, target(0, 0))], {
          replicaState: { replicaId: 7, replicaEpoch: 1 },
        });
      if (version <= 14) await ask('as a debugger', [of(there, target(0, 0))], { replicaId: -2 });
      if (version >= 11) await ask('from a rack', [of(there, target(0, 9))], { rackId: 'here' });
    }
  },
};

const waiting: Scenario = {
  name: 'waiting',
  async run(side, setting) {
    const topic = await filled(side, setting, 't', 2);
    const writer = await side.connect();
    const reader = await side.connect();
    for (const version of [4, sessionVersion, 12, newestFetch]) {
      const start = (note: string, topics: Body['topics'], more: Partial<Body> = {}) =>
        reader.start(
          fetch,
          version,
          { ...plainFetch, minBytes: 1, maxWaitMs: 20_000, ...more, topics },
          note,
        );
      const ends: number[] = [];
      for (const partition of [0, 1]) {
        const { responses } = await reader.ready(fetch, version, {
          ...plainFetch,
          topics: [of(topic, target(partition, 0))],
        });
        ends.push(responses[0]!.partitions[0]!.highWatermark);
      }
      const atTheEnd = () => of(topic, target(0, ends[0]!), target(1, ends[1]!));
      const woken = start('woken by an append', [atTheEnd()]);
      await write(writer, topic, 1, 'wakes');
      await woken.answer();
      ends[1]! += 1;
      const patient = start('woken by enough', [atTheEnd()], { minBytes: 150 });
      await write(writer, topic, 0, 'not enough');
      await write(writer, topic, 1, 'but now');
      await patient.answer();
      ends[0]! += 1;
      ends[1]! += 1;
      await start('with something wrong beside', [of(topic, target(0, ends[0]!), target(1, 999))]).answer();
      await start('with more room than minBytes', [of(topic, target(0, 0))], {
        minBytes: 999_999,
        maxBytes: 100,
        maxWaitMs: 30_000,
      }).answer();
      await start('for nothing', [], { maxWaitMs: 5_000 }).answer();
    }
    const gone = reader.start(
      fetch,
      newestFetch,
      {
        ...plainFetch,
        minBytes: 1,
        maxWaitMs: 20_000,
        topics: [of(topic, target(0, 99_999)), of(topic, target(1, 0))],
      },
      'out of range at once',
    );
    await gone.answer();
  },
};

export const fetchScenarios: readonly Scenario[] = [versions, waiting];
