/** kompakt.group.disconnect.grace.ms: members whose process is gone leave early, and nobody else. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { FakeConnection } from '../caller.ts';
import { World } from '../world.ts';
import { type ClientOptions, GroupClient, groupWorld, seen, stableGroup } from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
  await world.topic('t');
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const advance = (ms: number) => world.clock.advance(ms);

/** As dispatch does it on the first request of a connection. */
function connect(member: GroupClient): void {
  member.connection = new FakeConnection();
  world.groups.clientConnected(member.caller);
}

describe('a dynamic member', () => {
  test('whose connection is gone leaves after the grace', async () => {
    const [a, b] = [client({ clientId: 'a' }), client({ clientId: 'b' })];
    await stableGroup(a, b);
    a.connection.close();
    await advance(499);
    expect(await seen(world)).toBe('Stable 2, 2 members');
    await advance(1);
    expect(await seen(world)).toBe('PreparingRebalance 2, 1 members');
    expect(b.heartbeat()).toBe(errors.rebalanceInProgress.code);
  });

  test('stays when its client opens another connection in time', async () => {
    const a = client();
    await stableGroup(a);
    a.connection.close();
    await advance(400);
    connect(a);
    await advance(5_000);
    expect(a.heartbeat()).toBe(0);
    // And is watched again on the new one.
    a.connection.close();
    await advance(500);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });

  test('that never says anything on its new connection is left to its session', async () => {
    const a = client();
    await stableGroup(a);
    a.connection.close();
    connect(a);
    await advance(9_000);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    await advance(1_001);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });

  test.each<[string, ClientOptions]>([
    ['another client id', { clientId: 'x' }],
    ['another host', { clientHost: '/10.0.0.9' }],
  ])('is not kept by a connection of %s', async (_what, options) => {
    const a = client();
    await stableGroup(a);
    a.connection.close();
    connect(client(options));
    await advance(500);
    expect(await seen(world)).toBe('Empty 2, 0 members');
  });

  test('stays when it is heard on any other connection', async () => {
    const a = client();
    await stableGroup(a);
    a.connection.close();
    a.connection = new FakeConnection();
    expect(await a.commit('t', 1)).toEqual([0]);
    await advance(600);
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });

  test('that speaks on a second connection is not bound to the first', async () => {
    const a = client();
    await stableGroup(a);
    const first = a.connection;
    a.connection = new FakeConnection();
    a.heartbeat();
    first.close();
    await advance(600);
    expect(await seen(world)).toBe('Stable 1, 1 members');
    expect(first.listenerCount).toBe(0);
  });

  test('that was started again under the same client id does not hold up its successor', async () => {
    const a = client();
    await stableGroup(a);
    a.connection.close();
    await advance(100);
    const again = client();
    connect(again);
    const joined = await again.joining();
    await advance(499);
    expect(joined.answer).toBeUndefined();
    await advance(1);
    expect(joined.answer).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(joined.answer!.members).toHaveLength(1);
  });

  test('of another group is not given up for such a successor', async () => {
    const a = client({ groupId: 'other' });
    await stableGroup(a);
    a.connection.close();
    const again = client();
    connect(again);
    await again.joining();
    await advance(1_000);
    expect(await seen(world, 'other')).toBe('Stable 1, 1 members');
  });

  test('that waits for a rebalance leaves, too', async () => {
    const [a, b] = [client({ clientId: 'a' }), client({ clientId: 'b' })];
    await stableGroup(a);
    const waiting = await b.joining();
    b.connection.close();
    await advance(500);
    expect(waiting.answer).toMatchObject({ errorCode: errors.unknownMemberId.code });
    const alone = a.join();
    await advance(0);
    expect(alone.answer!.members).toHaveLength(1);
  });

  test('that waits without knowing its id leaves, too', async () => {
    const a = client({ clientId: 'a' });
    await stableGroup(a);
    const old = client({ clientId: 'b', version: 2 });
    old.join();
    await advance(0);
    old.connection.close();
    await advance(500);
    const alone = a.join();
    await advance(0);
    expect(alone.answer!.members).toHaveLength(1);
  });

  test('that has only been given an id is forgotten', async () => {
    world.settings['group.initial.rebalance.delay.ms'] = 3_000;
    const [a, b] = [client({ clientId: 'a' }), client({ clientId: 'b' })];
    await stableGroupLater(a);
    b.join();
    await advance(0);
    a.join();
    b.connection.close();
    await advance(500);
    expect(await seen(world)).toBe('CompletingRebalance 2, 1 members');
  });
});

async function stableGroupLater(member: GroupClient): Promise<void> {
  await member.joining();
  await advance(10_000);
  member.sync();
  await advance(0);
}

describe('nobody leaves early', () => {
  test('who is a static member', async () => {
    const a = client({ instanceId: 'one' });
    await stableGroup(a);
    a.connection.close();
    await advance(5_000);
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });

  test('whose connection this side closed', async () => {
    const a = client();
    await stableGroup(a);
    a.connection.close(true);
    await advance(5_000);
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });

  test('when it is switched off', async () => {
    world.settings['kompakt.group.disconnect.grace.ms'] = 0;
    const a = client();
    await stableGroup(a);
    expect(a.connection.listenerCount).toBe(0);
    a.connection.close();
    await advance(9_000);
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });
});

test('who is out of the group is watched no longer', async () => {
  const [a, b, c] = [client(), client(), client({ sessionTimeoutMs: 6_000 })];
  await stableGroup(a, b, c);
  a.leave();
  expect(a.connection.listenerCount).toBe(0);
  b.join();
  await advance(6_001);
  expect(c.connection.listenerCount).toBe(0);
  for (let n = 0; n < 50; n++) {
    c.memberId = '';
    c.join();
    await advance(0);
  }
  expect(c.connection.listenerCount).toBe(50);
  await advance(10_001);
  expect(c.connection.listenerCount).toBe(0);
});
