/** Changing the configurations of topics, brokers, loggers, groups and client-metrics subscriptions. */
import { alterConfigs } from '../../../../protocol/messages/configs/alter-configs.ts';
import { describeConfigs } from '../../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../../protocol/messages/configs/incremental-alter-configs.ts';
import { listConfigResources } from '../../../../protocol/messages/configs/list-config-resources.ts';
import { sortedBy } from '../normalise.ts';
import { type Scenario, versionsOf } from '../scenario.ts';

import { append, byName, byResource, change, remove, set, subtract, types } from './config-requests.ts';

type Change = [key: string, operation: number, value: string | null];

interface Resource {
  readonly type: number;
  readonly name: string;
}

const node: Resource = { type: types.broker, name: '1' };
const all: Resource = { type: types.broker, name: '' };
const group: Resource = { type: types.group, name: 'other-configs-g' };
const metrics: Resource = { type: types.clientMetrics, name: 'other-configs-m' };
const logger: Resource = { type: types.logger, name: '1' };

const topicSteps: readonly [note: string, ...configs: Change[]][] = [
  ['set', ['retention.ms', set, '5000']],
  ['set two', ['retention.ms', set, '6000'], ['segment.bytes', set, '2000000']],
  ['set and fail', ['retention.ms', set, '7000'], ['segment.bytes', set, 'large']],
  ['set without a value', ['retention.ms', set, null]],
  ['set to nothing', ['retention.ms', set, '']],
  ['set with blanks', ['retention.ms', set, ' 8000 ']],
  ['set below the bound', ['segment.bytes', set, '13']],
  ['set an unknown key', ['no.such.key', set, '1']],
  ['set no key', ['', set, '1']],
  ['set a broker key', ['log.retention.ms', set, '1']],
  ['set one twice', ['retention.ms', set, '1'], ['retention.ms', set, '2']],
  ['set a list', ['cleanup.policy', set, 'compact']],
  ['append to a list', ['cleanup.policy', append, 'delete']],
  ['append what is there', ['cleanup.policy', append, 'delete']],
  ['append a stranger', ['cleanup.policy', append, 'burn']],
  ['append two', ['leader.replication.throttled.replicas', append, '0:1,1:1']],
  ['append one more', ['leader.replication.throttled.replicas', append, '2:1']],
  ['append nothing', ['leader.replication.throttled.replicas', append, '']],
  ['append null', ['leader.replication.throttled.replicas', append, null]],
  ['append what cannot be', ['leader.replication.throttled.replicas', append, 'x']],
  ['subtract one', ['leader.replication.throttled.replicas', subtract, '1:1']],
  ['subtract what is not there', ['leader.replication.throttled.replicas', subtract, '9:9']],
  ['subtract the rest', ['leader.replication.throttled.replicas', subtract, '0:1,2:1']],
  ['subtract from a policy', ['cleanup.policy', subtract, 'compact']],
  ['subtract the whole policy', ['cleanup.policy', subtract, 'delete']],
  ['append to what is no list', ['retention.ms', append, '1']],
  ['subtract from what is no list', ['retention.ms', subtract, '1']],
  ['append to an unknown key', ['no.such.key', append, '1']],
  ['remove', ['retention.ms', remove, null]],
  ['remove with a value', ['segment.bytes', remove, '1']],
  ['remove what is not set', ['retention.bytes', remove, null]],
  ['remove an unknown key', ['no.such.key', remove, null]],
  ['an unknown operation', ['retention.ms', 4, '1']],
  ['a negative operation', ['retention.ms', -1, '1']],
  ['remote storage', ['remote.storage.enable', set, 'true']],
  ['local retention alone', ['local.retention.ms', set, '10']],
  ['a lag beyond', ['min.compaction.lag.ms', set, '10'], ['max.compaction.lag.ms', set, '5']],
  ['a factor out of range', ['min.cleanable.dirty.ratio', set, '1.5']],
  ['a timestamp type', ['message.timestamp.type', set, 'LogAppendTime']],
  ['a version', ['message.format.version', set, '2.8']],
  ['a compression level', ['compression.gzip.level', set, '10']],
  ['more replicas in sync', ['min.insync.replicas', set, '2']],
  ['internal segments', ['internal.segment.bytes', set, '500']],
];

const topicConfigs: Scenario = {
  name: 'topic-configs',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    await setting.topic(name, 1);
    const topic = { type: types.topic, name };
    for (const [note, ...configs] of topicSteps) await change(side, setting, topic, configs, note);
    for (const resourceName of [`${side.prefix}-none`, '', 'no good'])
      await change(
        side,
        setting,
        { type: types.topic, name: resourceName },
        [['retention.ms', set, '1']],
        `of '${resourceName}'`,
      );
    const resource = {
      resourceType: types.topic,
      resourceName: name,
      configs: [{ name: 'retention.ms', configOperation: set, value: '1' }],
    };
    await side.ask(
      incrementalAlterConfigs,
      0,
      { resources: [resource, resource], validateOnly: true },
      'twice',
      byResource,
    );
    await side.ask(
      incrementalAlterConfigs,
      0,
      { resources: [resource, { ...resource, resourceName: `${side.prefix}-none` }], validateOnly: true },
      'two',
      byResource,
    );
    await side.ask(incrementalAlterConfigs, 0, { resources: [], validateOnly: true }, 'none', byResource);
    await side.ask(
      incrementalAlterConfigs,
      0,
      { resources: [{ ...resource, resourceType: 3 }], validateOnly: true },
      'an unknown type',
      byResource,
    );
    await side.ask(
      incrementalAlterConfigs,
      0,
      { resources: [{ ...resource, configs: [] }], validateOnly: true },
      'no configs',
      byResource,
    );
  },
};

const replacing: Scenario = {
  name: 'replacing',
  async run(side, setting) {
    const name = `${side.prefix}-t`;
    await setting.topic(name, 1, { 'retention.ms': '1', 'segment.bytes': '2000000' });
    for (const version of versionsOf('alterConfigs')) {
      for (const [note, resourceType, resourceName, configs] of [
        ['other configs', types.topic, name, [{ name: 'retention.bytes', value: String(version) }]],
        ['none', types.topic, name, []],
        ['one without a value', types.topic, name, [{ name: 'retention.ms', value: null }]],
        ['an invalid one', types.topic, name, [{ name: 'retention.ms', value: 'soon' }]],
        ['an unknown one', types.topic, name, [{ name: 'no.such.key', value: '1' }]],
        [
          'one twice',
          types.topic,
          name,
          [
            { name: 'retention.ms', value: '1' },
            { name: 'retention.ms', value: '2' },
          ],
        ],
        ['of no topic', types.topic, `${side.prefix}-none`, [{ name: 'retention.ms', value: '1' }]],
        ['of a broker', types.broker, '1', [{ name: 'log.cleaner.threads', value: '1' }]],
        ['of another broker', types.broker, '7', [{ name: 'log.cleaner.threads', value: '1' }]],
        ['a read-only one of a broker', types.broker, '1', [{ name: 'node.id', value: '2' }]],
        ['of a logger', types.logger, '1', [{ name: 'root', value: 'INFO' }]],
        ['of an unknown type', 3, name, []],
      ] as const)
        for (const validateOnly of [true, false]) {
          if (!validateOnly && resourceType !== types.topic) continue;
          await side.ask(
            alterConfigs,
            version,
            { resources: [{ resourceType, resourceName, configs: [...configs] }], validateOnly },
            validateOnly ? `${note}, tried` : note,
          );
          await setting.settle();
          const asked = { resourceType: types.topic, resourceName: name, configurationKeys: null };
          await side.ask(
            describeConfigs,
            4,
            { resources: [asked], includeSynonyms: false },
            `after ${note}`,
            byName,
          );
        }
    }
  },
};

const brokerSteps: readonly [note: string, resource: Resource, ...configs: Change[]][] = [
  ['of the node', node, ['log.retention.ms', set, '100000000']],
  ['of all', all, ['log.retention.ms', set, '200000000']],
  ['of the node no more', node, ['log.retention.ms', remove, null]],
  ['of all no more', all, ['log.retention.ms', remove, null]],
  ['read-only, of the node', node, ['node.id', set, '2']],
  ['read-only, of all', all, ['log.dirs', set, '/nowhere']],
  ['of a node alone, of all', all, ['listener.name.plaintext.ssl.keystore.location', set, '/nowhere']],
  ['of all, the same as before', all, ['message.max.bytes', set, '100000']],
  ['an unknown key', all, ['no.such.key', set, '1']],
  ['an unknown key of the node', node, ['no.such.key', set, '1']],
  ['an unknown key no more', all, ['no.such.key', remove, null]],
  ['an invalid value', all, ['log.cleaner.threads', set, 'many']],
  ['a value out of range', all, ['log.cleaner.threads', set, '-1']],
  ['threads', all, ['num.io.threads', set, '9']],
  ['too many threads at once', all, ['num.io.threads', set, '900']],
  ['threads as before', all, ['num.io.threads', remove, null]],
  ['a list', all, ['log.cleanup.policy', set, 'compact']],
  ['a longer list', all, ['log.cleanup.policy', append, 'delete']],
  ['a shorter list', all, ['log.cleanup.policy', subtract, 'compact']],
  ['no list', all, ['log.cleanup.policy', remove, null]],
  ['of another node', { type: types.broker, name: '7' }, ['log.retention.ms', set, '1']],
  ['of no node', { type: types.broker, name: 'one' }, ['log.retention.ms', set, '1']],
  ['a topic key', all, ['retention.ms', set, '1']],
  ['connections', all, ['max.connections.per.ip', set, '100000']],
  ['connections as before', all, ['max.connections.per.ip', remove, null]],
  ['expiry of producers', all, ['producer.id.expiration.ms', set, '80000000']],
  ['expiry of producers as before', all, ['producer.id.expiration.ms', remove, null]],
  ['topics made on demand', all, ['auto.create.topics.enable', set, 'false']],
];

const brokerConfigs: Scenario = {
  name: 'broker-configs',
  async run(side, setting) {
    for (const [note, resource, ...configs] of brokerSteps)
      await change(side, setting, resource, configs, note);
  },
};

const otherSteps: readonly [note: string, resource: Resource, ...configs: Change[]][] = [
  ['a group', group, ['consumer.session.timeout.ms', set, '50000']],
  ['a group, an invalid value', group, ['consumer.session.timeout.ms', set, 'x']],
  ['a group, out of range', group, ['consumer.session.timeout.ms', set, '1']],
  ['a group, an unknown key', group, ['no.such.key', set, '1']],
  ['a group no more', group, ['consumer.session.timeout.ms', remove, null]],
  ['a group without a name', { ...group, name: '' }, ['consumer.session.timeout.ms', set, '50000']],
  ['metrics', metrics, ['interval.ms', set, '5000'], ['metrics', set, 'org.apache.kafka.']],
  ['metrics, an invalid value', metrics, ['interval.ms', set, '1']],
  ['metrics, a bad match', metrics, ['match', set, 'nonsense']],
  ['metrics, an unknown key', metrics, ['no.such.key', set, '1']],
  ['metrics without a name', { ...metrics, name: '' }, ['interval.ms', set, '5000']],
  ['metrics no more', metrics, ['interval.ms', remove, null], ['metrics', remove, null]],
  ['a logger, an unknown one', logger, ['no.such.logger.at.all', set, 'INFO']],
  ['a logger, a bad level', logger, ['root', set, 'LOUD']],
  ['a logger, no more', logger, ['root', remove, null]],
  ['a logger, appended', logger, ['root', append, 'INFO']],
  ['a logger of another node', { ...logger, name: '7' }, ['root', set, 'INFO']],
];

const otherConfigs: Scenario = {
  name: 'other-configs',
  async run(side, setting) {
    const list = (note: string) =>
      side.ask(
        listConfigResources,
        1,
        { resourceTypes: [types.group, types.clientMetrics] },
        note,
        ({ configResources, ...rest }) => ({
          ...rest,
          configResources: sortedBy(configResources, ({ resourceName }) => resourceName),
        }),
      );
    for (const [note, resource, ...configs] of otherSteps) {
      await change(side, setting, resource, configs, note);
      if (note === 'a group' || note === 'metrics') await list(`with ${note}`);
    }
    await list('with nothing');
    for (const resourceTypes of [
      [],
      [types.broker],
      [types.logger],
      [3],
      [types.broker, types.broker],
      [0],
      [127],
    ])
      await side.ask(
        listConfigResources,
        1,
        { resourceTypes },
        `of ${resourceTypes}`,
        ({ configResources, ...rest }) => ({
          ...rest,
          configResources: sortedBy(
            configResources.filter(({ resourceType }) => resourceType !== types.topic),
            ({ resourceType, resourceName }) => `${resourceType} ${resourceName}`,
          ),
        }),
      );
    await side.ask(listConfigResources, 0, {});
  },
};

export const configScenarios: readonly Scenario[] = [topicConfigs, replacing, brokerConfigs, otherConfigs];
