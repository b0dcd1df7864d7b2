import { ApiError, errors } from '../../../protocol/errors.ts';
import { describeConfigs } from '../../../protocol/messages/configs/describe-configs.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import {
  type DescribedConfig,
  describeBrokerConfig,
  describeClientMetricsConfig,
  describeClusterDefaults,
  describeGroupConfig,
  describeTopicConfig,
} from '../../config/describe.ts';
import { describeLoggers } from '../../config/logger-levels.ts';
import { type ConfigResourceType, configResourceTypes } from '../../metadata/cluster-state.ts';
import type { Problem } from '../../metadata/decide.ts';
import { topicNameProblem } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';
import { remembering } from '../remembering.ts';

type Request = RequestOf<typeof describeConfigs>;
type Resource = Request['resources'][number];
/** Configs by where they come from: most topics have the same. */
type Remembered = (key: string, describe: () => readonly DescribedConfig[]) => readonly DescribedConfig[];

/** The configs of topics, of this broker, of all brokers, of loggers, groups and client-metrics subscriptions, with their origin. */
export const describeConfigsHandler = defineHandler(describeConfigs, {
  versions: '1-4',
  handle(services, request) {
    const strange = request.resources.find(({ resourceType }) => !knownTypes.has(resourceType));
    // Kafka looks at the types of all before it answers any.
    if (strange !== undefined) {
      const what = `Unexpected resource type ${strange.resourceType} for resource ${strange.resourceName}`;
      throw new ApiError(errors.invalidRequest, what);
    }
    return { throttleTimeMs: 0, results: describeAll(services, request) };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    results: request.resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      errorMessage,
      resourceType,
      resourceName,
      configs: [],
    })),
  }),
});

const knownTypes: ReadonlySet<number> = new Set(Object.values(configResourceTypes));

function describeAll(services: Services, request: Request) {
  const remembered = remembering<readonly DescribedConfig[]>();
  const asAsked: Remembered = (key, make) =>
    remembered(key, () =>
      make().map((config) => ({
        ...config,
        synonyms: request.includeSynonyms ? config.synonyms : [],
        documentation: request.includeDocumentation ? config.documentation : null,
      })),
    );
  return request.resources.map((resource) => {
    const { resourceType, resourceName, configurationKeys } = resource;
    const described = describe(services, resource, asAsked);
    if ('errorCode' in described) return { ...described, resourceType, resourceName, configs: [] };
    // None named means all.
    const wanted =
      configurationKeys === null || configurationKeys.length === 0 ? null : new Set(configurationKeys);
    const configs = wanted === null ? described : described.filter(({ name }) => wanted.has(name));
    return { errorCode: errors.none.code, errorMessage: '', resourceType, resourceName, configs };
  });
}

function describe(
  services: Services,
  { resourceType, resourceName }: Resource,
  remembered: Remembered,
): readonly DescribedConfig[] | Problem {
  const { cluster } = services;
  const withOverrides = (of: (overrides: ReadonlyMap<string, string>) => DescribedConfig[]) => {
    const overrides = cluster.configs(resourceType as ConfigResourceType, resourceName);
    return remembered(`${resourceType} ${JSON.stringify([...overrides])}`, () => of(overrides));
  };
  switch (resourceType) {
    case configResourceTypes.topic: {
      const problem = topicNameProblem(resourceName);
      if (problem !== null) return refusal(errors.invalidTopicException, `Topic name is invalid: ${problem}`);
      if (cluster.topic(resourceName) === undefined) return refusal(errors.unknownTopicOrPartition, '');
      return withOverrides((overrides) => describeTopicConfig(services, overrides));
    }
    case configResourceTypes.broker:
      if (resourceName === '') return remembered('all brokers', () => describeClusterDefaults(services));
      return (
        strangerProblem(services, resourceName, 'or empty string, ') ??
        remembered('this broker', () => describeBrokerConfig(services))
      );
    case configResourceTypes.brokerLogger:
      if (resourceName === '') return refusal(errors.invalidRequest, 'Broker id must not be empty');
      return (
        strangerProblem(services, resourceName, '') ??
        remembered('loggers', () => describeLoggers(services.loggerLevels))
      );
    case configResourceTypes.clientMetrics:
      if (resourceName === '')
        return refusal(errors.invalidRequest, 'Client metrics subscription name must not be empty');
      return withOverrides(describeClientMetricsConfig);
    case configResourceTypes.group:
      if (resourceName === '') return refusal(errors.invalidRequest, 'Group name must not be empty');
      return withOverrides((overrides) => describeGroupConfig(services, overrides));
    default:
      return refusal(
        errors.invalidRequest,
        `Unexpected resource type ${resourceType} for resource ${resourceName}`,
      );
  }
}

/** Only this node's own configs are known here. */
export function strangerProblem(
  { cluster }: Pick<Services, 'cluster'>,
  name: string,
  orWhat: string,
): Problem | null {
  if (!/^-?\d+$/.test(name))
    return refusal(errors.invalidRequest, `Broker id must be an integer, but it is: ${name}`);
  if (Number(name) === cluster.nodeId) return null;
  return refusal(
    errors.invalidRequest,
    `Unexpected broker id, expected ${cluster.nodeId} ${orWhat}but received ${name}`,
  );
}

function refusal({ code }: { readonly code: number }, errorMessage: string): Problem {
  return { errorCode: code, errorMessage };
}
