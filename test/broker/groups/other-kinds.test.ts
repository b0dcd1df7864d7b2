/** Consumer, share and streams groups of a Kafka's directory: kept, listed, and what becomes of them when they are asked something. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeGroupsHandler } from '../../../broker/apis/groups/describe-groups.ts';
import { listGroupsHandler } from '../../../broker/apis/groups/list-groups.ts';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';
import { GroupClient, groupWorld, offsetOf, seen, stableGroup } from './group-client.ts';
import { recordsFrom, shardPartition, type WrittenRecord, writeRecord } from './offsets-log.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
  await world.topic('t');
});
afterEach(() => world.stop());

const write = (groupId: string, ...record: WrittenRecord): void => writeRecord(world, groupId, ...record);
const endOffset = (groupId: string): number => shardPartition(world, groupId).endOffset;

describe('groups of other kinds', () => {
  beforeEach(async () => {
    write('cg', 'consumerGroupMetadata', { groupId: 'cg' }, 0, { epoch: 4 });
    write('cg', 'consumerGroupMemberMetadata', { groupId: 'cg', memberId: 'm' }, 0, {
      subscribedTopicNames: ['t'],
      rebalanceTimeoutMs: 1,
      clientId: '',
      clientHost: '',
    });
    write('cg', 'offsetCommit', { group: 'cg', topic: 't', partition: 0 }, 4, {
      offset: 3,
      metadata: '',
      commitTimestamp: 1,
    });
    write('sg', 'shareGroupMetadata', { groupId: 'sg' }, 0, { epoch: 4 });
    write('st', 'streamsGroupMetadata', { groupId: 'st' }, 0, {
      epoch: 1,
      metadataHash: 0,
      validatedTopologyEpoch: 0,
    });
    await world.restart();
  });

  test('are listed with their type', async () => {
    await stableGroup(new GroupClient(world));
    const list = async (filters: { statesFilter?: string[]; typesFilter?: string[] }) => {
      const { statesFilter = [], typesFilter = [] } = filters;
      const answer = await world.ask(listGroupsHandler, 5, { statesFilter, typesFilter });
      return answer!.groups
        .map(({ groupId, groupState, groupType }) => `${groupId} ${groupType} ${groupState}`)
        .sort();
    };
    const all = ['cg consumer Stable', 'g classic Stable', 'sg share Empty', 'st streams Empty'];
    expect(await list({})).toEqual(all);
    expect(await list({ typesFilter: ['Classic', 'SHARE'] })).toEqual([all[1], all[2]]);
    expect(await list({ typesFilter: ['what'] })).toEqual([]);
    expect(await list({ statesFilter: [' stable'] })).toEqual([all[0], all[1]]);
  });

  test('keep their records, whatever is asked of them', async () => {
    const before = ['cg', 'sg', 'st'].map(endOffset);
    const joined = new GroupClient(world, { groupId: 'cg' }).join();
    await world.clock.settle();
    expect(joined.answer!.errorCode).toBe(errors.inconsistentGroupProtocol.code);
    expect(await Promise.all(['cg', 'sg', 'st'].map((id) => world.groups.deleteGroup(id)))).toEqual(
      Array(3).fill(errors.nonEmptyGroup.code),
    );
    const asked = [{ topic: 't', partition: 0 }];
    expect(await world.groups.deleteOffsets('cg', asked)).toBe(errors.nonEmptyGroup.code);
    await world.clock.advance(8 * 86_400_000);
    expect(['cg', 'sg', 'st'].map(endOffset)).toEqual(before);
    expect(await seen(world, 'cg')).toBe('consumer with 1');
    expect(await offsetOf(world, 't', 'cg')).toBe(3);
  });

  test('take no classic member while somebody is in them, and a share group never', async () => {
    const before = ['cg', 'sg'].map(endOffset);
    for (const groupId of ['cg', 'sg']) {
      const joined = new GroupClient(world, { groupId }).join();
      await world.clock.settle();
      expect(joined.answer!.errorCode).toBe(errors.inconsistentGroupProtocol.code);
    }
    expect(['cg', 'sg'].map(endOffset)).toEqual(before);
  });

  test('become classic ones when a classic member joins them empty, and keep their offsets', async () => {
    const details = {
      streamsGroupTargetAssignmentMetadata: [{ groupId: 'st' }, { assignmentEpoch: 1 }],
      streamsGroupTopology: [{ groupId: 'st' }, { epoch: 1, subtopologies: [] }],
      streamsGroupMemberMetadata: [{ groupId: 'st', memberId: 'm' }, null],
    } as const;
    for (const [kind, [key, value]] of Object.entries(details)) {
      if (value === null) write('st', kind as keyof typeof details, key, null);
      else write('st', kind as keyof typeof details, key, 0, value);
    }
    write('st', 'offsetCommit', { group: 'st', topic: 't', partition: 0 }, 4, {
      offset: 7,
      metadata: '',
      commitTimestamp: 1,
    });
    await world.restart();
    // A member id that nobody can have, in a group that is not there as a classic one.
    const stranger = new GroupClient(world, { groupId: 'st' });
    stranger.memberId = 'stranger';
    const refused = stranger.join();
    await world.clock.settle();
    expect(refused.answer!.errorCode).toBe(errors.unknownMemberId.code);
    expect(await seen(world, 'st')).toBe('streams with 0');
    const before = endOffset('st');
    await stableGroup(new GroupClient(world, { groupId: 'st' }));
    expect(recordsFrom(world, 'st', before)).toEqual([
      'streamsGroupTargetAssignmentMetadata goes',
      'streamsGroupTopology goes',
      'streamsGroupMetadata goes',
      'groupMetadata',
      'groupMetadata',
    ]);
    expect(await seen(world, 'st')).toBe('Stable 1, 1 members');
    await world.restart();
    expect(await seen(world, 'st')).toBe('Stable 1, 1 members');
    expect(await offsetOf(world, 't', 'st')).toBe(7);
  });

  test('may have offsets committed from outside while nobody is in them', async () => {
    expect(await new GroupClient(world, { groupId: 'cg' }).commit('t', 9)).toBe(errors.unknownMemberId.code);
    expect(await new GroupClient(world, { groupId: 'st' }).commit('t', 9)).toEqual([0]);
    expect(await new GroupClient(world, { groupId: 'sg' }).commit('t', 9)).toBe(errors.groupIdNotFound.code);
    await world.restart();
    expect(await offsetOf(world, 't', 'st')).toBe(9);
    expect(await seen(world, 'st')).toBe('streams with 0');
  });

  test('are not described as classic ones', async () => {
    const old = await world.ask(describeGroupsHandler, 5, { groups: ['cg', 'nowhere'] });
    expect(old!.groups.map(({ errorCode, groupState }) => [errorCode, groupState])).toEqual([
      [0, 'Dead'],
      [0, 'Dead'],
    ]);
    const newer = await world.ask(describeGroupsHandler, 6, { groups: ['cg', 'nowhere'] });
    expect(newer!.groups.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([
      [errors.groupIdNotFound.code, 'Group cg is not a classic group.'],
      [errors.groupIdNotFound.code, 'Group nowhere not found.'],
    ]);
  });

  test('that became classic, or the other way round, are what their last records say', async () => {
    write('cg', 'consumerGroupMemberMetadata', { groupId: 'cg', memberId: 'm' }, null);
    write('cg', 'consumerGroupMetadata', { groupId: 'cg' }, null);
    const generation = { protocolType: 'consumer', generation: 8, protocol: null, leader: null, members: [] };
    write('cg', 'groupMetadata', { group: 'cg' }, 3, generation);
    write('up', 'groupMetadata', { group: 'up' }, 3, generation);
    write('up', 'groupMetadata', { group: 'up' }, null);
    write('up', 'consumerGroupMetadata', { groupId: 'up' }, 0, { epoch: 9 });
    await world.restart();
    expect(await seen(world, 'cg')).toBe('Empty 8, 0 members');
    expect(await seen(world, 'up')).toBe('consumer with 0');
  });
});
