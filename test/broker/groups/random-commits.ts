import { type GroupEntry, groupEntryCodec } from '../../../broker/groups/group-entries.ts';
import { GroupShard } from '../../../broker/groups/group-shard.ts';
import { deletionEntries, expiryEntries } from '../../../broker/groups/offset-decisions.ts';
import { Journal, type JournalLog } from '../../../broker/journal/journal.ts';
import { silentLogger } from '../../../broker/observe/logger.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { Clock } from '../../../storage/environment/clock.ts';
import type { SeededRandom } from '../../simulation/random.ts';

/** Commits inside and outside of transactions, deletions and expiry, at random, by a shard of groups on some log. */

export const groupIds = ['a', 'b'];

/** An empty shard and its journal on a log, loaded. */
export async function loadedShard(partition: JournalLog, clock: Pick<Clock, 'nowMs'>): Promise<Shard> {
  const machine = new GroupShard();
  machine.isLoading = true;
  const journal = new Journal({ partition, codec: groupEntryCodec, machine, clock, logger: silentLogger });
  machine.pending = journal;
  await journal.load();
  return { machine, journal };
}

export interface Shard {
  readonly machine: GroupShard;
  readonly journal: Journal<GroupEntry>;
}

export function stateOf({ machine, journal }: Shard) {
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

export function step({ machine, journal }: Shard, random: SeededRandom, offset: number): void {
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
