/** Static membership (KIP-345, KIP-814): a member with an instance id keeps its place while its process is away. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClassicGroup } from '../../../broker/groups/classic-group.ts';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';
import { type ClientOptions, GroupClient, groupWorld, seen, stableGroup } from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const settle = () => world.clock.settle();

/** The same instance as a process that was started again: it knows no member id. */
function restarted(before: GroupClient, options: ClientOptions = {}): GroupClient {
  return client({ ...before.options, ...options });
}

async function group(): Promise<ClassicGroup> {
  return (await world.groups.describe('g', (group) => group)) as ClassicGroup;
}

test('a static member joins without asking for an id first, and its id names the instance', async () => {
  const a = client({ instanceId: 'one' });
  const joined = a.join();
  await settle();
  expect(joined.answer).toMatchObject({
    errorCode: 0,
    generationId: 1,
    members: [{ groupInstanceId: 'one' }],
  });
  expect(a.memberId).toMatch(/^one-[0-9a-f-]{36}$/);
});

describe('back in a stable group under a new id', () => {
  test('a follower gets the generation, and nobody else notices', async () => {
    const a = client({ instanceId: 'one' });
    const b = client({ instanceId: 'two' });
    await stableGroup(a, b);
    const back = restarted(b);
    const joined = back.join();
    await settle();
    expect(joined.answer).toMatchObject({
      errorCode: 0,
      generationId: 2,
      leader: a.memberId,
      skipAssignment: false,
      members: [],
    });
    expect(back.memberId).not.toBe(b.memberId);
    const synced = back.sync();
    await settle();
    expect(synced.answer!.assignment!.toString()).toBe('for 1');
    expect([a.heartbeat(), back.heartbeat()]).toEqual([0, 0]);
    // The old id is fenced everywhere.
    expect(b.heartbeat()).toBe(errors.fencedInstanceId.code);
    const oldJoin = b.join();
    const oldSync = b.sync();
    await settle();
    expect(oldJoin.answer!.errorCode).toBe(errors.fencedInstanceId.code);
    expect(oldSync.answer!.errorCode).toBe(errors.fencedInstanceId.code);
    expect(
      await world.groups.leave('g', [{ memberId: b.memberId, groupInstanceId: 'two' }], 'fenced'),
    ).toEqual([errors.fencedInstanceId.code]);
  });

  test('the leader is told to leave the assignment as it is', async () => {
    const a = client({ instanceId: 'one' });
    await stableGroup(a, client());
    const back = restarted(a);
    const joined = back.join();
    await settle();
    expect(joined.answer).toMatchObject({
      errorCode: 0,
      generationId: 2,
      leader: back.memberId,
      skipAssignment: true,
    });
    expect(joined.answer!.members).toHaveLength(2);
    expect(await seen(world)).toBe('Stable 2, 2 members');
  });

  test('an older client that led is told of the leader of before, so that it does not assign', async () => {
    const a = client({ instanceId: 'one', version: 8 });
    await stableGroup(a);
    const back = restarted(a);
    const joined = back.join();
    await settle();
    expect(joined.answer).toMatchObject({
      errorCode: 0,
      leader: a.memberId,
      skipAssignment: false,
      members: [],
    });
    expect((await group()).leaderId).toBe(back.memberId);
  });

  test('keeps its client id and host, as Kafka does, and takes over new time-outs', async () => {
    const a = client({ instanceId: 'one', clientId: 'old', clientHost: '/10.0.0.1' });
    await stableGroup(a);
    const back = restarted(a, { clientId: 'new', clientHost: '/10.0.0.2', sessionTimeoutMs: 20_000 });
    back.join();
    await settle();
    const [member] = [...(await group()).members.values()];
    expect(member).toMatchObject({
      memberId: back.memberId,
      clientId: 'old',
      clientHost: '/10.0.0.1',
      sessionTimeoutMs: 20_000,
    });
  });

  test('with another protocol in force causes a rebalance', async () => {
    const a = client({ instanceId: 'one', protocols: ['range', 'sticky'] });
    await stableGroup(a);
    const back = restarted(a, { protocols: ['sticky'] });
    const joined = back.join();
    await settle();
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 2, protocolName: 'sticky' });
  });

  test('survives a restart of the broker under the new id', async () => {
    const a = client({ instanceId: 'one' });
    await stableGroup(a);
    const back = restarted(a);
    back.join();
    await settle();
    await world.restart();
    expect([...(await group()).staticMembers]).toEqual([['one', back.memberId]]);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    expect((await group()).members.get(back.memberId)!.assignment.toString()).toBe('for 0');
  });
});

describe('back in an unstable group', () => {
  test('while the assignment is awaited everybody joins again', async () => {
    const a = client({ instanceId: 'one' });
    const b = client();
    await stableGroup(a, b);
    a.join();
    b.join();
    await settle();
    const waiting = b.sync();
    const back = restarted(a);
    const joined = back.join();
    await settle();
    expect(waiting.answer).toMatchObject({ errorCode: errors.rebalanceInProgress.code });
    expect(joined.answer).toBeUndefined();
    b.join();
    await settle();
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 4 });
  });

  test('while members gather the older request is fenced', async () => {
    const a = client({ instanceId: 'one' });
    const b = client();
    await stableGroup(a, b);
    a.options = { ...a.options, topics: ['x'] };
    const older = a.join();
    const back = restarted(a);
    const newer = back.join();
    await settle();
    expect(older.answer).toMatchObject({ errorCode: errors.fencedInstanceId.code });
    expect(newer.answer).toBeUndefined();
    b.join();
    await settle();
    expect(newer.answer).toMatchObject({ errorCode: 0, generationId: 3 });
  });
});

describe('away', () => {
  test('a static member keeps its place through a rebalance, until its session is over', async () => {
    const a = client({ sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 20_000 });
    const b = client({ instanceId: 'two', sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 });
    await stableGroup(a, b);
    b.heartbeat();
    const joined = a.join();
    await world.clock.advance(20_000);
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 3 });
    expect(joined.answer!.members).toHaveLength(2);
    a.sync({ [a.memberId]: 'x' });
    await settle();
    expect(await seen(world)).toBe('Stable 3, 2 members');
    await world.clock.advance(20_001);
    // It never asked for its assignment.
    expect(await seen(world)).toBe('PreparingRebalance 3, 1 members');
  });

  test('when only static members are left, the rebalance waits for the first of them', async () => {
    const b = client({ instanceId: 'two', sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 });
    const a = client({ rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 300_000 });
    await stableGroup(a, b);
    a.leave();
    await world.clock.advance(70_000);
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
    const back = restarted(b);
    const joined = back.join();
    await settle();
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 3, leader: back.memberId });
  });

  test('it is taken out by its instance id, as an administrator does', async () => {
    const a = client();
    const b = client({ instanceId: 'two' });
    await stableGroup(a, b);
    const waiting = b.join();
    await settle();
    expect(
      await world.groups.leave(
        'g',
        [
          { memberId: '', groupInstanceId: 'two' },
          { memberId: '', groupInstanceId: 'three' },
          { memberId: '', groupInstanceId: null },
        ],
        'an administrator',
      ),
    ).toEqual([0, errors.unknownMemberId.code, errors.unknownMemberId.code]);
    expect(waiting.answer).toBeDefined();
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
  });

  test('an instance that nobody knows is no member', async () => {
    const a = client({ instanceId: 'one' });
    await stableGroup(a);
    const other = client({ instanceId: 'else' });
    other.memberId = a.memberId;
    other.generationId = 1;
    expect(other.heartbeat()).toBe(errors.unknownMemberId.code);
  });

  test('an id that was given to a dynamic member is not one to come back with an instance id', async () => {
    const a = client();
    a.join();
    await settle();
    a.options = { instanceId: 'one' };
    const joined = a.join();
    await settle();
    expect(joined.answer!.errorCode).toBe(errors.unknownServerError.code);
  });
});

test('when its new id cannot be written, the old one stays in its place', async () => {
  const a = client({ instanceId: 'one' });
  await stableGroup(a);
  const partition = [...world.partitions.all()].find(({ endOffset }) => endOffset > 0)!;
  const append = partition.log.append.bind(partition.log);
  const { code } = errors.kafkaStorageError;
  partition.log.append = () => ({
    ok: false,
    errorCode: code,
    message: null,
    recordErrors: [],
    logStartOffset: 0,
  });
  const back = restarted(a);
  const joined = back.join();
  await settle();
  expect(joined.answer).toMatchObject({
    errorCode: errors.notCoordinator.code,
    memberId: '',
    generationId: 1,
    leader: a.memberId,
  });
  partition.log.append = append;
  expect(a.heartbeat()).toBe(0);
  expect([...(await group()).staticMembers]).toEqual([['one', a.memberId]]);
});
