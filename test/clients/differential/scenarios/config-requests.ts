/** Requests and answers about configurations, said shortly. */
import { describeConfigs } from '../../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../../protocol/messages/configs/incremental-alter-configs.ts';
import type { ResponseOf } from '../../../../protocol/schema/api.ts';
import type { Setting } from '../brokers.ts';
import { sortedBy } from '../normalise.ts';
import type { Side } from '../side.ts';

export const types = { topic: 2, broker: 4, logger: 8, clientMetrics: 16, group: 32 } as const;
export const operations = { set: 0, remove: 1, append: 2, subtract: 3 } as const;

/** By resource and name, because Kafka's order is that of hash maps. Documentation is Kafka's text: that there is one is compared. */
export function byName({ results }: ResponseOf<typeof describeConfigs>) {
  return Object.fromEntries(
    results.map(({ resourceType, resourceName, configs, ...rest }) => [
      `${resourceType} ${resourceName}`,
      {
        ...rest,
        configs: Object.fromEntries(
          configs.map(({ name, documentation, ...config }) => [
            name,
            { ...config, documentation: documentation === null ? null : 'some' },
          ]),
        ),
      },
    ]),
  );
}

export const byResource = ({ responses }: ResponseOf<typeof incrementalAlterConfigs>) =>
  sortedBy(
    responses,
    ({ resourceType, resourceName, errorCode }) => `${resourceType} ${resourceName} ${errorCode}`,
  );

/** A change of one config, tried and, where nothing speaks against it, made; and what is described afterwards. */
export async function change(
  side: Side,
  setting: Setting,
  { type, name }: { type: number; name: string },
  configs: readonly [key: string, operation: number, value: string | null][],
  note: string,
): Promise<void> {
  const resource = {
    resourceType: type,
    resourceName: name,
    configs: configs.map(([key, configOperation, value]) => ({ name: key, configOperation, value })),
  };
  for (const validateOnly of [true, false])
    await side.ask(
      incrementalAlterConfigs,
      1,
      { resources: [resource], validateOnly },
      validateOnly ? `${note}, tried` : note,
    );
  await setting.settle();
  const configurationKeys = [...new Set(configs.map(([key]) => key))];
  await side.ask(
    describeConfigs,
    4,
    { resources: [{ resourceType: type, resourceName: name, configurationKeys }], includeSynonyms: true },
    `after ${note}`,
    byName,
  );
}

export const { set, remove, append, subtract } = operations;
