import { expect, it } from 'vitest';
import type { ClusterState } from '../../../broker/metadata/cluster-state.ts';
import { epochsToRaise } from '../../../broker/partitions/epochs-to-raise.ts';
import type { Partitions } from '../../../broker/partitions/partitions.ts';

/** Partitions of one topic: the epoch that the metadata knows, that of the log, and whether it has a directory. */
function world(...made: { known: number; logEpoch: number; isOnDisk: boolean }[]) {
  const state = { partitions: made.map(({ known }) => ({ leaderEpoch: known })) };
  const cluster = { topic: () => state } as unknown as ClusterState;
  const all = made.map(({ known, logEpoch, isOnDisk }, index) => ({
    topic: 'orders',
    index,
    leaderEpoch: known,
    log: { isOnDisk, leaderEpoch: logEpoch },
  }));
  return (wasClean: boolean) => epochsToRaise(cluster, { all: () => all } as unknown as Partitions, wasClean);
}

const raise = world(
  { known: 0, logEpoch: 0, isOnDisk: true },
  { known: 4, logEpoch: -1, isOnDisk: false },
  { known: 2, logEpoch: 5, isOnDisk: true },
);

it('after a clean stop only a log that is ahead of its metadata', () => {
  expect(raise(true)).toEqual([{ topic: 'orders', partition: 2, atLeast: 6 }]);
});

it('after any other stop every partition that has a directory', () => {
  expect(raise(false)).toEqual([
    { topic: 'orders', partition: 0, atLeast: 1 },
    { topic: 'orders', partition: 2, atLeast: 6 },
  ]);
});
