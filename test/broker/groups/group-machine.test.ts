import { describe, expect, test } from 'vitest';
import { ClassicGroup } from '../../../broker/groups/classic-group.ts';
import { type GroupEntry, groupEntryCodec } from '../../../broker/groups/group-entries.ts';
import { GroupShard } from '../../../broker/groups/group-shard.ts';
import { deletionEntries, expiryEntries, topicEntries } from '../../../broker/groups/offset-decisions.ts';
import { shareGroupMetadataKey } from '../../../broker/groups/records/share-group.ts';
import type { Decision } from '../../../broker/journal/state-machine.ts';
import { encodeKey } from '../../../protocol/records/coordinator-records.ts';
import { zeroUuid } from '../../../protocol/schema/field.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { type MachineSubject, stateMachineSuite } from '../../suites/state-machine.ts';
import { subscription } from './group-client.ts';

const groupIds = ['a', 'b', 'c'];
const topics = ['t', 'u'];
const topicId = 'sf0KkVQDRf6C6V3cBWHl0A';

function commit(random: SeededRandom, nowMs: number): GroupEntry {
  return {
    kind: 'offset',
    groupId: random.pick(groupIds),
    topic: random.pick(topics),
    partition: random.below(3),
    value: {
      offset: random.below(1_000),
      leaderEpoch: -1,
      metadata: random.chance(0.5) ? 'm' : '',
      commitTimestampMs: nowMs,
      // With an expiry of its own it is written at version 1, which has no topic id.
      ...(random.chance(0.2)
        ? { expireTimestampMs: nowMs + 5_000, topicId: zeroUuid }
        : { expireTimestampMs: -1, topicId }),
    },
  };
}

function generation(random: SeededRandom, nowMs: number): GroupEntry {
  const members = Array.from({ length: random.below(3) }, (_, n) => ({
    memberId: `m${n}`,
    groupInstanceId: random.chance(0.5) ? `i${n}` : null,
    clientId: 'c',
    clientHost: '/h',
    rebalanceTimeout: 1_000,
    sessionTimeout: 2_000,
    subscription: subscription([random.pick(topics)]),
    assignment: Buffer.from(String(random.below(10))),
  }));
  const value = {
    protocolType: 'consumer',
    generation: random.below(50),
    protocol: members.length === 0 ? null : 'range',
    leader: members[0]?.memberId ?? null,
    currentStateTimestamp: nowMs,
    members,
  };
  return { kind: 'group', groupId: random.pick(groupIds), value };
}

/** The machine as a load drives it: entries are all there is. */
function subject(): MachineSubject<GroupEntry> {
  const machine = new GroupShard();
  machine.isLoading = true;
  const decide = (random: SeededRandom, nowMs: number): Decision<GroupEntry, null> => {
    const groupId = random.pick(groupIds);
    const draw = random.next();
    if (draw < 0.5) return { entries: [commit(random, nowMs), commit(random, nowMs)], answer: null };
    if (draw < 0.8) return { entries: [generation(random, nowMs)], answer: null };
    if (draw < 0.9)
      return { entries: expiryEntries(machine, groupId, { nowMs, retentionMs: 3_000 }), answer: null };
    if (draw < 0.95) return { entries: topicEntries(machine, (topic) => topic === 'u'), answer: null };
    return { entries: deletionEntries(machine, groupId), answer: null };
  };
  return { machine, codec: groupEntryCodec, decide, state: () => stateOf(machine) };
}

function stateOf(shard: GroupShard) {
  const groups = [...shard.groups.values()].map((group) => {
    const { groupId } = group;
    const offsets = [...shard.offsets.of(groupId)].sort((a, b) =>
      `${a.topic}${a.partition}` < `${b.topic}${b.partition}` ? -1 : 1,
    );
    if (!(group instanceof ClassicGroup)) return { groupId, type: group.type, offsets };
    const { state, generationId, protocolType, protocolName, leaderId, stateSinceMs, subscribedTopics } =
      group;
    const members = [...group.members.values()].map((member) => ({
      ...member,
      assignment: member.assignment.toString(),
      protocols: member.protocols.map(({ name, metadata }) => [name, metadata.toString()]),
    }));
    return {
      groupId,
      offsets,
      state,
      generationId,
      protocolType,
      protocolName,
      leaderId,
      stateSinceMs,
      subscribedTopics: subscribedTopics === null ? null : [...subscribedTopics].sort(),
      members,
      staticMembers: [...group.staticMembers],
    };
  });
  return groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

stateMachineSuite('classic groups and committed offsets', subject, { isCompacted: true });

describe('entries', () => {
  test('are read as they were written', () => {
    const entries: GroupEntry[] = [
      {
        kind: 'offset',
        groupId: 'g ü',
        topic: 't',
        partition: 7,
        value: {
          offset: 2 ** 52,
          leaderEpoch: 4,
          metadata: 'm',
          commitTimestampMs: 5,
          expireTimestampMs: -1,
          topicId,
        },
      },
      { kind: 'offset', groupId: 'g', topic: 't', partition: 7, value: null },
      { kind: 'group', groupId: 'g', value: null },
    ];
    for (const entry of entries) {
      const { key, value } = groupEntryCodec.encode(entry);
      expect(groupEntryCodec.decode(key, value)).toEqual(entry);
    }
  });

  test('of groups of other kinds are never written, but for their tombstones', () => {
    const key = encodeKey(shareGroupMetadataKey, { groupId: 'g' });
    const entry = { kind: 'other', type: 'share', part: 'group', groupId: 'g', memberId: '', key } as const;
    expect(() => groupEntryCodec.encode({ ...entry, isDeleted: false })).toThrow(/read only/);
    const written = groupEntryCodec.encode({ ...entry, isDeleted: true });
    expect(written).toEqual({ key, value: null });
    expect(groupEntryCodec.decode(key, null)).toEqual({ ...entry, isDeleted: true });
  });
});
