import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';
import { type ClientOptions, GroupClient, groupWorld, seen, stableGroup } from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const advance = (ms: number) => world.clock.advance(ms);

describe('the initial delay (KIP-134)', () => {
  beforeEach(() => {
    world.settings['group.initial.rebalance.delay.ms'] = 3_000;
  });

  test('lets members gather', async () => {
    const [a, b] = [client(), client()];
    const first = await a.joining();
    await advance(2_999);
    expect(first.answer).toBeUndefined();
    await advance(1);
    expect(first.answer).toMatchObject({ generationId: 1 });
    expect(first.answer!.members).toHaveLength(1);
    // A group with members does not wait.
    await stableGroup(a);
    const second = await b.joining();
    a.join();
    await advance(0);
    expect(second.answer).toMatchObject({ generationId: 2 });
  });

  test('begins anew while members keep coming, up to the rebalance time-out', async () => {
    const options = { rebalanceTimeoutMs: 10_000 };
    const joins = [await client(options).joining()];
    for (let n = 0; n < 3; n++) {
      await advance(2_900);
      joins.push(await client(options).joining());
    }
    expect(joins.map(({ answer }) => answer?.generationId)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    // 8.7 s are over; the last stretch ends after 10 s.
    await advance(1_299);
    expect(joins[0]!.answer).toBeUndefined();
    await advance(1);
    expect(joins.map(({ answer }) => answer?.generationId)).toEqual([1, 1, 1, 1]);
    expect(joins[0]!.answer!.members).toHaveLength(4);
  });

  test('ends at once for nobody', async () => {
    const a = client();
    await a.joining();
    a.leave();
    expect(await seen(world)).toBe('PreparingRebalance 0, 0 members');
    await advance(3_000);
    expect(await seen(world)).toBe('Empty 1, 0 members');
  });
});

describe('a rebalance', () => {
  test('goes on without the dynamic members that do not come back in time', async () => {
    const a = client({ rebalanceTimeoutMs: 30_000, sessionTimeoutMs: 45_000 });
    const b = client({ rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 45_000 });
    await stableGroup(a, b);
    const back = b.join();
    b.options = { ...b.options, topics: ['x'] };
    const changed = b.join();
    await advance(29_999);
    expect(back.answer!.errorCode).toBe(0);
    expect(changed.answer).toBeUndefined();
    await advance(1);
    expect(changed.answer).toMatchObject({ errorCode: 0, generationId: 3, leader: b.memberId });
    expect(a.heartbeat()).toBe(errors.unknownMemberId.code);
  });

  test('puts out who does not ask for its assignment', async () => {
    const [a, b] = [client({ rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 60_000 }), client()];
    await stableGroup(a);
    const second = await b.joining();
    a.join();
    await advance(0);
    expect(second.answer).toMatchObject({ generationId: 2 });
    a.sync({ [a.memberId]: 'x' });
    await advance(0);
    expect(await seen(world)).toBe('Stable 2, 2 members');
    for (let n = 0; n < 12; n++) {
      await advance(5_000);
      a.heartbeat();
      if ((await seen(world)).startsWith('Prep')) break;
      b.heartbeat();
    }
    // The longest rebalance time-out is b's, a minute.
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
    expect(b.heartbeat()).toBe(errors.unknownMemberId.code);
  });

  test('waits for the leader no longer than its time-out', async () => {
    const [a, b] = [client({ rebalanceTimeoutMs: 20_000 }), client({ rebalanceTimeoutMs: 20_000 })];
    await stableGroup(a, b);
    a.join();
    b.join();
    await advance(0);
    const waiting = b.sync();
    for (let n = 0; n < 4; n++) {
      await advance(5_000);
      a.heartbeat();
    }
    // The leader never assigned: it is out, and whoever waits is to join again.
    expect(waiting.answer).toMatchObject({ errorCode: errors.rebalanceInProgress.code });
    expect(await seen(world)).toBe('PreparingRebalance 3, 1 members');
  });
});

describe('a session', () => {
  test('ends a silent member, and the others rebalance', async () => {
    const [a, b] = [client({ sessionTimeoutMs: 10_000 }), client({ sessionTimeoutMs: 30_000 })];
    await stableGroup(a, b);
    await advance(9_999);
    expect(a.heartbeat()).toBe(0);
    await advance(9_999);
    expect(await seen(world)).toBe('Stable 2, 2 members');
    await advance(1);
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
    expect(b.heartbeat()).toBe(errors.rebalanceInProgress.code);
    expect(a.heartbeat()).toBe(errors.unknownMemberId.code);
  });

  test('is kept by commits, except while the assignment is awaited', async () => {
    await world.topic('t');
    const a = client();
    await stableGroup(a);
    for (let n = 0; n < 5; n++) {
      await advance(9_000);
      expect(await a.commit('t', n)).toEqual([0]);
    }
    expect(await seen(world)).toBe('Stable 1, 1 members');
    a.join();
    await advance(0);
    expect(await seen(world)).toBe('CompletingRebalance 2, 1 members');
    await advance(9_000);
    expect(await a.commit('t', 9)).toBe(errors.rebalanceInProgress.code);
    await advance(1_000);
    expect(await seen(world)).toBe('Empty 3, 0 members');
  });

  test('does not run while a member waits for the others', async () => {
    const [a, b] = [client(), client({ sessionTimeoutMs: 60_000 })];
    await stableGroup(a, b);
    const waiting = a.join();
    await advance(50_000);
    expect(waiting.answer).toBeUndefined();
    b.join();
    await advance(0);
    expect(waiting.answer).toMatchObject({ errorCode: 0, generationId: 3 });
    // And it runs again from then on.
    await advance(10_001);
    expect(await seen(world)).toBe('PreparingRebalance 3, 1 members');
  });

  test('of a new member lasts five minutes, until it has its first generation', async () => {
    const a = client({ sessionTimeoutMs: 1_800_000, rebalanceTimeoutMs: 1_800_000 });
    await stableGroup(a);
    const b = client();
    const waiting = await b.joining();
    await advance(299_999);
    expect(waiting.answer).toBeUndefined();
    await advance(1);
    expect(waiting.answer).toMatchObject({ errorCode: errors.unknownMemberId.code, memberId: '' });
    expect(await seen(world)).toBe('PreparingRebalance 1, 1 members');
  });

  test('follows monotonic time, whatever the wall clock does', async () => {
    const a = client();
    await stableGroup(a);
    world.clock.setWallMs(world.clock.nowMs() + 86_400_000);
    await advance(9_000);
    expect(a.heartbeat()).toBe(0);
    world.clock.setWallMs(0);
    await advance(9_999);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    await advance(2);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });
});

test('a group that nobody is in leaves no timer behind but the retention check', async () => {
  const before = world.clock.pendingTimers;
  const [a, b] = [client(), client()];
  await stableGroup(a, b);
  a.leave();
  b.leave();
  await advance(0);
  expect(await seen(world)).toBe('Empty 3, 0 members');
  await advance(60_000);
  expect(world.clock.pendingTimers).toBe(before);
});
