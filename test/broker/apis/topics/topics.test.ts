/** What the handlers of the topic APIs add to the cluster's state and controller. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { updateFeaturesHandler } from '../../../../broker/apis/cluster/update-features.ts';
import { alterPartitionReassignmentsHandler } from '../../../../broker/apis/topics/alter-partition-reassignments.ts';
import { alterReplicaLogDirsHandler } from '../../../../broker/apis/topics/alter-replica-log-dirs.ts';
import { deleteTopicsHandler } from '../../../../broker/apis/topics/delete-topics.ts';
import { describeLogDirsHandler } from '../../../../broker/apis/topics/describe-log-dirs.ts';
import { describeTopicPartitionsHandler } from '../../../../broker/apis/topics/describe-topic-partitions.ts';
import { electLeadersHandler } from '../../../../broker/apis/topics/elect-leaders.ts';
import { listPartitionReassignmentsHandler } from '../../../../broker/apis/topics/list-partition-reassignments.ts';
import { metadataHandler } from '../../../../broker/apis/topics/metadata.ts';
import { errors } from '../../../../protocol/errors.ts';
import { appendNow, World } from '../../world.ts';

const unknownId = 'sf0KkVQDRf6C6V3cBWHl0A';
const { unknownTopicOrPartition, unknownTopicId, invalidTopicException, invalidRequest } = errors;

let world: World;
beforeEach(async () => {
  world = await World.open();
  await world.topic('a', 3);
  await world.topic('b', 2);
});
afterEach(() => world.stop());

describe('Metadata', () => {
  const names = (answer: { topics: { name: string | null; errorCode: number }[] }) =>
    answer.topics
      .map(({ name, errorCode }) => (errorCode === 0 ? name : `${name} error ${errorCode}`))
      .sort();

  test.each([0, 1, 9, 12, 13])('tells nodes and all topics, at version %i', async (version) => {
    const answer = await world.ask(metadataHandler, version, {
      topics: version === 0 ? [] : null,
      ...(version >= 4 ? { allowAutoTopicCreation: true } : {}),
    });
    const { nodeId, clusterId } = world.cluster.state;
    expect(answer!.brokers).toMatchObject([{ nodeId, host: 'localhost', port: 9092 }]);
    if (version >= 1) expect(answer!.controllerId).toBe(nodeId);
    if (version >= 2) expect(answer!.clusterId).toBe(clusterId);
    expect(names(answer!)).toEqual(['a', 'b']);
    expect(answer!.topics.map(({ partitions }) => partitions.length)).toEqual([3, 2]);
    expect(answer!.topics[0]!.partitions[0]).toMatchObject({
      leaderId: nodeId,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
    });
    if (version >= 10) expect(answer!.topics[0]!.topicId).toBe(world.idOf('a'));
  });

  test('makes topics on the way, when client and broker want that', async () => {
    const ask = async (allowAutoTopicCreation: boolean, ...topics: string[]) =>
      names(
        (await world.ask(metadataHandler, 9, {
          topics: topics.map((name) => ({ name })),
          allowAutoTopicCreation,
        }))!,
      );
    const missing = `new error ${unknownTopicOrPartition.code}`;
    expect(await ask(false, 'a', 'new', 'new')).toEqual(['a', missing]);
    expect(await ask(true, 'a', 'new', 'not/legal')).toEqual([
      'a',
      'new',
      `not/legal error ${invalidTopicException.code}`,
    ]);
    world.settings['auto.create.topics.enable'] = false;
    expect(await ask(true, 'other')).toEqual([`other error ${unknownTopicOrPartition.code}`]);
    const empty = await world.ask(metadataHandler, 9, { topics: [], allowAutoTopicCreation: true });
    expect(empty!.topics).toEqual([]);
  });

  test('knows topics by id from v12 on, and says before that it does not', async () => {
    const topics = [
      { topicId: world.idOf('a'), name: null },
      { topicId: unknownId, name: null },
    ];
    const answer = await world.ask(metadataHandler, 12, { topics, includeTopicAuthorizedOperations: true });
    expect(answer!.topics).toMatchObject([
      { name: 'a', errorCode: 0 },
      { name: null, topicId: unknownId, errorCode: unknownTopicId.code },
    ]);
    // There is no topic that operations could be allowed on.
    expect(answer!.topics.map(({ topicAuthorizedOperations }) => topicAuthorizedOperations > 0)).toEqual([
      true,
      false,
    ]);
    const old = await world.ask(metadataHandler, 11, {
      topics: [{ topicId: world.idOf('a'), name: 'a' }],
    });
    expect(old).toMatchObject({ brokers: [], topics: [{ name: 'a', errorCode: invalidRequest.code }] });
  });
});

describe('DescribeTopicPartitions', () => {
  const describeFrom = async (
    limit: number,
    cursor: { topicName: string; partitionIndex: number } | null = null,
    ...topics: string[]
  ) => {
    const answer = await world.ask(describeTopicPartitionsHandler, 0, {
      topics: topics.map((name) => ({ name })),
      responsePartitionLimit: limit,
      cursor,
    });
    const { nextCursor } = answer!;
    return [
      ...answer!.topics.map(({ name, errorCode, partitions }) =>
        errorCode === 0
          ? `${name} ${partitions.map((p) => p.partitionIndex).join()}`
          : `${name} error ${errorCode}`,
      ),
      nextCursor === null ? 'end' : `next ${nextCursor.topicName} ${nextCursor.partitionIndex}`,
    ];
  };

  test('goes through topics page by page', async () => {
    expect(await describeFrom(100)).toEqual(['a 0,1,2', 'b 0,1', 'end']);
    expect(await describeFrom(2)).toEqual(['a 0,1', 'next a 2']);
    expect(await describeFrom(2, { topicName: 'a', partitionIndex: 2 })).toEqual(['a 2', 'b 0', 'next b 1']);
    expect(await describeFrom(3)).toEqual(['a 0,1,2', 'next b 0']);
    expect(await describeFrom(0)).toEqual(['a 0', 'next a 1']);
    world.settings['max.request.partition.size.limit'] = 1;
    expect(await describeFrom(100)).toEqual(['a 0', 'next a 1']);
  });

  test('of topics that are named', async () => {
    expect(await describeFrom(100, null, 'b', 'nowhere', 'a', '!')).toEqual([
      `! error ${invalidTopicException.code}`,
      'a 0,1,2',
      'b 0,1',
      `nowhere error ${unknownTopicOrPartition.code}`,
      'end',
    ]);
    await expect(describeFrom(9, { topicName: 'a', partitionIndex: 0 }, 'b')).rejects.toMatchObject({
      code: invalidRequest.code,
    });
    await expect(describeFrom(9, { topicName: 'a', partitionIndex: -1 })).rejects.toMatchObject({
      code: invalidRequest.code,
    });
  });
});

test('DeleteTopics takes names and ids, unless deletion is switched off', async () => {
  const byId = await world.ask(deleteTopicsHandler, 6, {
    topics: [{ name: null, topicId: world.idOf('a') }],
    timeoutMs: 1,
  });
  expect(byId!.responses).toMatchObject([{ name: 'a', errorCode: 0 }]);
  expect(world.partitions.get('a', 0)).toBeUndefined();
  world.settings['delete.topic.enable'] = false;
  const refused = async (version: number) => {
    const answer = await world.ask(deleteTopicsHandler, version, { topicNames: ['b'], timeoutMs: 1 });
    return answer!.responses[0]!.errorCode;
  };
  expect([await refused(2), await refused(5)]).toEqual([
    invalidRequest.code,
    errors.topicDeletionDisabled.code,
  ]);
  expect(world.partitions.get('b', 0)).toBeDefined();
});

describe('in a cluster of one', () => {
  test('every partition has its preferred leader', async () => {
    const elect = (version: number, body: object) =>
      world.ask(electLeadersHandler, version, { timeoutMs: 1, topicPartitions: null, ...body });
    const asked = {
      topicPartitions: [
        { topic: 'a', partitions: [0, 9] },
        { topic: 'x', partitions: [0] },
      ],
    };
    const answer = await elect(2, { electionType: 0, ...asked });
    expect(
      answer!.replicaElectionResults.flatMap(({ partitionResult }) =>
        partitionResult.map((r) => r.errorCode),
      ),
    ).toEqual([errors.electionNotNeeded.code, unknownTopicOrPartition.code, unknownTopicOrPartition.code]);
    const everything = await elect(2, { electionType: 1 });
    expect(everything!.replicaElectionResults).toEqual([
      { topic: 'a', partitionResult: [] },
      { topic: 'b', partitionResult: [] },
    ]);
    expect(await elect(2, { electionType: 7, ...asked })).toMatchObject({ errorCode: invalidRequest.code });
    expect(await elect(2, { electionType: 7, topicPartitions: [] })).toMatchObject({ errorCode: 0 });
  });

  test('there is one assignment, and nothing moves', async () => {
    const { nodeId } = world.cluster.state;
    const assignments: [topic: string, index: number, replicas: number[] | null][] = [
      ['a', 0, [nodeId]],
      ['a', 0, [nodeId, 7]],
      ['a', 0, [nodeId, nodeId]],
      ['a', 0, []],
      ['a', 0, null],
      ['a', 9, [nodeId]],
      ['x', 0, [nodeId]],
    ];
    const codes = [];
    for (const [name, partitionIndex, replicas] of assignments) {
      const answer = await world.ask(alterPartitionReassignmentsHandler, 1, {
        topics: [{ name, partitions: [{ partitionIndex, replicas }] }],
      });
      codes.push(answer!.responses[0]!.partitions[0]!.errorCode);
    }
    const { invalidReplicaAssignment, noReassignmentInProgress } = errors;
    expect(codes).toEqual([
      0,
      invalidReplicaAssignment.code,
      invalidReplicaAssignment.code,
      invalidReplicaAssignment.code,
      noReassignmentInProgress.code,
      unknownTopicOrPartition.code,
      unknownTopicOrPartition.code,
    ]);
    expect(await world.ask(listPartitionReassignmentsHandler, 0, { topics: null })).toMatchObject({
      errorCode: 0,
      topics: [],
    });
  });

  test('all lies in one log directory', async () => {
    appendNow(world.partitions.get('a', 1)!, 'x');
    const dirs = await world.ask(describeLogDirsHandler, 4, { topics: [{ topic: 'a', partitions: [0, 1] }] });
    const { log } = world.partitions.get('a', 1)!;
    expect(dirs!.results).toMatchObject([
      {
        errorCode: 0,
        logDir: '/data',
        totalBytes: -1,
        topics: [
          {
            name: 'a',
            partitions: [
              { partitionIndex: 0, partitionSize: 0, offsetLag: 0, isFutureKey: false },
              { partitionIndex: 1, partitionSize: log.sizeBytes },
            ],
          },
        ],
      },
    ]);
    const again = [0, 2, 1].map((index) => ({ topic: 'a', partitions: [index] }));
    const both = await world.ask(describeLogDirsHandler, 4, { topics: again });
    expect(both!.results[0]!.topics[0]!.partitions).toHaveLength(3);
    expect((await world.ask(describeLogDirsHandler, 1, { topics: null }))!.results[0]!.topics).toHaveLength(
      2,
    );
    const move = async (path: string, partition: number) => {
      const answer = await world.ask(alterReplicaLogDirsHandler, 2, {
        dirs: [{ path, topics: [{ name: 'a', partitions: [partition] }] }],
      });
      return answer!.results[0]!.partitions[0]!.errorCode;
    };
    expect([await move('/data', 0), await move('/data', 9), await move('/else', 0)]).toEqual([
      0,
      unknownTopicOrPartition.code,
      errors.logDirNotFound.code,
    ]);
  });
});

test('UpdateFeatures says once what went wrong', async () => {
  const update = (version: number, feature: string, maxVersionLevel: number) =>
    world.ask(updateFeaturesHandler, version, {
      timeoutMs: 1,
      featureUpdates: [{ feature, maxVersionLevel, ...(version >= 1 ? { upgradeType: 1 } : {}) }],
    });
  const level = world.cluster.state.features.levels.get('metadata.version')!;
  for (const version of [1, 2]) {
    const failed = await update(version, 'nonsense', 3);
    expect(failed).toMatchObject({ errorCode: errors.invalidUpdateVersion.code, results: [] });
    expect(failed!.errorMessage).toMatch(/^The update failed for all features since/);
  }
  expect(await update(1, 'metadata.version', level)).toMatchObject({
    errorCode: 0,
    results: [{ feature: 'metadata.version', errorCode: 0 }],
  });
  expect(await update(2, 'metadata.version', level)).toMatchObject({ errorCode: 0, results: [] });
});
