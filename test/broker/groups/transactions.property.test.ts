/** Offsets inside and outside of transactions, tombstones and markers in any order: what lives is what a load finds, pending commits too. */
import { expect, test } from 'vitest';
import { type GroupEntry, groupEntryCodec } from '../../../broker/groups/group-entries.ts';
import { GroupShard } from '../../../broker/groups/group-shard.ts';
import { deletionEntries, expiryEntries } from '../../../broker/groups/offset-decisions.ts';
import { Journal } from '../../../broker/journal/journal.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { World } from '../world.ts';

const groupIds = ['a', 'b'];

async function shardOn(world: World) {
  const machine = new GroupShard();
  machine.isLoading = true;
  const partition = world.partitions.get('offsets', 0)!;
  const codec = groupEntryCodec;
  const journal = new Journal({ partition, codec, machine, clock: world.clock, logger: silentLogger });
  machine.pending = journal;
  await journal.load();
  return { machine, journal };
}

type Shard = Awaited<ReturnType<typeof shardOn>>;

function stateOf({ machine, journal }: Shard) {
  const offsets = [...machine.offsets.groupIds()].flatMap((groupId) =>
    [...machine.offsets.of(groupId)].map(
      ({ topic, partition, value }) => `${groupId} ${topic}-${partition} ${value.offset}`,
    ),
  );
  const pending = [...journal.pendingEntries()].map((entry) =>
    entry.kind === 'offset'
      ? `${entry.groupId} ${entry.topic}-${entry.partition} ${entry.value?.offset}`
      : entry.kind,
  );
  return { groups: [...machine.groups.keys()].sort(), offsets: offsets.sort(), pending: pending.sort() };
}

function commit(random: SeededRandom, offset: number): GroupEntry {
  const value = {
    offset,
    leaderEpoch: -1,
    metadata: '',
    commitTimestampMs: offset,
    expireTimestampMs: -1,
    topicId: zeroUuid,
  };
  return { kind: 'offset', groupId: random.pick(groupIds), topic: 't', partition: random.below(2), value };
}

function step({ machine, journal }: Shard, random: SeededRandom, offset: number): void {
  const producerId = random.below(3);
  const groupId = random.pick(groupIds);
  const draw = random.next();
  const entries = () => Array.from({ length: 1 + random.below(2) }, () => commit(random, offset));
  if (draw < 0.3) journal.run(() => ({ entries: entries(), answer: null }));
  else if (draw < 0.65)
    journal.runInTransaction({ producerId, producerEpoch: 0 }, () => ({ entries: entries(), answer: null }));
  else if (draw < 0.9) {
    const committed = random.chance(0.6);
    journal.endTransaction({
      producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      committed,
      transactionVersion: 0,
    });
  } else if (draw < 0.95) journal.run(() => ({ entries: deletionEntries(machine, groupId), answer: null }));
  else {
    const retention = { nowMs: offset, retentionMs: 20 };
    journal.run(() => ({ entries: expiryEntries(machine, groupId, retention), answer: null }));
  }
}

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
