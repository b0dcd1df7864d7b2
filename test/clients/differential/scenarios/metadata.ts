/** What is told about topics that are there, and what the only node of a cluster says when it is to move or elect something. */
import { alterPartitionReassignments } from '../../../../protocol/messages/topics/alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from '../../../../protocol/messages/topics/alter-replica-log-dirs.ts';
import { describeLogDirs } from '../../../../protocol/messages/topics/describe-log-dirs.ts';
import { describeTopicPartitions } from '../../../../protocol/messages/topics/describe-topic-partitions.ts';
import { electLeaders } from '../../../../protocol/messages/topics/elect-leaders.ts';
import { listPartitionReassignments } from '../../../../protocol/messages/topics/list-partition-reassignments.ts';
import { metadata } from '../../../../protocol/messages/topics/metadata.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../../protocol/schema/field.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import type { Side } from '../side.ts';

/** Those of the scenario, in order of their names: other scenarios have theirs beside them, and Kafka's order means nothing. */
const ownTopics =
  ({ prefix }: Side) =>
  (answer: ResponseOf<typeof metadata>) => ({
    ...answer,
    topics: sortedBy(
      answer.topics.filter(
        ({ name }) => name === null || name === '' || name.startsWith(prefix) || !/^\w+$/.test(name),
      ),
      ({ name, errorCode }) => `${name} ${errorCode}`,
    ).map((topic) => ({
      ...topic,
      partitions: sortedBy(topic.partitions, ({ partitionIndex }) => partitionIndex),
    })),
  });

const asking: Scenario = {
  name: 'asking',
  async run(side, setting) {
    const [a, b] = [`${side.prefix}-a`, `${side.prefix}-b`];
    const id = await setting.topic(a, 3);
    await setting.topic(b, 1);
    const view = ownTopics(side);
    const named = (...names: (string | null)[]) => names.map((name) => ({ name, topicId: zeroUuid }));
    for (const version of versionsOf('metadata')) {
      const flag = version >= 4 ? { allowAutoTopicCreation: false } : {};
      const ask = (note: string, topics: { name: string | null; topicId: string }[] | null, more = {}) =>
        side.ask(metadata, version, { topics, ...flag, ...more }, note, view);
      await ask('two', named(a, b));
      await ask('two, the other way round', named(b, a));
      await ask('one twice', named(a, a));
      await ask('an empty list', []);
      if (version >= 1) await ask('all', null);
      // Older versions would make the topic.
      if (version >= 4) {
        await ask('one that is not there', named(`${side.prefix}-none`));
        await ask('bad names', named('', '.', 'no good', a));
        await ask('an internal name', named('__transaction_state'));
      }
      if (version >= 8)
        await ask('with what one may do', named(a), { includeTopicAuthorizedOperations: true });
      if (version >= 8 && version <= 10)
        await ask('with what one may do to the cluster', [], { includeClusterAuthorizedOperations: true });
      if (version < 10) continue;
      await ask('a null name', named(null));
      await ask('by id', [{ name: null, topicId: id }]);
      await ask('by id and name', [{ name: a, topicId: id }]);
      await ask('by id and a name of another', [{ name: b, topicId: id }]);
      await ask('by an id that is not there', [{ name: null, topicId: 'aaaaaaaaaaaaaaaaaaaaaA' }]);
      await ask('by id twice', [
        { name: null, topicId: id },
        { name: null, topicId: id },
      ]);
      await ask('by id and by name', [
        { name: null, topicId: id },
        { name: b, topicId: zeroUuid },
      ]);
      await ask('by id, with what one may do', [{ name: null, topicId: id }], {
        includeTopicAuthorizedOperations: true,
      });
    }
  },
};

const paging: Scenario = {
  name: 'paging',
  async run(side, setting) {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => `${side.prefix}-${letter}`) as [string, string, string];
    for (const [name, count] of [
      [a, 3],
      [b, 1],
      [c, 4],
    ] as const)
      await setting.topic(name, count);
    const named = (...names: string[]) => names.map((name) => ({ name }));
    const cursor = (topicName: string, partitionIndex: number) => ({ cursor: { topicName, partitionIndex } });
    for (const [note, body] of [
      ['all of them', { topics: named(c, b, a) }],
      ['one twice', { topics: named(b, b) }],
      ['one that is not there', { topics: named(`${side.prefix}-none`, a) }],
      ['bad names', { topics: named('', 'no good') }],
      ['an internal name', { topics: named('__transaction_state') }],
      ['a limit inside a topic', { topics: named(a, b, c), responsePartitionLimit: 2 }],
      ['a limit between topics', { topics: named(a, b, c), responsePartitionLimit: 3 }],
      ['a limit of none', { topics: named(a, b, c), responsePartitionLimit: 0 }],
      ['a negative limit', { topics: named(a, b, c), responsePartitionLimit: -1 }],
      ['from the middle', { topics: named(a, b, c), ...cursor(a, 2) }],
      [
        'from the middle with a limit',
        { topics: named(a, b, c), responsePartitionLimit: 2, ...cursor(a, 1) },
      ],
      ['from behind the end of a topic', { topics: named(a, b, c), ...cursor(a, 9) }],
      ['from the last topic', { topics: named(a, b, c), ...cursor(c, 0) }],
      ['from a negative partition', { topics: named(a, b, c), ...cursor(a, -1) }],
      ['from a topic not asked for', { topics: named(a, c), ...cursor(b, 0) }],
      ['from a topic that is not there', { topics: named(a), ...cursor(`${side.prefix}-none`, 0) }],
    ] as const)
      await side.ask(describeTopicPartitions, 0, { ...body, topics: [...body.topics] }, note);
    const all = { topics: [], responsePartitionLimit: 2 };
    await side.ask(describeTopicPartitions, 0, { ...all, ...cursor(b, 0) }, 'all, from the second on');
  },
};

const electing: Scenario = {
  name: 'electing',
  async run(side, setting) {
    const topic = `${side.prefix}-t`;
    await setting.topic(topic, 2);
    for (const version of versionsOf('electLeaders'))
      for (const electionType of version >= 1 ? [0, 1, 2, -1] : [0])
        for (const [note, topicPartitions] of [
          ['both', [{ topic, partitions: [0, 1] }]],
          ['none', []],
          ['no partition', [{ topic, partitions: [] }]],
          ['one that is not there', [{ topic, partitions: [0, 9] }]],
          ['no topic', [{ topic: `${side.prefix}-none`, partitions: [0] }]],
          ['one twice', [{ topic, partitions: [0, 0] }]],
        ] as const)
          await side.ask(
            electLeaders,
            version,
            {
              topicPartitions: topicPartitions.map((one) => ({ ...one, partitions: [...one.partitions] })),
              ...(version >= 1 ? { electionType } : {}),
            },
            `${note}, type ${electionType}`,
          );
    for (const version of versionsOf('electLeaders'))
      await side.ask(
        electLeaders,
        version,
        { topicPartitions: null },
        'all',
        ({ replicaElectionResults, ...rest }) => ({
          ...rest,
          partitions: replicaElectionResults.flatMap(({ partitionResult }) => partitionResult),
        }),
      );
  },
};

const moving: Scenario = {
  name: 'moving',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    await setting.topic(name, 2);
    for (const version of versionsOf('alterPartitionReassignments'))
      for (const [note, partitionIndex, replicas] of [
        ['to where it is', 0, [1]],
        ['to nobody', 0, []],
        ['to another', 0, [7]],
        ['to another too', 0, [1, 7]],
        ['to one twice', 0, [1, 1]],
        ['to a negative one', 0, [-1]],
        ['cancelled', 0, null],
        ['of no partition', 9, [1]],
        ['of a negative partition', -1, [1]],
      ] as const)
        for (const topic of [name, `${side.prefix}-none`])
          await side.ask(
            alterPartitionReassignments,
            version,
            {
              topics: [
                { name: topic, partitions: [{ partitionIndex, replicas: replicas && [...replicas] }] },
              ],
            },
            `${topic} ${note}`,
          );
    await side.ask(
      alterPartitionReassignments,
      1,
      { topics: [], allowReplicationFactorChange: false },
      'nothing',
    );
    for (const [note, topics] of [
      ['all', null],
      ['none', []],
      ['one', [{ name, partitionIndexes: [0, 1] }]],
      ['one that is not there', [{ name: `${side.prefix}-none`, partitionIndexes: [0] }]],
    ] as const)
      await side.ask(
        listPartitionReassignments,
        0,
        {
          topics:
            topics?.map((topic) => ({ ...topic, partitionIndexes: [...topic.partitionIndexes] })) ?? null,
        },
        note,
      );
  },
};

const byIndex = <T extends { readonly partitionIndex: number }>(partitions: readonly T[]): T[] =>
  sortedBy(partitions, ({ partitionIndex }) => partitionIndex);

/** Topics of the scenario in order of their names. */
const ownDirectories =
  ({ prefix }: Side) =>
  (answer: ResponseOf<typeof describeLogDirs>) => ({
    ...answer,
    results: answer.results.map(({ topics, ...rest }) => ({
      ...rest,
      topics: sortedBy(
        topics.filter(({ name }) => name.startsWith(prefix)),
        ({ name }) => name,
      ).map((topic) => ({ ...topic, partitions: byIndex(topic.partitions) })),
    })),
  });

const movedByTopic = ({ results }: ResponseOf<typeof alterReplicaLogDirs>) =>
  sortedBy(results, ({ topicName }) => topicName).map((topic) => ({
    ...topic,
    partitions: byIndex(topic.partitions),
  }));

const directories: Scenario = {
  name: 'directories',
  async run(side, setting) {
    const [a, b] = [`${side.prefix}-a`, `${side.prefix}-b`];
    await setting.topic(a, 2);
    await setting.topic(b, 1);
    await setting.settle(a, b);
    let path = '';
    for (const version of versionsOf('describeLogDirs'))
      for (const [note, topics] of [
        ['all', null],
        ['none', []],
        ['one', [{ topic: a, partitions: [1] }]],
        ['one that is not there', [{ topic: a, partitions: [9] }]],
        ['no topic', [{ topic: `${side.prefix}-none`, partitions: [0] }]],
        [
          'one twice',
          [
            { topic: a, partitions: [0, 0] },
            { topic: a, partitions: [1] },
          ],
        ],
      ] as const) {
        const asked = topics?.map((topic) => ({ ...topic, partitions: [...topic.partitions] })) ?? null;
        const { results } = await side.ask(
          describeLogDirs,
          version,
          { topics: asked },
          note,
          ownDirectories(side),
        );
        path = results[0]?.logDir ?? path;
      }
    for (const version of versionsOf('alterReplicaLogDirs'))
      for (const [note, directory, topic, partitions] of [
        ['to where they are', path, a, [0, 1]],
        ['elsewhere', '/nowhere', a, [0]],
        ['of no partition', path, a, [9]],
        ['of no topic', path, `${side.prefix}-none`, [0]],
        ['of no topic elsewhere', '/nowhere', `${side.prefix}-none`, [0]],
        ['to a relative place', 'somewhere', a, [0]],
        ['nothing', path, a, []],
      ] as const)
        await side.ask(
          alterReplicaLogDirs,
          version,
          { dirs: [{ path: directory, topics: [{ name: topic, partitions: [...partitions] }] }] },
          note,
          movedByTopic,
        );
  },
};

/** Topics that are made because somebody asks for them. What the first answer says of one that can be made is ours to choose. */
const making: Scenario = {
  name: 'making',
  async run(side, setting) {
    const view = ownTopics(side);
    for (const version of [0, 1, 3, 4, 9, 12, 13]) {
      const names = (...all: string[]) => ({
        topics: all.map((name) => ({ name, topicId: zeroUuid })),
        ...(version >= 4 ? { allowAutoTopicCreation: true } : {}),
      });
      const made = `${side.prefix}-v${version}`;
      await side.ask(metadata, version, names(made, made), 'a new topic', view);
      await setting.settle(made);
      await side.ask(metadata, version, names(made), 'the topic that was made', view);
      await side.ask(metadata, version, names('', '.', 'no good', made), 'bad names beside it', view);
    }
  },
};

export const metadataScenarios: readonly Scenario[] = [making, asking, paging, electing, moving, directories];
