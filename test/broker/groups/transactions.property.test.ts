/** Offsets inside and outside of transactions, tombstones and markers in any order: what lives is what a load finds, pending commits too. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../simulation/random.ts';
import { World } from '../world.ts';
import { groupIds, loadedShard, type Shard, stateOf, step } from './random-commits.ts';

const shardOn = (world: World) => loadedShard(world.partitions.get('offsets', 0)!, world.clock);

const placeOf = (groupId: string, partition: number) => `${groupId} t-${partition}`;

function pendingPlaces({ journal }: Shard): string[] {
  return [...journal.pendingEntries()].flatMap((entry) =>
    entry.kind === 'offset' ? [placeOf(entry.groupId, entry.partition)] : [],
  );
}

/** What OffsetFetch calls unstable. */
function knownAsPending({ machine }: Shard): Set<string> {
  const places = groupIds.flatMap((groupId) => {
    const partitions = [0, 1].filter((partition) => machine.hasPending(groupId, 't', partition));
    expect(machine.hasPending(groupId)).toBe(partitions.length > 0);
    expect(machine.hasPending(groupId, 't')).toBe(partitions.length > 0);
    return partitions.map((partition) => placeOf(groupId, partition));
  });
  return new Set(places);
}

test('live state is what a load finds', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const world = await World.open({ seed });
    await world.topic('offsets');
    const random = new SeededRandom(seed);
    const live = await shardOn(world);
    for (let n = 1; n <= 80; n++) {
      step(live, random, n);
      expect(knownAsPending(live), `seed ${seed}, step ${n}`).toEqual(new Set(pendingPlaces(live)));
      if (n % 20 === 0)
        expect(stateOf(await shardOn(world)), `seed ${seed}, step ${n}`).toEqual(stateOf(live));
    }
    await world.stop();
  }
});
