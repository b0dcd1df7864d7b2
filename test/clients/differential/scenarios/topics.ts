/** Making, growing, describing and deleting topics. */
import { createPartitions } from '../../../../protocol/messages/topics/create-partitions.ts';
import { createTopics } from '../../../../protocol/messages/topics/create-topics.ts';
import { deleteTopics } from '../../../../protocol/messages/topics/delete-topics.ts';
import type { RequestInit, ResponseOf } from '../../../../protocol/schema/api.ts';
import { zeroUuid } from '../../../../protocol/schema/field.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

type NewTopic = RequestInit<typeof createTopics>['topics'][number];

const one: Omit<NewTopic, 'name'> = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };

/** Topics by name, and of each config what decides its meaning: Kafka's order is that of a hash map. */
function created({ topics }: ResponseOf<typeof createTopics>) {
  return sortedBy(topics, ({ name }) => name).map(({ configs, ...topic }) => ({
    ...topic,
    configs:
      configs === null ? null : Object.fromEntries(configs.map(({ name, ...config }) => [name, config])),
  }));
}

const name = 'creating-new';
const assign = (...brokerIds: number[][]) =>
  brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids }));
const byHand = { name, numPartitions: -1, replicationFactor: -1, configs: [] };
const config = (key: string, value: string | null) => ({ ...one, name, configs: [{ name: key, value }] });
/** Everything that can be wrong with one topic, and what is right. */
const newTopics: readonly [note: string, topic: NewTopic][] = [
  ['fine', { ...one, name }],
  ['three partitions', { ...one, name, numPartitions: 3 }],
  ['no partitions', { ...one, name, numPartitions: 0 }],
  ['negative partitions', { ...one, name, numPartitions: -2 }],
  ['too many partitions', { ...one, name, numPartitions: 10_001 }],
  ['no replicas', { ...one, name, replicationFactor: 0 }],
  ['negative replicas', { ...one, name, replicationFactor: -2 }],
  ['two replicas', { ...one, name, replicationFactor: 2 }],
  ['defaults', { ...one, name, numPartitions: -1, replicationFactor: -1 }],
  ['by hand', { ...byHand, assignments: assign([1], [1]) }],
  ['by hand, with a count', { ...byHand, numPartitions: 2, assignments: assign([1], [1]) }],
  ['by hand, with a factor', { ...byHand, replicationFactor: 1, assignments: assign([1]) }],
  ['by hand, on nobody', { ...byHand, assignments: assign([]) }],
  ['by hand, on another', { ...byHand, assignments: assign([7]) }],
  ['by hand, on another too', { ...byHand, assignments: assign([1, 7]) }],
  ['by hand, on one twice', { ...byHand, assignments: assign([1, 1]) }],
  ['by hand, with a gap', { ...byHand, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }],
  ['by hand, one twice', { ...byHand, assignments: [...assign([1]), ...assign([1])] }],
  ['by hand, negative', { ...byHand, assignments: [{ partitionIndex: -1, brokerIds: [1] }] }],
  ['no name', { ...one, name: '' }],
  ['a dot', { ...one, name: '.' }],
  ['two dots', { ...one, name: '..' }],
  ['a blank', { ...one, name: 'no good' }],
  ['another alphabet', { ...one, name: 'тема' }],
  ['249 letters', { ...one, name: name.padEnd(249, 'x') }],
  ['250 letters', { ...one, name: name.padEnd(250, 'x') }],
  ['an internal name', { ...one, name: '__cluster_metadata' }],
  ['a name that collides', { ...one, name: 'creating_there' }],
  ['a name that is there', { ...one, name: 'creating.there' }],
  [
    'configs',
    {
      ...one,
      name,
      configs: [
        { name: 'retention.ms', value: '1000' },
        { name: 'cleanup.policy', value: 'compact,delete' },
      ],
    },
  ],
  ['an unknown config', config('no.such.config', '1')],
  ['a config of the broker', config('log.retention.ms', '1')],
  ['a config without a value', config('retention.ms', null)],
  ['an invalid config', config('retention.ms', 'soon')],
  ['a config too small', config('segment.bytes', '1')],
  ['an empty config', config('retention.ms', '')],
  ['an empty policy', config('cleanup.policy', '')],
  ['a config of none of its values', config('compression.type', 'best')],
  ['a list with a stranger', config('cleanup.policy', 'compact,burn')],
  ['a list with one twice', config('cleanup.policy', 'compact,compact')],
  ['a config with blanks', config('retention.ms', ' 1000 ')],
  ['a boolean in capitals', config('preallocate', 'TRUE')],
  ['a boolean that is none', config('preallocate', 'yes')],
  ['local retention above retention', config('local.retention.ms', '999999999999')],
  ['remote storage', config('remote.storage.enable', 'true')],
  ['two min.insync.replicas', config('min.insync.replicas', '2')],
  [
    'compaction with a lag too short',
    {
      ...one,
      name,
      configs: [
        { name: 'min.compaction.lag.ms', value: '10' },
        { name: 'max.compaction.lag.ms', value: '5' },
      ],
    },
  ],
  [
    'a config twice',
    {
      ...one,
      name,
      configs: [
        { name: 'retention.ms', value: '1' },
        { name: 'retention.ms', value: '2' },
      ],
    },
  ],
];

const creating: Scenario = {
  name: 'creating',
  async run(side, setting) {
    await setting.topic(`${side.prefix}.there`, 1);
    for (const version of versionsOf('createTopics')) {
      for (const [note, topic] of newTopics)
        await side.ask(createTopics, version, { topics: [topic], validateOnly: true }, note, created);
      const topics = [{ ...one, name: `${side.prefix}-v${version}`, numPartitions: 2 }];
      await side.ask(createTopics, version, { topics, validateOnly: false }, 'for good', created);
      await side.ask(createTopics, version, { topics, validateOnly: false }, 'again', created);
      await side.ask(createTopics, version, { topics: [], validateOnly: false }, 'none', created);
      const twice = [
        { ...one, name: `${side.prefix}-twice` },
        { ...one, name: `${side.prefix}-twice` },
      ];
      await side.ask(
        createTopics,
        version,
        { topics: [...twice, { ...one, name: `${side.prefix}.there` }], validateOnly: true },
        'twice',
        created,
      );
      await side.ask(
        createTopics,
        version,
        {
          topics: [
            { ...one, name: `${side.prefix}-a` },
            { ...one, name: '' },
            { ...one, name: `${side.prefix}-b`, numPartitions: 0 },
          ],
          validateOnly: true,
        },
        'three',
        created,
      );
    }
  },
};

const growing: Scenario = {
  name: 'growing',
  async run(side, setting) {
    for (const version of versionsOf('createPartitions')) {
      const name = `${side.prefix}-v${version}`;
      await setting.topic(name, 2);
      for (const [note, topic] of [
        ['to three', { name, count: 3, assignments: null }],
        ['to as many', { name, count: 2, assignments: null }],
        ['to fewer', { name, count: 1, assignments: null }],
        ['to none', { name, count: 0, assignments: null }],
        ['to a negative count', { name, count: -1, assignments: null }],
        ['to too many', { name, count: 10_003, assignments: null }],
        ['by hand', { name, count: 4, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
        ['by hand, too few', { name, count: 4, assignments: [{ brokerIds: [1] }] }],
        ['by hand, too many', { name, count: 3, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
        ['by hand, none', { name, count: 3, assignments: [] }],
        ['by hand, on nobody', { name, count: 3, assignments: [{ brokerIds: [] }] }],
        ['by hand, on another', { name, count: 3, assignments: [{ brokerIds: [7] }] }],
        ['by hand, on two', { name, count: 3, assignments: [{ brokerIds: [1, 7] }] }],
        ['of no topic', { name: `${side.prefix}-none`, count: 3, assignments: null }],
        ['of no name', { name: '', count: 3, assignments: null }],
      ] as const)
        await side.ask(
          createPartitions,
          version,
          { topics: [topic], timeoutMs: 1_000, validateOnly: true },
          note,
        );
      const grown = { name, count: 3, assignments: null };
      const bySomeName = ({ results }: ResponseOf<typeof createPartitions>) =>
        sortedBy(results, (result) => result.name);
      await side.ask(
        createPartitions,
        version,
        { topics: [grown, grown], timeoutMs: 1_000, validateOnly: false },
        'twice',
        bySomeName,
      );
      await side.ask(
        createPartitions,
        version,
        { topics: [], timeoutMs: 1_000, validateOnly: false },
        'none',
      );
      await side.ask(
        createPartitions,
        version,
        { topics: [grown], timeoutMs: 1_000, validateOnly: false },
        'for good',
      );
      await setting.settle(name);
      await side.ask(
        createPartitions,
        version,
        { topics: [grown], timeoutMs: 1_000, validateOnly: false },
        'again',
      );
    }
  },
};

const deleting: Scenario = {
  name: 'deleting',
  async run(side, setting) {
    const byName = ({ responses }: ResponseOf<typeof deleteTopics>) =>
      sortedBy(responses, ({ name, topicId, errorCode }) => `${name} ${errorCode} ${topicId === zeroUuid}`);
    for (const version of versionsOf('deleteTopics')) {
      const names = ['a', 'b', 'c'].map((letter) => `${side.prefix}-${letter}-v${version}`);
      const ids: string[] = [];
      for (const name of names) ids.push(await setting.topic(name, 1));
      const byNames = (...topics: string[]) =>
        version >= 6
          ? { topics: topics.map((name) => ({ name, topicId: zeroUuid })) }
          : { topicNames: topics };
      const remove = (note: string, topics: Partial<RequestInit<typeof deleteTopics>>) =>
        side.ask(deleteTopics, version, { timeoutMs: 1_000, ...topics }, note, byName);
      await remove('none', byNames());
      await remove('one that is not there', byNames(`${side.prefix}-none`));
      await remove('no name', byNames(''));
      await remove('a bad name', byNames('no good'));
      await remove('one twice', byNames(names[0]!, names[0]!));
      await remove('one twice that is not there', byNames('nowhere', 'nowhere'));
      await remove('one', byNames(names[1]!));
      await setting.settle();
      await remove('one again', byNames(names[1]!, names[2]!));
      if (version < 6) continue;
      const topic = (name: string | null, topicId: string) => ({ topics: [{ name, topicId }] });
      await remove('neither name nor id', topic(null, zeroUuid));
      await remove('name and id', topic(names[0]!, ids[0]!));
      await remove('the id of one that is gone', topic(null, ids[1]!));
      await remove('an id that never was', topic(null, 'aaaaaaaaaaaaaaaaaaaaaA'));
      await remove('name and id of the same, apart', {
        topics: [
          { name: names[0]!, topicId: zeroUuid },
          { name: null, topicId: ids[0]! },
        ],
      });
      await setting.settle();
      const id = await setting.topic(`${side.prefix}-by-id`, 1);
      await remove('an id twice', {
        topics: [
          { name: null, topicId: id },
          { name: null, topicId: id },
        ],
      });
      await remove('by id', topic(null, id));
      await setting.settle();
      await remove('by id again', topic(null, id));
    }
  },
};

export const topicScenarios: readonly Scenario[] = [creating, growing, deleting];
