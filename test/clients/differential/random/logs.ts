/** What looks into logs, and what cuts them off. */
import { deleteRecords } from '../../../../protocol/messages/data/delete-records.ts';
import { describeProducers } from '../../../../protocol/messages/data/describe-producers.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { offsetForLeaderEpoch } from '../../../../protocol/messages/data/offset-for-leader-epoch.ts';
import { sortedBy } from '../normalise.ts';
import { timeOfRecords } from '../records.ts';
import type { Operation } from './play.ts';

const listing: Operation = {
  weight: 6,
  async run(world) {
    const { random } = world;
    const { name } = world.someTopic();
    const timestamp = random.chance(0.6) ? -1 - random.below(7) : timeOfRecords + random.below(120) - 60;
    const partitions = [{ partitionIndex: world.somePartition(), timestamp }];
    await world.main.ask(
      listOffsets,
      world.version(1, 11),
      { replicaId: -1, topics: [{ name, partitions }] },
      `${name} ${JSON.stringify(partitions)}`,
    );
  },
};

const epochs: Operation = {
  weight: 2,
  async run(world) {
    const { random } = world;
    const { name } = world.someTopic();
    const leaderEpoch = random.below(4) - 2;
    const partitions = [
      { partition: world.somePartition(), leaderEpoch, currentLeaderEpoch: random.below(3) - 1 },
    ];
    await world.main.ask(
      offsetForLeaderEpoch,
      world.version(2, 4),
      { topics: [{ topic: name, partitions }] },
      `${name} ${JSON.stringify(partitions)}`,
    );
  },
};

const cutting: Operation = {
  weight: 3,
  async run(world) {
    const { name } = world.someTopic();
    const partitions = [{ partitionIndex: world.somePartition(), offset: world.random.below(12) - 1 }];
    await world.main.ask(
      deleteRecords,
      world.version(0, 2),
      { topics: [{ name, partitions }], timeoutMs: 10_000 },
      `${name} ${JSON.stringify(partitions)}`,
    );
  },
};

const producers: Operation = {
  weight: 3,
  async run(world) {
    const { name } = world.someTopic();
    const partitionIndexes = [world.somePartition()];
    await world.main.ask(
      describeProducers,
      0,
      { topics: [{ name, partitionIndexes }] },
      `${name}-${partitionIndexes}`,
      ({ topics }) =>
        topics.map(({ partitions, ...rest }) => ({
          ...rest,
          partitions: partitions.map(({ activeProducers, ...partition }) => ({
            ...partition,
            activeProducers: sortedBy(activeProducers, ({ producerId }) => producerId),
          })),
        })),
    );
  },
};

export const logOperations: readonly Operation[] = [listing, epochs, cutting, producers];
