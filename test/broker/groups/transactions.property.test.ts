/** Offsets inside and outside of transactions, tombstones and markers in any order: what lives is what a load finds, pending commits too. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../simulation/random.ts';
import { World } from '../world.ts';
import { loadedShard, stateOf, step } from './random-commits.ts';

const shardOn = (world: World) => loadedShard(world.partitions.get('offsets', 0)!, world.clock);

test('live state is what a load finds', async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const world = await World.open({ seed });
    await world.topic('offsets');
    const random = new SeededRandom(seed);
    const live = await shardOn(world);
    for (let n = 1; n <= 80; n++) {
      step(live, random, n);
      if (n % 20 === 0)
        expect(stateOf(await shardOn(world)), `seed ${seed}, step ${n}`).toEqual(stateOf(live));
    }
    await world.stop();
  }
});
