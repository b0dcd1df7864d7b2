/** When committed offsets and groups go by themselves (KIP-211). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errors } from '../../../protocol/errors.ts';
import { callerOf } from '../caller.ts';
import { World } from '../world.ts';
import {
  type ClientOptions,
  committed,
  GroupClient,
  groupWorld,
  offsetOf,
  seen,
  stableGroup,
} from './group-client.ts';

const minuteMs = 60_000;
const checkMs = 10 * minuteMs;

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open({ settings: { 'offsets.retention.minutes': 60 } }));
  await world.topic('t');
  await world.topic('u');
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const offsets = async (groupId = 'g') => [
  await offsetOf(world, 't', groupId),
  await offsetOf(world, 'u', groupId),
];

/** Lets time pass while the members live. */
async function pass(minutes: number, ...alive: GroupClient[]): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 0.1) {
    await world.clock.advance(0.1 * minuteMs);
    for (const member of alive) if (member.heartbeat() !== 0) throw new Error('a member is out');
  }
}

test('an empty group keeps its offsets from the moment it became empty, whenever they were committed', async () => {
  const a = client({ topics: ['t'] });
  await stableGroup(a);
  await a.commit('t', 5);
  await pass(90, a);
  expect(await offsets()).toEqual([5, null]);
  a.leave();
  await world.clock.advance(59 * minuteMs);
  expect(await offsets()).toEqual([5, null]);
  await world.clock.advance(checkMs + minuteMs);
  expect(await offsets()).toEqual([null, null]);
  expect(await seen(world)).toBe('undefined');
});

test('a stable group of consumers keeps those of topics it subscribes to, others since their commit', async () => {
  const a = client({ topics: ['t'] });
  await stableGroup(a);
  await a.commit('t', 5);
  await a.commit('u', 6);
  await pass(59, a);
  expect(await offsets()).toEqual([5, 6]);
  await pass(11, a);
  expect(await offsets()).toEqual([5, null]);
  expect(await seen(world)).toBe('Stable 1, 1 members');
});

test('while a group rebalances nothing of it expires', async () => {
  const a = client({ topics: ['t'], rebalanceTimeoutMs: 1_800_000, sessionTimeoutMs: 1_800_000 });
  await stableGroup(a);
  await a.commit('u', 6);
  await pass(55, a);
  await client({ rebalanceTimeoutMs: 1_800_000, sessionTimeoutMs: 1_800_000 }).joining();
  await world.clock.advance(15 * minuteMs);
  expect(await seen(world)).toMatch('PreparingRebalance');
  expect(await offsets()).toEqual([null, 6]);
});

test('a live group whose subscriptions nobody can read keeps everything', async () => {
  const a = client({ protocolType: 'connect' });
  await stableGroup(a);
  await a.commit('t', 5);
  await pass(90, a);
  expect(await offsets()).toEqual([5, null]);
});

test('a group that only commits keeps each offset since its commit, and goes with the last', async () => {
  await client().commit('t', 5);
  await world.clock.advance(30 * minuteMs);
  await client().commit('u', 6);
  await world.clock.advance(40 * minuteMs);
  expect(await offsets()).toEqual([null, 6]);
  expect(await seen(world)).toBe('Empty 0, 0 members');
  await world.clock.advance(30 * minuteMs);
  expect(await offsets()).toEqual([null, null]);
  expect(await seen(world)).toBe('undefined');
  await world.restart();
  expect(await seen(world)).toBe('undefined');
});

test('an offset with an expiry of its own (OffsetCommit v2 to v4) goes by that', async () => {
  const at = world.clock.nowMs();
  const committer = {
    groupId: 'g',
    memberId: '',
    groupInstanceId: null,
    generationId: -1,
    knowsGroupIdNotFound: true,
  };
  const id = world.idOf('t');
  const toCommit = [
    committed('t', 5, at, id, { expireTimestampMs: at + 5 * minuteMs }),
    committed('u', 6, at, world.idOf('u'), { expireTimestampMs: at + 1_000 * minuteMs }),
  ];
  await world.groups.commitOffsets(committer, toCommit, callerOf());
  await world.restart();
  await world.clock.advance(checkMs);
  expect(await offsets()).toEqual([null, 6]);
  await world.clock.advance(200 * minuteMs);
  expect(await offsets()).toEqual([null, 6]);
});

test('retention follows the wall clock', async () => {
  await client().commit('t', 5);
  world.clock.setWallMs(world.clock.nowMs() + 61 * minuteMs);
  await world.clock.advance(checkMs);
  expect(await offsets()).toEqual([null, null]);
});

test('an empty group without offsets goes at the next check, but not under somebody who is about to join', async () => {
  const a = client({ sessionTimeoutMs: 1_000_000 });
  a.join();
  await world.clock.advance(checkMs);
  expect(await seen(world)).toBe('Empty 0, 0 members');
  const joined = a.join();
  await world.clock.settle();
  expect(joined.answer!.errorCode).toBe(0);
  a.leave();
  await world.clock.advance(checkMs);
  expect(await seen(world)).toBe('undefined');
});

test('what could not be removed is removed later', async () => {
  await client().commit('t', 5);
  const partition = [...world.partitions.all()].find(({ endOffset }) => endOffset > 0)!;
  const append = partition.log.append.bind(partition.log);
  const refusal = { ok: false, message: null, recordErrors: [], logStartOffset: 0 } as const;
  partition.log.append = () => ({ ...refusal, errorCode: errors.kafkaStorageError.code });
  await world.clock.advance(70 * minuteMs);
  expect(await offsets()).toEqual([5, null]);
  partition.log.append = append;
  await world.clock.advance(checkMs);
  expect(await offsets()).toEqual([null, null]);
});
