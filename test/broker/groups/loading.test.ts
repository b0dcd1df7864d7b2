/** What a start makes of the records of `__consumer_offsets`, and what a failed append does to a shard. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeGroupsHandler } from '../../../broker/apis/groups/describe-groups.ts';
import { listGroupsHandler } from '../../../broker/apis/groups/list-groups.ts';
import { groupRecords } from '../../../broker/groups/records/index.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { errors } from '../../../protocol/errors.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { buildEndTransactionMarker } from '../../../protocol/records/control.ts';
import { encodeKey, encodeValue } from '../../../protocol/records/coordinator-records.ts';
import type { DelayRule } from '../../simulation/fault-rules.ts';
import { FaultyFileSystem } from '../../simulation/faulty-files.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { World } from '../world.ts';
import { GroupClient, groupWorld, offsetOf, seen, stableGroup, subscription, watch } from './group-client.ts';
import { shardPartition, type WrittenRecord, writeRecord } from './offsets-log.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
  await world.topic('t');
});
afterEach(() => world.stop());

const write = (groupId: string, ...record: WrittenRecord): void => writeRecord(world, groupId, ...record);
const shardOf = (groupId: string): Partition => shardPartition(world, groupId);

describe('records of every version', () => {
  test.each([0, 1, 2, 3, 4])('of committed offsets, v%i', async (version) => {
    const value = { offset: 42, leaderEpoch: 3, metadata: 'm', commitTimestamp: 1_000 };
    write('g', 'offsetCommit', { group: 'g', topic: 't', partition: 0 }, version, value);
    await world.restart();
    const found = await world.groups.readOffsets<unknown>(
      'g',
      (shard) => shard.offset('g', 't', 0),
      (code) => code,
    );
    expect(found).toMatchObject({
      offset: 42,
      leaderEpoch: version >= 3 ? 3 : -1,
      metadata: 'm',
      commitTimestampMs: 1_000,
      expireTimestampMs: -1,
    });
  });

  test('of committed offsets before Kafka 0.9', async () => {
    const value = { offset: 7, metadata: '', commitTimestamp: 1 };
    write('g', 'legacyOffsetCommit', { group: 'g', topic: 't', partition: 0 }, 0, value);
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(7);
  });

  test.each([0, 1, 2, 3, 4])('of groups, v%i', async (version) => {
    const member = {
      memberId: 'c-1',
      groupInstanceId: 'one',
      clientId: 'c',
      clientHost: '/h',
      rebalanceTimeout: 7_000,
      sessionTimeout: 10_000,
      subscription: subscription(['t']),
      assignment: Buffer.from('a'),
    };
    write('g', 'groupMetadata', { group: 'g' }, version, {
      protocolType: 'consumer',
      generation: 5,
      protocol: 'range',
      leader: 'c-1',
      currentStateTimestamp: 99,
      members: [member],
    });
    await world.restart();
    expect(await world.groups.describe('g', (group) => group)).toMatchObject({
      state: 'Stable',
      generationId: 5,
      leaderId: 'c-1',
      stateSinceMs: version >= 2 ? 99 : null,
      subscribedTopics: new Set(['t']),
      rebalanceTimeoutMs: version >= 1 ? 7_000 : 10_000,
    });
    const [described] = (await world.ask(describeGroupsHandler, 5, { groups: ['g'] }))!.groups;
    expect(described).toMatchObject({
      groupState: 'Stable',
      protocolData: 'range',
      members: [{ memberId: 'c-1', groupInstanceId: version >= 3 ? 'one' : null, clientHost: '/h' }],
    });
    // The session of a member that is not there any more ends after the load.
    await world.clock.advance(10_001);
    expect(await seen(world)).toBe('Empty 6, 0 members');
  });

  test('the newest counts, tombstones remove', async () => {
    const key = { group: 'g', topic: 't', partition: 0 };
    write('g', 'offsetCommit', key, 3, { offset: 1, metadata: '', commitTimestamp: 1 });
    write('g', 'offsetCommit', key, 3, { offset: 2, metadata: '', commitTimestamp: 1 });
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(2);
    write('g', 'offsetCommit', key, null);
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(null);
    write('g', 'groupMetadata', { group: 'g' }, 3, {
      protocolType: 'consumer',
      generation: 5,
      protocol: null,
      leader: null,
      members: [],
    });
    await world.restart();
    expect(await seen(world)).toBe('Empty 5, 0 members');
    write('g', 'groupMetadata', { group: 'g' }, null);
    await world.restart();
    expect(await seen(world)).toBe('undefined');
  });
});

describe('commits of transactions', () => {
  const transaction = (offset: number) => {
    const schema = groupRecords.offsetCommit;
    const key = encodeKey(schema.key, { group: 'g', topic: 't', partition: 0 });
    const value = encodeValue(schema.value, 3, { offset, metadata: '', commitTimestamp: 1 });
    const producer = { producerId: 5, producerEpoch: 0, baseSequence: -1, isTransactional: true };
    shardOf('g').append(buildBatch({ ...producer, records: [{ timestampMs: 1, key, value }] }), {
      origin: 'coordinator',
    });
  };
  const end = (type: 'commit' | 'abort') => {
    const committed = type === 'commit';
    const marker = { timestampMs: 1, producerId: 5, producerEpoch: 0, coordinatorEpoch: 0, committed };
    shardOf('g').append(buildEndTransactionMarker(marker), { origin: 'coordinator' });
  };

  test('count with their marker, and are unstable until then', async () => {
    transaction(8);
    await world.restart();
    const isPending = () =>
      world.groups.readOffsets<unknown>(
        'g',
        (shard) => shard.isPending('g', 't', 0),
        (code) => code,
      );
    expect([await offsetOf(world, 't'), await isPending()]).toEqual([null, true]);
    end('commit');
    await world.restart();
    expect([await offsetOf(world, 't'), await isPending()]).toEqual([8, false]);
    transaction(9);
    end('abort');
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(8);
  });

  test('do not take back what was committed, or deleted, after them', async () => {
    transaction(8);
    write('g', 'offsetCommit', { group: 'g', topic: 't', partition: 0 }, 3, {
      offset: 20,
      metadata: '',
      commitTimestamp: 1,
    });
    end('commit');
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(20);
    transaction(9);
    write('g', 'offsetCommit', { group: 'g', topic: 't', partition: 0 }, null);
    end('commit');
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(null);
  });
});

describe('under fsync', () => {
  let clock: VirtualClock;
  let files: FaultyFileSystem;
  let slow: DelayRule;
  beforeEach(async () => {
    await world.stop();
    clock = new VirtualClock();
    files = new FaultyFileSystem({ clock });
    world = await groupWorld(await World.open({ clock, files, durability: { kind: 'fsync' } }));
    await world.topic('t');
    const first = new GroupClient(world);
    first.commit('t', 1);
    await clock.advance(0);
    slow = files.delay('sync', 10);
  });
  afterEach(() => slow.stop());

  test('answers wait, those that only read included, and read what was when they were asked', async () => {
    const a = new GroupClient(world);
    const answers: string[] = [];
    const note = (name: string) => (value: unknown) => void answers.push(`${name} ${JSON.stringify(value)}`);
    void Promise.resolve(a.commit('t', 2)).then(note('commit'));
    void offsetOf(world, 't').then(note('fetch'));
    await clock.advance(9);
    void Promise.resolve(a.commit('t', 3)).then(note('commit'));
    expect(answers).toEqual([]);
    await clock.advance(1);
    expect(answers).toEqual(['commit [0]', 'fetch 2']);
    await clock.advance(10);
    expect(answers).toHaveLength(3);
  });

  test('an assignment is told when it is on disk', async () => {
    const a = new GroupClient(world);
    const joined = await a.joining();
    await clock.settle();
    expect(joined.answer!.errorCode).toBe(0);
    const synced = a.sync({ [a.memberId]: 'x' });
    await clock.advance(9);
    expect(synced.answer).toBeUndefined();
    const described = watch(seen(world));
    await clock.advance(1);
    expect(synced.answer!.errorCode).toBe(0);
    expect(described.answer).toBe('CompletingRebalance 1, 1 members');
  });

  test('so are administrators told of a group, as it was when they asked', async () => {
    new GroupClient(world, { groupId: 'new' }).commit('t', 1);
    const listed = watch(world.ask(listGroupsHandler, 5, { statesFilter: [], typesFilter: [] }));
    const described = watch(world.ask(describeGroupsHandler, 6, { groups: ['new', 'g'] }));
    await clock.advance(9);
    expect([listed.answer, described.answer]).toEqual([undefined, undefined]);
    void world.groups.deleteGroup('new');
    await clock.advance(1);
    expect(listed.answer!.groups.map(({ groupId }) => groupId).sort()).toEqual(['g', 'new']);
    expect(described.answer!.groups.map(({ groupState }) => groupState)).toEqual(['Empty', 'Empty']);
    await clock.advance(20);
    const after = await world.ask(describeGroupsHandler, 6, { groups: ['new'] });
    expect(after!.groups[0]!.errorCode).toBe(errors.groupIdNotFound.code);
  });

  test('when the sync fails, who waits is sent away, and the shard begins anew', async () => {
    const a = new GroupClient(world);
    await a.joining();
    files.fail('sync').on('*.log').times(1);
    const synced = a.sync({ [a.memberId]: 'x' });
    await clock.advance(20);
    expect(synced.answer).toMatchObject({ errorCode: errors.notCoordinator.code });
    expect(a.connection.listenerCount).toBe(0);
    // What is not on disk is not told of, although the file has it.
    expect(await seen(world)).toBe('Empty 0, 0 members');
    expect(await offsetOf(world, 't')).toBe(1);
  });
});

test('a shard that cannot be read refuses, and is not read again for every request', async () => {
  const a = new GroupClient(world);
  await stableGroup(a);
  await a.commit('t', 1);
  const { log } = shardOf('g');
  const [append, read] = [log.append.bind(log), log.read.bind(log)];
  const { code: errorCode } = errors.kafkaStorageError;
  log.append = () =>
    Promise.resolve({ ok: false, errorCode, message: null, recordErrors: [], logStartOffset: 0 });
  let reads = 0;
  log.read = () => {
    reads += 1;
    return { ok: false, errorCode };
  };
  expect(await a.commit('t', 2)).toBe(errors.notCoordinator.code);
  for (let n = 0; n < 5; n++)
    expect(await world.groups.coordinatorError('g')).toBe(errors.coordinatorNotAvailable.code);
  expect(await world.groups.list((group) => group)).toBe(errors.coordinatorNotAvailable.code);
  expect(reads).toBe(1);
  log.append = append;
  log.read = read;
  await world.clock.advance(1_000);
  expect(await world.groups.coordinatorError('g')).toBe(0);
  expect(await seen(world)).toBe('Stable 1, 1 members');
  expect(await offsetOf(world, 't')).toBe(1);
});
