/** Names and texts come from clients: whatever they are, there is an answer. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { brokerKeys } from '../../../broker/config/broker-keys.ts';
import { clientMetricsKeys } from '../../../broker/config/client-metrics-keys.ts';
import {
  describeBrokerConfig,
  describeClientMetricsConfig,
  describeGroupConfig,
  describeTopicConfig,
} from '../../../broker/config/describe.ts';
import { groupConfigKeys } from '../../../broker/config/group-keys.ts';
import { ConfigRules } from '../../../broker/config/rules.ts';
import { readConfiguration } from '../../../broker/config/settings.ts';
import { configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { topicKeys } from '../../../storage/config/topic-keys.ts';

const known = [brokerKeys, topicKeys, groupConfigKeys, clientMetricsKeys].flatMap((table) =>
  Object.keys(table),
);
const name = fc.oneof(
  fc.constantFrom(...known),
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'listener.name.a.', 'listener.name.a.b.listeners'),
);
const text = fc.oneof(
  fc.string(),
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom('', ',', 'true', 'compact', '1:1', '-1', '9223372036854775807', 'client_id=['),
);
const configs = fc.array(fc.tuple(name, text), { maxLength: 5 }).map((pairs) => new Map(pairs));

test('rules and descriptions never throw, and agreed configs can be described', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(configResourceTypes)),
      fc.constantFrom('', '1', 'x'),
      configs,
      (type, resource, texts) => {
        const read = readConfiguration();
        if (!read.ok) throw new Error(read.messages.join());
        const { configuration } = read;
        const problem = new ConfigRules(configuration).problem(type, resource, texts);
        expect(problem === null || problem.errorCode === 40 || problem.errorCode === 42).toBe(true);
        configuration.setDynamic('all-brokers', texts);
        configuration.setDynamic('this-broker', texts);
        const described = [
          ...describeTopicConfig({ configuration }, texts),
          ...describeGroupConfig({ configuration }, texts),
          ...describeClientMetricsConfig(texts),
          ...describeBrokerConfig({ configuration }),
        ];
        expect(described.filter(({ value, isSensitive }) => isSensitive && value !== null)).toEqual([]);
      },
    ),
    { numRuns: 150 },
  );
});
