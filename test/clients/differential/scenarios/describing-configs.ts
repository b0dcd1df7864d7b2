/** Configurations of every kind of resource, as every version describes them. */
import { describeConfigs } from '../../../../protocol/messages/configs/describe-configs.ts';
import { type Scenario, versionsOf } from '../scenario.ts';
import { byName, types } from './config-requests.ts';

const describing: Scenario = {
  name: 'describing',
  async run(side, setting) {
    const topic = `${side.prefix}-t`;
    await setting.topic(topic, 1, {
      'retention.ms': '1234',
      'cleanup.policy': 'compact',
      'min.insync.replicas': '1',
    });
    const resources: readonly [number, string][] = [
      [types.topic, topic],
      [types.topic, `${side.prefix}-none`],
      [types.topic, ''],
      [types.topic, 'no good'],
      [types.broker, '1'],
      [types.broker, ''],
      [types.broker, '7'],
      [types.broker, 'one'],
      [types.logger, ''],
      [types.logger, '7'],
      [types.clientMetrics, 'none'],
      [types.clientMetrics, ''],
      [types.group, 'none'],
      [types.group, ''],
    ];
    for (const version of versionsOf('describeConfigs'))
      for (const [resourceType, resourceName] of resources)
        for (const includeSynonyms of [false, true]) {
          const more = version >= 3 ? { includeDocumentation: includeSynonyms } : {};
          const resource = { resourceType, resourceName, configurationKeys: null };
          await side.ask(
            describeConfigs,
            version,
            { resources: [resource], includeSynonyms, ...more },
            `${resourceType} '${resourceName}'`,
            byName,
          );
        }
  },
};

const choosing: Scenario = {
  name: 'choosing-configs',
  async run(side, setting) {
    const topic = `${side.prefix}-t`;
    await setting.topic(topic, 1, { 'retention.ms': '1234' });
    const ask = (note: string, resourceType: number, resourceName: string, keys: string[] | null) => {
      const resources = [{ resourceType, resourceName, configurationKeys: keys }];
      return side.ask(describeConfigs, 4, { resources, includeSynonyms: false }, note, byName);
    };
    await ask('chosen keys', types.topic, topic, ['retention.ms', 'no.such.key', 'cleanup.policy']);
    await ask('no keys', types.topic, topic, []);
    await ask('an unknown type', 3, topic, null);
    await ask('no type', 0, topic, null);
    await ask('the root logger', types.logger, '1', ['root']);
    const two = [topic, `${side.prefix}-none`].map((resourceName) => ({
      resourceType: types.topic,
      resourceName,
      configurationKeys: ['retention.ms'],
    }));
    await side.ask(describeConfigs, 4, { resources: two, includeSynonyms: true }, 'two', byName);
    await side.ask(describeConfigs, 4, { resources: [], includeSynonyms: true }, 'none', byName);
  },
};

export const describingScenarios: readonly Scenario[] = [describing, choosing];
