/**
 * Random sequences by seed: the same draws on both sides, so both brokers get the same requests. What a broker gave out (ids of topics,
 * members, producers and sessions) is remembered by each side for itself; no draw depends on an answer.
 */
import { SeededRandom } from '../../../simulation/random.ts';
import type { Setting } from '../brokers.ts';
import type { Scenario } from '../scenario.ts';
import type { Side } from '../side.ts';
import { groupOperations } from './groups.ts';
import { logOperations } from './logs.ts';
import { recordOperations } from './records.ts';
import { sessionOperations } from './sessions.ts';
import { topicOperations } from './topics.ts';
import { lookAtSeats, openSeats, transactionOperations } from './transactions.ts';
import { World } from './world.ts';

export interface Operation {
  /** How often it comes, beside the others. */
  readonly weight: number;
  run(world: World): Promise<void>;
}

const operations: readonly Operation[] = [
  ...topicOperations,
  ...recordOperations,
  ...logOperations,
  ...sessionOperations,
  ...groupOperations,
];

function pick(random: SeededRandom, from: readonly Operation[]): Operation {
  let left = random.below(from.reduce((sum, { weight }) => sum + weight, 0));
  for (const operation of from) {
    left -= operation.weight;
    if (left < 0) return operation;
  }
  return from[0]!;
}

/** `steps` operations of one seed. */
export function playOf(seed: number, steps: number): Scenario {
  return {
    name: `seed-${seed}`,
    async run(side: Side, setting: Setting) {
      const random = new SeededRandom(seed);
      const world = await World.open(side, setting, random);
      for (let step = 0; step < steps; step++) await pick(random, operations).run(world);
      await world.look();
      await world.closeSessions();
    },
  };
}

/** The same of transactions, whose topics and groups stay. */
export function transactionPlayOf(seed: number, steps: number): Scenario {
  return {
    name: `transactions-seed-${seed}`,
    async run(side: Side, setting: Setting) {
      const random = new SeededRandom(seed);
      const world = await World.open(side, setting, random);
      await openSeats(world);
      for (let step = 0; step < steps; step++) await pick(random, transactionOperations).run(world);
      await lookAtSeats(world);
    },
  };
}
