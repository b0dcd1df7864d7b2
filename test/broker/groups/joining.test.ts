import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';
import {
  type ClientOptions,
  GroupClient,
  groupWorld,
  seen,
  stableGroup,
  subscription,
} from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const settle = () => world.clock.settle();

describe('the first member', () => {
  test('gets a member id, then leads generation 1 without delay', async () => {
    const first = client({ clientId: 'me' });
    const asked = first.join();
    await settle();
    expect(asked.answer).toMatchObject({ errorCode: errors.memberIdRequired.code, generationId: -1 });
    expect(first.memberId).toMatch(
      /^me-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(await seen(world)).toBe('Empty 0, 0 members');
    const joined = first.join();
    await settle();
    expect(joined.answer).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: first.memberId,
      memberId: first.memberId,
      skipAssignment: false,
      members: [{ memberId: first.memberId, groupInstanceId: null, metadata: subscription([]) }],
    });
    expect(await seen(world)).toBe('CompletingRebalance 1, 1 members');
    const synced = first.sync({ [first.memberId]: 'all of it' });
    await settle();
    expect(synced.answer).toMatchObject({ errorCode: 0, protocolType: 'consumer', protocolName: 'range' });
    expect(synced.answer!.assignment!.toString()).toBe('all of it');
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });

  test('of an older client joins without a member id', async () => {
    const joined = client({ version: 3 }).join();
    await settle();
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 1 });
  });

  test('is not known under an id that nobody gave it', async () => {
    const stranger = client();
    stranger.memberId = 'c-made-up';
    const noGroup = stranger.join();
    await settle();
    expect(noGroup.answer).toMatchObject({ errorCode: errors.unknownMemberId.code, memberId: 'c-made-up' });
    expect(await seen(world)).toBe('undefined');
    await stableGroup(client());
    const noMember = stranger.join();
    await settle();
    expect(noMember.answer!.errorCode).toBe(errors.unknownMemberId.code);
  });

  test.each([
    [{ groupId: '' }, errors.invalidGroupId.code],
    [{ sessionTimeoutMs: 5_999 }, errors.invalidSessionTimeout.code],
    [{ sessionTimeoutMs: 1_800_001 }, errors.invalidSessionTimeout.code],
    [{ protocolType: '' }, errors.inconsistentGroupProtocol.code],
    [{ protocols: [] }, errors.inconsistentGroupProtocol.code],
  ])('is refused with %o', async (options, code) => {
    const joined = client(options).join();
    await settle();
    expect(joined.answer).toMatchObject({ errorCode: code, memberId: '', generationId: -1 });
  });

  test('that does not come back with its id is forgotten after its session time-out', async () => {
    const first = client();
    first.join();
    await world.clock.advance(9_999);
    const inTime = first.join();
    await settle();
    expect(inTime.answer!.errorCode).toBe(0);
    const second = client();
    second.join();
    await settle();
    await world.clock.advance(10_001);
    const late = second.join();
    await settle();
    expect(late.answer!.errorCode).toBe(errors.unknownMemberId.code);
  });
});

describe('more members', () => {
  test('cause a rebalance that the others hear of by their heartbeats', async () => {
    const a = client({ topics: ['one'] });
    await stableGroup(a);
    const b = client({ topics: ['two'] });
    const second = await b.joining();
    expect(second.answer).toBeUndefined();
    expect(await seen(world)).toBe('PreparingRebalance 1, 2 members');
    expect(a.heartbeat()).toBe(errors.rebalanceInProgress.code);
    const again = a.join();
    await settle();
    expect(again.answer).toMatchObject({ generationId: 2, leader: a.memberId });
    expect(again.answer!.members!.map(({ memberId, metadata }) => [memberId, metadata.toString()])).toEqual([
      [a.memberId, subscription(['one']).toString()],
      [b.memberId, subscription(['two']).toString()],
    ]);
    expect(second.answer).toMatchObject({ generationId: 2, leader: a.memberId, members: [] });

    const waiting = b.sync();
    await settle();
    expect(waiting.answer).toBeUndefined();
    const told = a.sync({ [a.memberId]: 'left', [b.memberId]: 'right' });
    await settle();
    expect([told, waiting].map(({ answer }) => answer!.assignment!.toString())).toEqual(['left', 'right']);
    expect([a.heartbeat(), b.heartbeat()]).toEqual([0, 0]);
  });

  test('agree on the protocol that most of them like best, of those that all know', async () => {
    const a = client({ protocols: ['sticky', 'range', 'lonely'] });
    await stableGroup(a);
    const b = client({ protocols: ['range', 'sticky'] });
    await b.joining();
    a.join();
    await settle();
    const c = client({ protocols: ['range', 'sticky'] });
    await c.joining();
    a.join();
    const last = b.join();
    await settle();
    expect(last.answer).toMatchObject({ generationId: 3, protocolName: 'range' });
  });

  test('without a protocol in common, or of another type, are refused', async () => {
    await stableGroup(client({ protocols: ['range', 'sticky'] }));
    const other = client({ protocols: ['roundrobin'] }).join();
    const connect = client({ protocolType: 'connect' }).join();
    await settle();
    expect(other.answer).toMatchObject({ errorCode: errors.inconsistentGroupProtocol.code, memberId: '' });
    expect(connect.answer!.errorCode).toBe(errors.inconsistentGroupProtocol.code);
  });

  test('may name a protocol twice', async () => {
    const a = client({ protocols: ['range', 'range'] });
    await stableGroup(a);
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });

  test('beyond group.max.size are sent away, and those that come back last when it was lowered', async () => {
    world.settings['group.max.size'] = 2;
    const [a, b, c] = [client(), client(), client()];
    await stableGroup(a, b);
    const third = await c.joining();
    expect(third.answer).toMatchObject({ errorCode: errors.groupMaxSizeReached.code, memberId: '' });
    // Ids are given, but not more places.
    expect(await seen(world)).toBe('Stable 2, 2 members');
    world.settings['group.max.size'] = 1;
    a.join();
    const second = b.join();
    await settle();
    expect(second.answer).toMatchObject({ errorCode: errors.groupMaxSizeReached.code });
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
  });
});

describe('a member that joins again', () => {
  test('unchanged gets the generation that it missed', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    const follower = b.join();
    await settle();
    expect(follower.answer).toMatchObject({ errorCode: 0, generationId: 2, leader: a.memberId, members: [] });
    expect(await seen(world)).toBe('Stable 2, 2 members');
  });

  test('unchanged before the assignment gets it too, the leader with the members', async () => {
    const a = client();
    await a.joining();
    const again = a.join();
    await settle();
    expect(again.answer).toMatchObject({ generationId: 1 });
    expect(again.answer!.members).toHaveLength(1);
  });

  test('as the leader asks for a rebalance', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    const leader = a.join();
    await settle();
    expect(leader.answer).toBeUndefined();
    expect(b.heartbeat()).toBe(errors.rebalanceInProgress.code);
  });

  test('changed causes a rebalance, and who waits for an assignment hears so', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    b.options = { topics: ['more'] };
    b.join();
    a.join();
    await settle();
    const waiting = b.sync();
    a.options = { topics: ['more', 'still'] };
    a.join();
    await settle();
    expect(waiting.answer).toMatchObject({ errorCode: errors.rebalanceInProgress.code });
    expect(await seen(world)).toBe('PreparingRebalance 3, 2 members');
  });

  test('while it waits already takes the place of its older request, which is answered', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    const older = a.join();
    const newer = a.join();
    await settle();
    expect(older.answer).toMatchObject({ errorCode: errors.rebalanceInProgress.code });
    b.join();
    await settle();
    expect(newer.answer).toMatchObject({ errorCode: 0, generationId: 3 });
  });
});

describe('sync, heartbeat and leave', () => {
  test('know groups, members and generations', async () => {
    const a = client();
    await stableGroup(a);
    const nowhere = { groupId: 'nowhere', memberId: 'x', groupInstanceId: null, generationId: 1 };
    expect(await world.groups.heartbeat(nowhere, a.caller)).toBe(errors.unknownMemberId.code);
    const wrong = a.sync({}, { generationId: 7 });
    const stranger = a.sync({}, { memberId: 'x' });
    const otherType = a.sync({}, { protocolType: 'connect' });
    const otherName = a.sync({}, { protocolName: 'sticky' });
    const right = a.sync({}, { protocolType: 'consumer', protocolName: 'range' });
    await settle();
    expect([wrong, stranger, otherType, otherName, right].map(({ answer }) => answer!.errorCode)).toEqual([
      errors.illegalGeneration.code,
      errors.unknownMemberId.code,
      errors.inconsistentGroupProtocol.code,
      errors.inconsistentGroupProtocol.code,
      0,
    ]);
    expect(right.answer!.assignment!.toString()).toBe('for 0');
    a.generationId = 9;
    expect(a.heartbeat()).toBe(errors.illegalGeneration.code);
    a.memberId = 'x';
    expect(a.heartbeat()).toBe(errors.unknownMemberId.code);
  });

  test('a sync while members gather is told to join', async () => {
    const a = client();
    await stableGroup(a);
    await client().joining();
    const synced = a.sync();
    await settle();
    expect(synced.answer!.errorCode).toBe(errors.rebalanceInProgress.code);
  });

  test('a member that the leader forgot gets nothing', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    a.join();
    b.join();
    await settle();
    const second = b.sync();
    a.sync({ [a.memberId]: 'all' });
    await settle();
    expect(second.answer).toMatchObject({ errorCode: 0, assignment: Buffer.alloc(0) });
  });

  test('when the last one leaves, the group is empty in a generation of its own', async () => {
    const a = client();
    await stableGroup(a);
    expect(a.leave()).toEqual([0]);
    expect(await seen(world)).toBe('Empty 2, 0 members');
    expect(a.leave()).toEqual([errors.unknownMemberId.code]);
    expect(await world.groups.leave('nowhere', [{ memberId: 'x', groupInstanceId: null }], '')).toEqual([
      errors.unknownMemberId.code,
    ]);
  });

  test('a leaving leader passes on its place, and who waited hears UNKNOWN_MEMBER_ID', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a, b);
    const waiting = a.join();
    await settle();
    a.leave();
    const next = b.join();
    await settle();
    expect(waiting.answer).toMatchObject({ errorCode: errors.unknownMemberId.code, memberId: '' });
    expect(next.answer).toMatchObject({ errorCode: 0, generationId: 3, leader: b.memberId });
  });

  test('one that has only an id may leave, too', async () => {
    const a = client();
    a.join();
    await settle();
    expect(a.leave()).toEqual([0]);
    const again = a.join();
    await settle();
    expect(again.answer!.errorCode).toBe(errors.unknownMemberId.code);
  });

  test('a first member that leaves before its generation does not decide the protocol of the next', async () => {
    world.settings['group.initial.rebalance.delay.ms'] = 3_000;
    const a = client({ protocols: ['range'] });
    const alone = await a.joining();
    a.leave();
    await settle();
    expect(alone.answer!.errorCode).toBe(errors.unknownMemberId.code);
    const b = client({ protocols: ['sticky'] });
    const next = await b.joining();
    await world.clock.advance(10_000);
    expect(next.answer).toMatchObject({ errorCode: 0, protocolName: 'sticky' });
  });
});
