/** What faults do to requests, seen from the wire. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import { fetch } from '../../../protocol/messages/data/fetch.ts';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import { heartbeat } from '../../../protocol/messages/groups/heartbeat.ts';
import { offsetFetch } from '../../../protocol/messages/groups/offset-fetch.ts';
import { type Peer, type PeerWorld, peerWorld } from './peer.ts';
import { endOffsets, toFetch, toProduce } from './requests.ts';

let world: PeerWorld;
let peer: Peer;

beforeEach(async () => {
  world = await peerWorld();
  peer = world.peer();
  // Groups have their coordinator with the first who asks for it.
  await peer.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] });
});
afterEach(() => world.stop());

const { code: loading } = errors.coordinatorLoadInProgress;

const send = (topics: Record<string, readonly number[]>, acks = 1, by = peer) =>
  by.ask(produce, 9, toProduce(topics, acks));

describe('an error of the whole', () => {
  const beat = { groupId: 'g', generationId: 1, memberId: 'm' };

  it('stands where the API has it', async () => {
    world.broker.fault({
      api: ['Heartbeat', 'FindCoordinator', 'OffsetFetch'],
      error: 'COORDINATOR_LOAD_IN_PROGRESS',
    });
    expect((await peer.ask(heartbeat, 4, beat))!.errorCode).toBe(loading);
    const found = await peer.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g', 'h'] });
    expect(found!.coordinators.map(({ key, errorCode }) => [key, errorCode])).toEqual([
      ['g', loading],
      ['h', loading],
    ]);
    const offsets = await peer.ask(offsetFetch, 8, {
      groups: [{ groupId: 'g', topics: null }],
      requireStable: false,
    });
    expect(offsets!.groups).toMatchObject([{ groupId: 'g', errorCode: loading }]);
    expect(
      (await peer.ask(offsetFetch, 1, { groupId: 'g', topics: [{ name: 't', partitionIndexes: [4] }] }))!
        .topics,
    ).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 4, errorCode: loading }] }]);
  });

  it('of ApiVersions comes in its first version where it says that the version is not served', async () => {
    world.broker.fault({ api: 'ApiVersions', times: 1, error: 'UNSUPPORTED_VERSION' });
    peer.send(apiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    await world.clock.settle();
    // size, correlation id, error code, and an empty list of APIs with a length of four bytes.
    expect(peer.client.take().toString('hex')).toMatch(/^0000000a00000002002300000000$/);
  });

  it('begins after so many requests, ends after so many, and those of others pass', async () => {
    const fault = world.broker.fault({
      api: 'Heartbeat',
      clientId: 'peer',
      after: 1,
      times: 2,
      error: 'REBALANCE_IN_PROGRESS',
    });
    const other = world.peer('other');
    const seen: (number | undefined)[] = [];
    for (let i = 0; i < 5; i++) {
      seen.push((await peer.ask(heartbeat, 4, beat))?.errorCode);
      expect((await other.ask(heartbeat, 4, beat))!.errorCode).toBe(25);
    }
    expect(seen).toEqual([25, 27, 27, 25, 25]);
    expect([fault.hits, fault.isOver]).toEqual([2, true]);
  });

  it('comes one after the other where two are made, each for one request', async () => {
    world.broker.fault({ api: 'Heartbeat', times: 1, error: 'NOT_COORDINATOR' });
    world.broker.fault({ api: 'Heartbeat', times: 1, error: 'FENCED_INSTANCE_ID' });
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push((await peer.ask(heartbeat, 4, beat))!.errorCode);
    expect(seen).toEqual([16, 82, 25]);
  });
});

describe('without an answer', () => {
  it('the connection is closed, before anything is written or after it', async () => {
    await world.topic('a');
    world.broker.fault({ api: 'Produce', times: 1, dropConnection: true });
    expect(await send({ a: [0] })).toBeNull();
    expect(peer.isClosed).toBe(true);
    expect(await endOffsets(world, 'a', 1)).toEqual([0]);
    world.broker.fault({ api: 'Produce', times: 1, dropConnection: true, when: 'after' });
    const again = world.peer();
    expect(await send({ a: [0] }, 1, again)).toBeNull();
    expect(again.isClosed).toBe(true);
    expect(await endOffsets(world, 'a', 1)).toEqual([1]);
  });

  it('what was asked before is answered, and what comes behind is not handled', async () => {
    await world.topic('a');
    world.broker.fault({ api: 'Produce', after: 1, times: 1, dropConnection: true });
    for (let i = 0; i < 3; i++) peer.send(produce, 9, toProduce({ a: [0] }));
    expect(await peer.answers()).toHaveLength(1);
    expect(peer.isClosed).toBe(true);
    expect(await endOffsets(world, 'a', 1)).toEqual([1]);
  });

  it.each([
    [true, 'half of it'],
    [10, '10 bytes'],
    [0, 'nothing'],
    [1e6, 'all but the last byte'],
  ] as const)(
    'with truncateAnswer %s %s leaves, also of records in a file, and then the connection closes',
    async (truncateAnswer, _what) => {
      await world.topic('a');
      await send({ a: [0] });
      const whole = await world.peer().client;
      const asker = world.peer();
      asker.send(fetch, 12, toFetch('a', [0]));
      await world.clock.settle();
      const { length } = asker.client.take();
      world.broker.fault({ api: 'Fetch', truncateAnswer });
      peer.send(fetch, 12, toFetch('a', [0]));
      expect(await peer.answers()).toEqual([]);
      expect(peer.brokenBytes).toBe(
        truncateAnswer === true ? length >> 1 : Math.min(truncateAnswer, length - 1),
      );
      expect(peer.isClosed).toBe(true);
      whole.close();
    },
  );
});

describe('time', () => {
  const beat = { groupId: 'g', generationId: 1, memberId: 'm' };

  it('passes before a delayed request is handled, and its connection keeps its order', async () => {
    await world.topic('a');
    world.broker.fault({ api: 'Produce', times: 1, delayMs: 300 });
    peer.send(produce, 9, toProduce({ a: [0] }));
    peer.send(heartbeat, 4, beat);
    peer.send(produce, 9, toProduce({ a: [0] }));
    await world.clock.advance(299);
    expect(await peer.answers()).toEqual([]);
    expect(await endOffsets(world, 'a', 1)).toEqual([0]);
    await world.clock.advance(1);
    const [first, second, third] = (await peer.answers()) as never[];
    expect([first, second, third]).toMatchObject([
      { responses: [{ partitionResponses: [{ baseOffset: 0 }] }] },
      { errorCode: 25 },
      { responses: [{ partitionResponses: [{ baseOffset: 1 }] }] },
    ]);
  });

  it('passes after a request was handled where it says so', async () => {
    await world.topic('a');
    world.broker.fault({ api: 'Produce', delayMs: 300, when: 'after' });
    expect(await send({ a: [0] })).toBeNull();
    expect(await endOffsets(world, 'a', 1)).toEqual([1]);
    await world.clock.advance(300);
    expect(await peer.answers()).toHaveLength(1);
  });

  it('is not waited for by a connection that is gone, or a broker that stops', async () => {
    world.broker.fault({ api: 'Heartbeat', delayMs: 1e9 });
    const timers = world.clock.pendingTimers;
    peer.send(heartbeat, 4, beat);
    world.peer('stays').send(heartbeat, 4, beat);
    await world.clock.settle();
    expect(world.clock.pendingTimers).toBe(timers + 2);
    peer.client.close();
    await world.clock.settle();
    expect(world.clock.pendingTimers).toBe(timers + 1);
    await world.stop();
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('is said to a client that is throttled, and its connection is mute meanwhile', async () => {
    world.broker.fault({ api: 'Heartbeat', times: 1, throttleMs: 400, error: 'REBALANCE_IN_PROGRESS' });
    expect(await peer.ask(heartbeat, 4, beat)).toEqual({ throttleTimeMs: 400, errorCode: 27 });
    expect(await peer.ask(heartbeat, 4, beat)).toBeNull();
    expect(await world.peer('other').ask(heartbeat, 4, beat)).toMatchObject({ throttleTimeMs: 0 });
    await world.clock.advance(400);
    expect(await peer.answers()).toMatchObject([{ throttleTimeMs: 0, errorCode: 25 }]);
  });

  it('is not said in a version that cannot, and holds its connection all the same', async () => {
    world.broker.fault({ api: 'Heartbeat', times: 1, throttleMs: 400 });
    expect(await peer.ask(heartbeat, 0, beat)).toMatchObject({ errorCode: 25 });
    expect(await peer.ask(heartbeat, 0, beat)).toBeNull();
    await world.clock.advance(400);
    expect(await peer.answers()).toHaveLength(1);
  });
});
