import { errors } from '../../../protocol/errors.ts';
import { listConfigResources } from '../../../protocol/messages/configs/list-config-resources.ts';
import { configResourceTypes } from '../../metadata/cluster-state.ts';
import type { Services } from '../../services.ts';
import { defineHandler } from '../handler.ts';

/** v0 lists client-metrics resources only (KIP-714); v1 any type, none named meaning all (KIP-1142). */
export const listConfigResourcesHandler = defineHandler(listConfigResources, {
  versions: '0-1',
  handle(services, request, caller) {
    const served: readonly number[] =
      caller.apiVersion === 0 ? [configResourceTypes.clientMetrics] : Object.values(configResourceTypes);
    const types = request.resourceTypes.length === 0 ? served : request.resourceTypes;
    if (types.some((type) => !served.includes(type))) {
      return { throttleTimeMs: 0, errorCode: errors.unsupportedVersion.code, configResources: [] };
    }
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      configResources: [...new Set(types)].flatMap((resourceType) =>
        namesOf(services, resourceType).map((resourceName) => ({ resourceName, resourceType })),
      ),
    };
  },
  refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, configResources: [] }),
});

function namesOf({ cluster }: Services, type: number): string[] {
  switch (type) {
    case configResourceTypes.topic:
      return [...cluster.topics()].map(({ name }) => name);
    case configResourceTypes.broker:
    case configResourceTypes.brokerLogger:
      return [String(cluster.nodeId)];
    case configResourceTypes.group:
    case configResourceTypes.clientMetrics:
      return [...cluster.configuredResources(type)];
    default:
      return [];
  }
}
