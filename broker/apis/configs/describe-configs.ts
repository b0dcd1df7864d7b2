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
import { configResourceTypes } from '../../metadata/cluster-state.ts';
import { topicNameProblem } from '../../metadata/topic-names.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

type Resource = RequestOf<typeof describeConfigs>['resources'][number];

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

function describeAll(services: Services, request: RequestOf<typeof describeConfigs>) {
  return request.resources.map((resource) => {
    const { resourceType, resourceName, configurationKeys } = resource;
    try {
      const described = describe(services, resource);
      // None named means all.
      const wanted =
        configurationKeys === null || configurationKeys.length === 0 ? null : new Set(configurationKeys);
      const configs = wanted === null ? described : described.filter(({ name }) => wanted.has(name));
      return {
        errorCode: errors.none.code,
        errorMessage: '',
        resourceType,
        resourceName,
        configs: configs.map((config) => ({
          ...config,
          synonyms: request.includeSynonyms ? config.synonyms : [],
          documentation: request.includeDocumentation ? config.documentation : null,
        })),
      };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return {
        errorCode: error.code,
        errorMessage: error.message,
        resourceType,
        resourceName,
        configs: [],
      };
    }
  });
}

function describe(services: Services, { resourceType, resourceName }: Resource): readonly DescribedConfig[] {
  const { cluster } = services;
  switch (resourceType) {
    case configResourceTypes.topic: {
      const problem = topicNameProblem(resourceName);
      if (problem !== null)
        throw new ApiError(errors.invalidTopicException, `Topic name is invalid: ${problem}`);
      if (cluster.topic(resourceName) === undefined) throw new ApiError(errors.unknownTopicOrPartition, '');
      return describeTopicConfig(services, cluster.configs(configResourceTypes.topic, resourceName));
    }
    case configResourceTypes.broker:
      if (resourceName === '') return describeClusterDefaults(services);
      requireThisBroker(services, resourceName, 'or empty string, ');
      return describeBrokerConfig(services);
    case configResourceTypes.brokerLogger:
      if (resourceName === '') throw new ApiError(errors.invalidRequest, 'Broker id must not be empty');
      requireThisBroker(services, resourceName, '');
      return describeLoggers(services.loggerLevels);
    case configResourceTypes.clientMetrics:
      if (resourceName === '') {
        throw new ApiError(errors.invalidRequest, 'Client metrics subscription name must not be empty');
      }
      return describeClientMetricsConfig(cluster.configs(configResourceTypes.clientMetrics, resourceName));
    case configResourceTypes.group:
      if (resourceName === '') throw new ApiError(errors.invalidRequest, 'Group name must not be empty');
      return describeGroupConfig(services, cluster.configs(configResourceTypes.group, resourceName));
    default:
      throw new ApiError(
        errors.invalidRequest,
        `Unexpected resource type ${resourceType} for resource ${resourceName}`,
      );
  }
}

/** Only this node's own configs are known here. */
export function requireThisBroker(
  { cluster }: Pick<Services, 'cluster'>,
  name: string,
  orWhat: string,
): void {
  if (!/^-?\d+$/.test(name)) {
    throw new ApiError(errors.invalidRequest, `Broker id must be an integer, but it is: ${name}`);
  }
  if (Number(name) === cluster.nodeId) return;
  throw new ApiError(
    errors.invalidRequest,
    `Unexpected broker id, expected ${cluster.nodeId} ${orWhat}but received ${name}`,
  );
}
