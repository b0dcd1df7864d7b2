import { expect, test } from 'vitest';
import { CompactedJournalLog } from '../../compaction/journal-log.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { loadedShard, type Shard, stateOf, step } from './random-commits.ts';

/**
 * `__consumer_offsets` is cleaned like any other topic: whenever, and however often, that happens between commits, deletions, expiry and
 * the ends of transactions, a load finds what was there.
 */
test('what the cleaner leaves of committed offsets is what a load finds', async () => {
  const seeds = Number(process.env['KOMPAKT_RUNS'] ?? 12);
  for (let seed = 1; seed <= seeds; seed++) {
    const topic = new CompactedJournalLog(seed);
    const { clock } = topic.environment;
    const random = new SeededRandom(seed);
    const live = await loadedShard(topic.partition, clock);
    for (let n = 1; n <= 150; n++) {
      step(live, random, n);
      if (random.chance(0.2)) await clock.advance(random.below(500));
      if (random.chance(0.1)) await topic.log.roll();
      if (n % 10 === 0) await topic.clean(random.chance(0.3));
      if (n % 25 === 0) await expectLoaded(live, topic, `seed ${seed}, step ${n}`);
    }
    for (const producerId of [0, 1, 2]) {
      const end = { producerId, producerEpoch: 0, coordinatorEpoch: 0, transactionVersion: 0 };
      live.journal.endTransaction({ ...end, committed: random.chance(0.5) });
    }
    for (let pass = 1; pass <= 4; pass++) {
      await topic.clean(true);
      await clock.advance(2_000);
      await expectLoaded(live, topic, `seed ${seed}, pass ${pass} at the end`);
    }
  }
});

async function expectLoaded(live: Shard, topic: CompactedJournalLog, when: string): Promise<void> {
  const loaded = await loadedShard(topic.partition, topic.environment.clock);
  const { groups, ...rest } = stateOf(loaded);
  const { groups: liveGroups, ...liveRest } = stateOf(live);
  expect(rest, when).toEqual(liveRest);
  // As in Apache Kafka a commit makes its group even when its transaction is aborted later: of such a one no record is left.
  const isHollow = (groupId: string) =>
    live.machine.classic(groupId)?.isEmpty &&
    !liveRest.offsets.some((line) => line.startsWith(`${groupId} `));
  expect(groups, when).toEqual(
    liveGroups.filter((groupId) => groups.includes(groupId) || !isHollow(groupId)),
  );
}
