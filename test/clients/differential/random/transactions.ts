/**
 * Transactional producers, each with those who had its id before, in both protocols and every version; and who reads meanwhile. Who
 * comes next, and with what, is drawn; nobody waits for what another would do.
 */
import { deleteRecords } from '../../../../protocol/messages/data/delete-records.ts';
import { listOffsets } from '../../../../protocol/messages/data/list-offsets.ts';
import { at, byGroup, offset, commit as plainCommit, type Topic } from '../scenarios/commit-requests.ts';
import { write } from '../scenarios/fetch-requests.ts';
import {
  lookAtGroup,
  lookAtOffsets,
  lookAtProducers,
  lookAtRecords,
} from '../scenarios/transaction-looks.ts';
import { newest, TransactionalProducer } from '../transactional-producer.ts';
import type { Operation } from './play.ts';
import type { World } from './world.ts';

const idCount = 3;
/** So many of those who were fenced are remembered. */
const formerAtMost = 3;

/** A transactional id: who has it, who had it, and where the one who has it could send its last records again. */
interface Seat {
  readonly producer: TransactionalProducer;
  readonly former: TransactionalProducer[];
  readonly resendable: Map<string, number>;
}

const seatsOf = new WeakMap<World, Seat[]>();

/** Opens the ids of a world; each has begun once. */
export async function openSeats(world: World): Promise<void> {
  const seats: Seat[] = [];
  for (let n = 0; n < idCount; n++) {
    const producer = await TransactionalProducer.of(world.side, world.setting, `t${n}`);
    await producer.begin();
    seats.push({ producer, former: [], resendable: new Map() });
  }
  seatsOf.set(world, seats);
}

const someSeat = (world: World): Seat => seatsOf.get(world)![world.random.below(idCount)]!;

/** Mostly who has the id; else one who had it. */
function somebody(world: World, { producer, former }: Seat): TransactionalProducer {
  const isFormer = world.random.chance(0.12);
  const which = world.random.below(formerAtMost);
  return isFormer ? (former[which] ?? producer) : producer;
}

/** One of two topics that are there. */
function someTopic(world: World): Topic {
  const name = world.random.pick(world.topicNames.slice(0, 2));
  return { name, topicId: world.topicIds.get(name)! };
}

const somePartition = (world: World): number => (world.random.chance(0.03) ? 9 : world.random.below(2));

const beginning: Operation = {
  weight: 5,
  async run(world) {
    const seat = someSeat(world);
    const version = world.version(0, newest.init);
    seat.former.unshift(seat.producer.left());
    seat.former.length = Math.min(seat.former.length, formerAtMost);
    seat.resendable.clear();
    await seat.producer.init('begins', version);
  },
};

/** KIP-360: with what it knows of itself. */
const goingOn: Operation = {
  weight: 3,
  async run(world) {
    const seat = someSeat(world);
    const producer = somebody(world, seat);
    const version = world.version(3, newest.init);
    const { producerId, producerEpoch } = producer;
    seat.resendable.clear();
    await producer.init('goes on', version, { producerId, producerEpoch });
  },
};

const adding: Operation = {
  weight: 8,
  async run(world) {
    const producer = somebody(world, someSeat(world));
    const version = world.version(0, newest.add);
    const verifyOnly = world.random.chance(0.3) && version >= 4;
    const { name } = someTopic(world);
    const first = somePartition(world);
    const partitions = world.random.chance(0.4) ? [first, first === 0 ? 1 : 0] : [first];
    const note = `${verifyOnly ? 'verifies' : 'adds'} ${name}-${partitions}`;
    await producer.add(note, [{ name, partitions }], version, verifyOnly);
  },
};

/**
 * The next records; the last again only in the same transaction: Kafka remembers what it has refused before (kept-differences.ts).
 */
const sending: Operation = {
  weight: 16,
  async run(world) {
    const { random } = world;
    const seat = someSeat(world);
    const producer = somebody(world, seat);
    const topic = someTopic(world);
    const index = somePartition(world);
    const version = world.version(3, newest.produce);
    const count = 1 + random.below(3);
    const isAgain = random.chance(0.1);
    const place = `${topic.name}-${index}`;
    const last = producer === seat.producer && isAgain ? seat.resendable.get(place) : undefined;
    const how = last === undefined ? { version, count } : { version, count: 1, baseSequence: last };
    const note = `sends ${count} to ${place}${last === undefined ? '' : ', again'}`;
    const before = producer.nextSequence(topic, index);
    const errorCode = await producer.send(note, topic, index, how);
    if (errorCode === 0 && last === undefined && producer === seat.producer && count === 1)
      seat.resendable.set(place, before);
    if (last !== undefined) producer.setNextSequence(topic, index, before);
  },
};

const addingOffsets: Operation = {
  weight: 3,
  async run(world) {
    const producer = somebody(world, someSeat(world));
    const groupId = world.random.pick(world.groupIds);
    await producer.addOffsets(`adds ${groupId}`, groupId, world.version(0, newest.addOffsets));
  },
};

const committing: Operation = {
  weight: 8,
  async run(world) {
    const { random } = world;
    const producer = somebody(world, someSeat(world));
    const groupId = random.pick(world.groupIds);
    const topic = someTopic(world);
    const index = somePartition(world);
    const version = world.version(0, newest.commit);
    const isStranger = random.chance(0.1);
    const committed = random.below(100);
    const stranger = { memberId: 'stranger', generationIdOrMemberEpoch: 4 };
    await producer.commit(
      `${topic.name}-${index} at ${committed} of ${groupId}`,
      groupId,
      [at(topic, offset(index, committed))],
      version,
      isStranger && version >= 3 ? stranger : {},
    );
  },
};

const ending: Operation = {
  weight: 12,
  async run(world) {
    const seat = someSeat(world);
    const producer = somebody(world, seat);
    const committed = world.random.chance(0.6);
    const version = world.version(0, newest.end);
    seat.resendable.clear();
    await producer.end('', committed, version);
  },
};

const describing: Operation = {
  weight: 3,
  async run(world) {
    await someSeat(world).producer.describe('');
  },
};

const readingRecords: Operation = {
  weight: 6,
  async run(world) {
    const topic = someTopic(world);
    const index = somePartition(world);
    const version = world.version(4, 18);
    const from = world.random.below(40);
    await lookAtRecords(world.side, topic, index, topic.name, { from, version });
  },
};

const readingEnds: Operation = {
  weight: 4,
  async run(world) {
    const topic = someTopic(world);
    await lookAtOffsets(
      world.side,
      topic,
      somePartition(world),
      topic.name,
      [-1, -2],
      [world.version(1, 11)],
    );
    await lookAtProducers(world.side, topic, topic.name, 0, 1);
  },
};

const lookAtOffsetsOf = (world: World, groupId: string, topic: Topic, note: string, version: number) =>
  lookAtGroup(world.side, groupId, topic, note, [version], (answer) => ({
    ...byGroup(answer),
    groups: world.byTopic(answer).groups,
  }));

const readingGroups: Operation = {
  weight: 5,
  async run(world) {
    const groupId = world.random.pick(world.groupIds);
    await lookAtOffsetsOf(world, groupId, someTopic(world), `of ${groupId}`, world.version(1, 10));
  },
};

/** Records and offsets of those who know nothing of transactions. */
const goingBetween: Operation = {
  weight: 4,
  async run(world) {
    const { random, side } = world;
    const topic = someTopic(world);
    const index = random.below(2);
    const groupId = random.pick(world.groupIds);
    const [value, committed] = [`plain ${world.next()}`, random.below(100)];
    if (random.chance(0.5)) await write(world.main, topic, index, value);
    else await plainCommit(side, 9, `plain ${committed}`, [at(topic, offset(index, committed))], { groupId });
  },
};

const cutting: Operation = {
  weight: 1,
  async run(world) {
    const { name } = someTopic(world);
    const partitions = [{ partitionIndex: somePartition(world), offset: world.random.below(12) - 1 }];
    const topics = [{ name, partitions }];
    await world.main.ask(
      deleteRecords,
      2,
      { topics, timeoutMs: 10_000 },
      `${name} ${JSON.stringify(partitions)}`,
    );
  },
};

/** All of it, at the end: each transaction as it is, each log, each group. */
export async function lookAtSeats(world: World): Promise<void> {
  for (const { producer } of seatsOf.get(world)!) await producer.describe('at the end');
  for (const name of world.topicNames.slice(0, 2)) {
    const topic = { name, topicId: world.topicIds.get(name)! };
    for (const index of [0, 1]) {
      const asked = { topics: [{ name, partitions: [{ partitionIndex: index, timestamp: -2 }] }] };
      const start = await world.main.ready(listOffsets, 7, { replicaId: -1, isolationLevel: 0, ...asked });
      const from = start.topics[0]!.partitions[0]!.offset;
      await lookAtRecords(world.side, topic, index, `${name} at the end`, { from });
      await lookAtOffsets(world.side, topic, index, `${name} at the end`);
    }
    await lookAtProducers(world.side, topic, `${name} at the end`, 0, 1);
    for (const groupId of world.groupIds)
      await lookAtOffsetsOf(world, groupId, topic, `of ${groupId} at the end`, 10);
  }
}

export const transactionOperations: readonly Operation[] = [
  beginning,
  goingOn,
  adding,
  sending,
  addingOffsets,
  committing,
  ending,
  describing,
  readingRecords,
  readingEnds,
  readingGroups,
  goingBetween,
  cutting,
];
