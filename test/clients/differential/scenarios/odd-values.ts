/** Every key of topics and groups set to values that are hardly ever right: what is taken, and what is refused. Nothing is changed. */
import { groupConfigKeys } from '../../../../broker/config/group-keys.ts';
import { incrementalAlterConfigs } from '../../../../protocol/messages/configs/incremental-alter-configs.ts';
import { topicKeys } from '../../../../storage/config/topic-keys.ts';
import type { Scenario } from '../scenario.ts';
import { byResource, operations, types } from './config-requests.ts';

const oddValues = [
  '0',
  '1',
  '-1',
  '-2',
  '+5',
  ' 7 ',
  '007',
  '1_000',
  '0x10',
  '1.0',
  '1e3',
  '0.5f',
  'NaN',
  'Infinity',
  '2147483647',
  '2147483648',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '٣',
  'TRUE',
  ' false ',
  'yes',
  'delete,compact',
  'compact , delete',
  'delete,delete',
  ',delete',
  'DELETE',
  'CreateTime',
  'createtime',
  'none',
  'gzip',
  'GZIP',
  '*',
  '',
  ' ',
];

/** Of one version: the values are read behind it. */
const version = 1;

function trying(name: string, type: number, keys: object): Scenario {
  return {
    name,
    async run(side, setting) {
      const resourceName = `${side.prefix}-r`;
      if (type === types.topic) await setting.topic(resourceName, 1);
      for (const key of Object.keys(keys).filter((one) => !one.startsWith('kompakt.')))
        for (const value of oddValues) {
          const configs = [{ name: key, configOperation: operations.set, value }];
          const resources = [{ resourceType: type, resourceName, configs }];
          const body = { resources, validateOnly: true };
          await side.ask(incrementalAlterConfigs, version, body, `${key}='${value}'`, byResource);
        }
    },
  };
}

export const oddValueScenarios: readonly Scenario[] = [
  trying('odd-topic-values', types.topic, topicKeys),
  trying('odd-group-values', types.group, groupConfigKeys),
];
