/** What the handlers of the group APIs add to the coordinator: versions, shapes, words. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteGroupsHandler } from '../../../../broker/apis/groups/delete-groups.ts';
import { describeGroupsHandler } from '../../../../broker/apis/groups/describe-groups.ts';
import { findCoordinatorHandler } from '../../../../broker/apis/groups/find-coordinator.ts';
import { heartbeatHandler } from '../../../../broker/apis/groups/heartbeat.ts';
import { joinGroupHandler } from '../../../../broker/apis/groups/join-group.ts';
import { leaveGroupHandler } from '../../../../broker/apis/groups/leave-group.ts';
import { listGroupsHandler } from '../../../../broker/apis/groups/list-groups.ts';
import { syncGroupHandler } from '../../../../broker/apis/groups/sync-group.ts';
import { errors } from '../../../../protocol/errors.ts';
import { GroupClient, groupWorld, seen, stableGroup, subscription } from '../../groups/group-client.ts';
import { World } from '../../world.ts';

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world.stop());

describe('FindCoordinator', () => {
  test('makes __consumer_offsets on first need, and is everybody’s coordinator', async () => {
    const old = await world.ask(findCoordinatorHandler, 0, { key: 'g' });
    expect(old).toMatchObject({
      errorCode: 0,
      nodeId: world.cluster.state.nodeId,
      host: 'localhost',
      port: 9092,
    });
    expect(world.cluster.state.topic('__consumer_offsets')!.partitions).toHaveLength(50);
    const named = await world.ask(findCoordinatorHandler, 3, { key: 'g', keyType: 0 });
    expect(named).toMatchObject({ errorCode: 0, errorMessage: 'NONE' });
    const many = await world.ask(findCoordinatorHandler, 6, { keyType: 0, coordinatorKeys: ['g', 'h', ''] });
    expect(
      many!.coordinators.map(({ key, errorCode, errorMessage }) => [key, errorCode, errorMessage]),
    ).toEqual([
      ['g', 0, ''],
      ['h', 0, ''],
      ['', 0, ''],
    ]);
  });

  test('knows what it does not coordinate', async () => {
    const code = async (version: number, keyType: number) => {
      const answer = await world.ask(findCoordinatorHandler, version, { keyType, coordinatorKeys: ['k'] });
      return answer!.coordinators[0]!.errorCode;
    };
    expect(await code(4, 9)).toBe(errors.invalidRequest.code);
    expect(await code(5, 2)).toBe(errors.invalidRequest.code);
    expect(await code(6, 2)).toBe(errors.unsupportedVersion.code);
    const old = await world.ask(findCoordinatorHandler, 1, { key: 'k', keyType: 9 });
    expect(old).toMatchObject({ errorCode: errors.invalidRequest.code, nodeId: -1, port: -1 });
    expect(old!.errorMessage).toBe(errors.invalidRequest.message);
  });
});

describe('before there is a __consumer_offsets', () => {
  test('nobody coordinates, and no group is there', async () => {
    const { code } = errors.notCoordinator;
    const beat = { groupId: 'g', generationId: 1, memberId: 'm' };
    expect(await world.ask(heartbeatHandler, 4, beat)).toMatchObject({ errorCode: code });
    expect(await world.ask(listGroupsHandler, 5, { statesFilter: [], typesFilter: [] })).toMatchObject({
      errorCode: 0,
      groups: [],
    });
    expect(await world.ask(describeGroupsHandler, 5, { groups: ['g'] })).toMatchObject({
      groups: [{ groupId: 'g', errorCode: code, groupState: '' }],
    });
    expect(await world.ask(deleteGroupsHandler, 3, { groupsNames: ['g'] })).toMatchObject({
      results: [{ groupId: 'g', errorCode: code, errorMessage: null }],
    });
  });
});

describe('JoinGroup, SyncGroup, Heartbeat and LeaveGroup', () => {
  beforeEach(() => groupWorld(world));
  const joinOf = (memberId: string) => ({
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription(['t']) }],
  });

  test.each([0, 3, 4, 6, 7, 9])('walk a member through its life, from JoinGroup v%i on', async (version) => {
    const join = (memberId: string) =>
      world.ask(joinGroupHandler, version, {
        ...joinOf(memberId),
        ...(version >= 1 ? { rebalanceTimeoutMs: 60_000 } : {}),
      });
    let joined = await join('');
    if (version >= 4) {
      expect(joined).toMatchObject({
        errorCode: errors.memberIdRequired.code,
        generationId: -1,
        protocolName: version >= 7 ? null : '',
      });
      joined = await join(joined!.memberId);
    }
    const { memberId, generationId } = joined!;
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, protocolName: 'range', leader: memberId });
    expect(joined!.protocolType).toBe(version >= 7 ? 'consumer' : null);
    // The bytes of the request are long gone.
    expect(joined!.members[0]!.metadata).toEqual(subscription(['t']));
    const synced = await world.ask(syncGroupHandler, 4, {
      groupId: 'g',
      generationId,
      memberId,
      assignments: [{ memberId, assignment: Buffer.from('mine') }],
    });
    expect(synced).toMatchObject({ errorCode: 0, assignment: Buffer.from('mine') });
    const beat = { groupId: 'g', generationId, memberId };
    expect(await world.ask(heartbeatHandler, 2, beat)).toMatchObject({ errorCode: 0 });
    expect(await world.ask(leaveGroupHandler, 1, { groupId: 'g', memberId })).toMatchObject({ errorCode: 0 });
    expect(await world.ask(leaveGroupHandler, 1, { groupId: 'g', memberId })).toMatchObject({
      errorCode: errors.unknownMemberId.code,
    });
  });

  test('v0 of JoinGroup has one time-out for both', async () => {
    await world.ask(joinGroupHandler, 0, joinOf(''));
    expect(await world.groups.describe('g', (group) => group)).toMatchObject({ rebalanceTimeoutMs: 10_000 });
  });

  test('from v5 on SyncGroup wants to know which protocol the member believes in', async () => {
    const sync = { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] };
    const code = async (extra: object) =>
      (await world.ask(syncGroupHandler, 5, { ...sync, ...extra }))!.errorCode;
    expect(await code({})).toBe(errors.inconsistentGroupProtocol.code);
    expect(await code({ protocolType: 'consumer', protocolName: 'range' })).toBe(errors.unknownMemberId.code);
  });

  test('LeaveGroup answers each member from v3 on', async () => {
    const [a, b] = [new GroupClient(world), new GroupClient(world, { instanceId: 'i' })];
    await stableGroup(a, b);
    const answer = await world.ask(leaveGroupHandler, 5, {
      groupId: 'g',
      members: [
        { memberId: a.memberId, reason: 'tired' },
        { memberId: '', groupInstanceId: 'i' },
        { memberId: 'x' },
      ],
    });
    expect(answer).toMatchObject({ errorCode: 0 });
    expect(answer!.members.map(({ groupInstanceId, errorCode }) => [groupInstanceId, errorCode])).toEqual([
      [null, 0],
      ['i', 0],
      [null, errors.unknownMemberId.code],
    ]);
    expect(await seen(world)).toBe('Empty 3, 0 members');
    const nameless = await world.ask(leaveGroupHandler, 5, { groupId: '', members: [{ memberId: 'x' }] });
    expect(nameless).toMatchObject({ errorCode: errors.invalidGroupId.code, members: [] });
  });
});

test('DescribeGroups shows a group as it is, and operations when asked', async () => {
  await groupWorld(world);
  const [a, b] = [new GroupClient(world, { topics: ['t'] }), new GroupClient(world)];
  await stableGroup(a);
  const stable = await world.ask(describeGroupsHandler, 5, {
    groups: ['g'],
    includeAuthorizedOperations: true,
  });
  expect(stable!.groups[0]).toMatchObject({
    groupState: 'Stable',
    protocolType: 'consumer',
    protocolData: 'range',
    authorizedOperations: [3, 6, 8, 10, 11].reduce((bits, operation) => bits | (1 << operation), 0),
    members: [{ memberMetadata: subscription(['t']), memberAssignment: Buffer.from('for 0') }],
  });
  await b.joining();
  const gathering = await world.ask(describeGroupsHandler, 5, { groups: ['g'] });
  expect(gathering!.groups[0]).toMatchObject({
    groupState: 'PreparingRebalance',
    protocolData: '',
    authorizedOperations: -0x80000000,
    members: [
      // Who is gone on with the old assignment still has it.
      { memberMetadata: Buffer.alloc(0), memberAssignment: Buffer.from('for 0') },
      { memberAssignment: Buffer.alloc(0) },
    ],
  });
});
