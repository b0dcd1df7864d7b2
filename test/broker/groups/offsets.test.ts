import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { deleteGroupsHandler } from '../../../broker/apis/groups/delete-groups.ts';
import { offsetCommitHandler } from '../../../broker/apis/groups/offset-commit.ts';
import { offsetDeleteHandler } from '../../../broker/apis/groups/offset-delete.ts';
import { offsetFetchHandler } from '../../../broker/apis/groups/offset-fetch.ts';
import { errors } from '../../../protocol/errors.ts';
import { World } from '../world.ts';
import { type ClientOptions, GroupClient, groupWorld, offsetOf, seen, stableGroup } from './group-client.ts';

let world: World;
beforeEach(async () => {
  world = await groupWorld(await World.open());
  await world.topic('t', 2);
});
afterEach(() => world.stop());

const client = (options: ClientOptions = {}) => new GroupClient(world, options);
const settle = () => world.clock.settle();

describe('who may commit', () => {
  test('anybody, to a group without members; that makes a group without a protocol', async () => {
    expect(await client().commit('t', 5)).toEqual([0]);
    expect(await offsetOf(world, 't')).toBe(5);
    expect(await seen(world)).toBe('Empty 0, 0 members');
  });

  test('nobody with a generation, to a group that is not there', async () => {
    const claims = { generationId: 3 };
    expect(await client().commit('t', 5, claims)).toBe(errors.groupIdNotFound.code);
    const older = { ...claims, knowsGroupIdNotFound: false };
    expect(await client().commit('t', 5, older)).toBe(errors.illegalGeneration.code);
  });

  test('members, of the present generation', async () => {
    const a = client();
    await stableGroup(a);
    expect(await a.commit('t', 1)).toEqual([0]);
    expect(await a.commit('t', 2, { generationId: 7 })).toBe(errors.illegalGeneration.code);
    expect(await a.commit('t', 2, { memberId: 'x' })).toBe(errors.unknownMemberId.code);
    expect(await a.commit('t', 2, { groupInstanceId: 'x' })).toBe(errors.unknownMemberId.code);
    expect(await a.commit('t', 2, { memberId: '', generationId: -1 })).toBe(errors.unknownMemberId.code);
    expect(await offsetOf(world, 't')).toBe(1);
  });

  test('members while the others gather, not while the assignment is awaited', async () => {
    const [a, b] = [client(), client()];
    await stableGroup(a);
    await b.joining();
    expect(await a.commit('t', 1)).toEqual([0]);
    a.join();
    await settle();
    expect(await a.commit('t', 2)).toBe(errors.rebalanceInProgress.code);
  });

  test('a static member under its latest id alone', async () => {
    const a = client({ instanceId: 'one' });
    await stableGroup(a);
    const before = a.memberId;
    a.memberId = '';
    a.join();
    await settle();
    expect(await a.commit('t', 1)).toEqual([0]);
    expect(await a.commit('t', 2, { memberId: before })).toBe(errors.fencedInstanceId.code);
  });
});

describe('OffsetCommit', () => {
  const topics = (name: string, ...partitions: [index: number, offset: number, metadata?: string][]) => ({
    name,
    partitions: partitions.map(([partitionIndex, committedOffset, committedMetadata = '']) => ({
      partitionIndex,
      committedOffset,
      committedMetadata,
    })),
  });
  const codes = (answer: {
    topics: { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[];
  }) => answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));

  test('takes what exists, and answers each partition', async () => {
    const answer = await world.ask(offsetCommitHandler, 8, {
      groupId: 'g',
      memberId: '',
      topics: [topics('t', [0, 7, 'm'], [5, 1], [1, 8, 'x'.repeat(4_097)]), topics('nowhere', [0, 1])],
    });
    const { none, unknownTopicOrPartition, offsetMetadataTooLarge } = errors;
    // What could not be committed comes first, and the rest of its topic joins it.
    expect(codes(answer!)).toEqual([
      unknownTopicOrPartition.code,
      none.code,
      offsetMetadataTooLarge.code,
      unknownTopicOrPartition.code,
    ]);
    expect([await offsetOf(world, 't'), await offsetOf(world, 't', 'g', 1)]).toEqual([7, null]);
  });

  test('tells of the group before it tells of metadata', async () => {
    const answer = await world.ask(offsetCommitHandler, 9, {
      groupId: 'g',
      memberId: 'x',
      generationIdOrMemberEpoch: 4,
      topics: [topics('t', [0, 7], [1, 8, 'x'.repeat(5_000)], [9, 1])],
    });
    const { groupIdNotFound, unknownTopicOrPartition } = errors;
    expect(codes(answer!)).toEqual([
      unknownTopicOrPartition.code,
      groupIdNotFound.code,
      groupIdNotFound.code,
    ]);
  });

  test('names topics by id from v10 on', async () => {
    const unknown = 'sf0KkVQDRf6C6V3cBWHl0A';
    const answer = await world.ask(offsetCommitHandler, 10, {
      groupId: 'g',
      memberId: '',
      topics: [
        { ...topics('', [0, 3]), topicId: world.idOf('t') },
        { ...topics('', [0, 3]), topicId: unknown },
      ],
    });
    expect(answer!.topics).toMatchObject([
      { topicId: unknown, partitions: [{ errorCode: errors.unknownTopicId.code }] },
      { topicId: world.idOf('t'), partitions: [{ errorCode: 0 }] },
    ]);
    expect(await offsetOf(world, 't')).toBe(3);
  });

  test('answers a topic that is named twice twice, once where some of it is not there', async () => {
    const ask = async (...asked: ReturnType<typeof topics>[]) => {
      const answer = await world.ask(offsetCommitHandler, 9, { groupId: 'g', memberId: '', topics: asked });
      return answer!.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    };
    const { code } = errors.unknownTopicOrPartition;
    expect(await ask(topics('t', [0, 1]), topics('t', [1, 1]))).toEqual([[0], [0]]);
    expect(await ask(topics('t', [0, 1]), topics('t', [9, 1], [1, 1]))).toEqual([[code, 0, 0]]);
  });

  test('does not look at the group when nothing could be committed', async () => {
    const answer = await world.ask(offsetCommitHandler, 9, {
      groupId: 'g',
      memberId: 'x',
      generationIdOrMemberEpoch: 4,
      topics: [topics('nowhere', [0, 1])],
    });
    expect(codes(answer!)).toEqual([errors.unknownTopicOrPartition.code]);
  });
});

describe('OffsetFetch', () => {
  beforeEach(async () => {
    await client().commit('t', 5);
    await client({ groupId: 'h' }).commit('t', 6);
  });
  const nothing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };

  test('answers what was asked, -1 where nothing was committed', async () => {
    const answer = await world.ask(offsetFetchHandler, 5, {
      groupId: 'g',
      topics: [{ name: 't', partitionIndexes: [0, 1] }],
    });
    expect(answer!.topics[0]!.partitions).toEqual([
      { ...nothing, partitionIndex: 0, committedOffset: 5 },
      { ...nothing, partitionIndex: 1 },
    ]);
    const unknown = await world.ask(offsetFetchHandler, 5, {
      groupId: 'nobody',
      topics: [{ name: 't', partitionIndexes: [0] }],
    });
    expect(unknown).toMatchObject({ errorCode: 0, topics: [{ partitions: [{ committedOffset: -1 }] }] });
  });

  test('answers all that a group has, and many groups at once', async () => {
    const answer = await world.ask(offsetFetchHandler, 8, {
      groups: [
        { groupId: 'g', topics: null },
        { groupId: 'h', topics: null },
        { groupId: 'nobody', topics: null },
      ],
    });
    expect(
      answer!.groups.map(({ groupId, topics }) => [
        groupId,
        topics.map(({ name, partitions }) => [name, partitions.map((p) => p.committedOffset)]),
      ]),
    ).toEqual([
      ['g', [['t', [5]]]],
      ['h', [['t', [6]]]],
      ['nobody', []],
    ]);
  });

  test('names topics by id from v10 on', async () => {
    const unknown = 'sf0KkVQDRf6C6V3cBWHl0A';
    const asked = (topicId: string) => ({ topicId, partitionIndexes: [0] });
    const answer = await world.ask(offsetFetchHandler, 10, {
      groups: [
        { groupId: 'g', topics: [asked(world.idOf('t')), asked(unknown)] },
        { groupId: 'h', topics: null },
      ],
    });
    expect(answer!.groups).toMatchObject([
      {
        topics: [
          { topicId: world.idOf('t'), partitions: [{ committedOffset: 5, errorCode: 0 }] },
          { topicId: unknown, partitions: [{ committedOffset: -1, errorCode: errors.unknownTopicId.code }] },
        ],
      },
      { topics: [{ topicId: world.idOf('t'), partitions: [{ committedOffset: 6 }] }] },
    ]);
  });

  test('says that the coordinator is elsewhere at each partition to the oldest clients', async () => {
    const fresh = await World.open();
    const asked = { groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] };
    const old = await fresh.ask(offsetFetchHandler, 1, asked);
    expect(old!.topics[0]!.partitions[0]).toMatchObject({ errorCode: errors.notCoordinator.code });
    const newer = await fresh.ask(offsetFetchHandler, 2, asked);
    expect(newer).toMatchObject({ errorCode: errors.notCoordinator.code, topics: [] });
    await fresh.stop();
  });
});

describe('OffsetDelete', () => {
  const deletion = (name: string, ...partitions: number[]) => ({
    groupId: 'g',
    topics: [{ name, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
  });

  test('forgets offsets of topics that nobody subscribes to', async () => {
    await world.topic('u');
    const a = client({ topics: ['u'] });
    await stableGroup(a);
    await a.commit('t', 5);
    await a.commit('u', 6);
    const done = await world.ask(offsetDeleteHandler, 0, deletion('t', 0, 1, 7));
    expect(done!.topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([
      0,
      0,
      errors.unknownTopicOrPartition.code,
    ]);
    const refused = await world.ask(offsetDeleteHandler, 0, deletion('u', 0));
    expect(refused!.topics[0]!.partitions[0]!.errorCode).toBe(errors.groupSubscribedToTopic.code);
    expect([await offsetOf(world, 't'), await offsetOf(world, 'u')]).toEqual([null, 6]);
    a.leave();
    const later = await world.ask(offsetDeleteHandler, 0, deletion('u', 0));
    expect(later!.topics[0]!.partitions[0]!.errorCode).toBe(0);
    expect(await offsetOf(world, 'u')).toBe(null);
  });

  test('knows groups, and leaves alone those that are not of consumers', async () => {
    expect(await world.ask(offsetDeleteHandler, 0, deletion('t', 0))).toMatchObject({
      errorCode: errors.groupIdNotFound.code,
    });
    expect(await world.ask(offsetDeleteHandler, 0, { ...deletion('t', 0), groupId: '' })).toMatchObject({
      errorCode: errors.invalidGroupId.code,
    });
    await stableGroup(client({ protocolType: 'connect' }));
    expect(await world.ask(offsetDeleteHandler, 0, deletion('t', 0))).toMatchObject({
      errorCode: errors.nonEmptyGroup.code,
    });
  });
});

describe('DeleteGroups', () => {
  const deleteGroups = async (...groupsNames: string[]) => {
    const answer = await world.ask(deleteGroupsHandler, 2, { groupsNames });
    return answer!.results.map(({ errorCode }) => errorCode);
  };

  test('deletes empty groups with their offsets, for good', async () => {
    const a = client();
    await stableGroup(a);
    await a.commit('t', 5);
    const simple = client({ groupId: 'simple' });
    await simple.commit('t', 6);
    expect(await deleteGroups('g', 'simple', 'nowhere', 'g')).toEqual([
      errors.nonEmptyGroup.code,
      0,
      errors.groupIdNotFound.code,
    ]);
    a.leave();
    expect(await deleteGroups('g')).toEqual([0]);
    expect(await deleteGroups('g')).toEqual([errors.groupIdNotFound.code]);
    await world.restart();
    expect([await offsetOf(world, 't'), await offsetOf(world, 't', 'simple')]).toEqual([null, null]);
    expect([await seen(world), await seen(world, 'simple')]).toEqual(['undefined', 'undefined']);
  });

  test('a group that could not be deleted goes on', async () => {
    await client().commit('t', 5);
    const partition = [...world.partitions.all()].find(
      ({ topic, endOffset }) => topic !== 't' && endOffset > 0,
    )!;
    const append = partition.log.append.bind(partition.log);
    const refusal = { ok: false, message: null, recordErrors: [], logStartOffset: 0 } as const;
    partition.log.append = () => ({ ...refusal, errorCode: errors.kafkaStorageError.code });
    expect(await deleteGroups('g')).toEqual([errors.notCoordinator.code]);
    partition.log.append = append;
    await stableGroup(client());
    expect(await offsetOf(world, 't')).toBe(5);
  });

  test('of more offsets than fit one batch', async () => {
    await world.topic('wide', 2_500);
    const partitions = Array.from({ length: 2_500 }, (_, partitionIndex) => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata: '',
    }));
    const commit = { groupId: 'g', memberId: '', topics: [{ name: 'wide', partitions }] };
    await world.ask(offsetCommitHandler, 8, commit);
    expect(await offsetOf(world, 'wide', 'g', 2_499)).toBe(1);
    expect(await deleteGroups('g')).toEqual([0]);
    await world.restart();
    expect(await offsetOf(world, 'wide', 'g', 0)).toBe(null);
    expect(await seen(world)).toBe('undefined');
  });

  test('the group with the empty name, too: Kafka lets it commit', async () => {
    expect(await deleteGroups('')).toEqual([errors.groupIdNotFound.code]);
    await client({ groupId: '' }).commit('t', 1);
    expect(await deleteGroups('')).toEqual([0]);
  });
});

describe('a topic that is deleted', () => {
  test('takes its offsets along, in every group; one of its name sees none', async () => {
    const a = client();
    await stableGroup(a);
    await a.commit('t', 5);
    await client({ groupId: 'h' }).commit('t', 6);
    await world.deleteTopic('t');
    await world.topic('t');
    for (const groupId of ['g', 'h']) expect(await offsetOf(world, 't', groupId)).toBe(null);
    await world.restart();
    for (const groupId of ['g', 'h']) expect(await offsetOf(world, 't', groupId)).toBe(null);
  });

  test('just before a crash: what it left goes at the next start', async () => {
    await client().commit('t', 5);
    await client({ groupId: 'h' }).commit('t', 6);
    // As if the broker had died between the two logs: the coordinator never hears of it.
    await world.groups.close();
    await world.deleteTopic('t');
    await world.restart();
    const tombstones = [...world.partitions.all()]
      .filter(({ topic, endOffset }) => topic === '__consumer_offsets' && endOffset > 0)
      .map(({ endOffset }) => endOffset);
    expect(tombstones).toEqual([2, 2]);
    await world.topic('t');
    expect(await offsetOf(world, 't')).toBe(null);
  });

  test('and made again before the next start: the old offsets go, by their topic id', async () => {
    await client().commit('t', 5);
    await world.groups.close();
    await world.deleteTopic('t');
    await world.topic('t');
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(null);
    await client().commit('t', 1);
    await world.restart();
    expect(await offsetOf(world, 't')).toBe(1);
  });

  test('does not take offsets of an unknown topic id of the same name that are newer', async () => {
    await client().commit('t', 5);
    const old = world.cluster.state.topic('t')!;
    await world.deleteTopic('t');
    await world.topic('t');
    await client().commit('t', 1);
    expect(old.id).not.toBe(world.idOf('t'));
    const answer = await world.ask(offsetFetchHandler, 10, {
      groups: [{ groupId: 'g', topics: [{ topicId: old.id, partitionIndexes: [0] }] }],
    });
    expect(answer!.groups[0]!.topics[0]!.partitions[0]!.errorCode).toBe(errors.unknownTopicId.code);
    expect(await offsetOf(world, 't')).toBe(1);
  });

  test('is __consumer_offsets: groups begin anew when it is there again', async () => {
    const a = client();
    await stableGroup(a);
    const waiting = await client().joining();
    await world.deleteTopic('__consumer_offsets');
    await settle();
    expect(waiting.answer).toMatchObject({ errorCode: errors.notCoordinator.code });
    expect(await a.commit('t', 1)).toBe(errors.notCoordinator.code);
    expect(await world.groups.coordinatorError('g')).toBe(0);
    await stableGroup(client());
    expect(await seen(world)).toBe('Stable 1, 1 members');
  });
});
