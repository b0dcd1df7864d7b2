import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import type { ConfigResourceType } from '../../metadata/cluster-state.ts';
import { defineHandler } from '../handler.ts';

/** Sets, deletes, appends to or subtracts from single configs (KIP-339). */
export const incrementalAlterConfigsHandler = defineHandler(incrementalAlterConfigs, {
  versions: '0-1',
  async handle({ metadata }, request) {
    const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
      type: resourceType as ConfigResourceType,
      name: resourceName,
      configs: configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      })),
    }));
    const results = await metadata.incrementalAlterConfigs(alterations, request.validateOnly);
    return {
      throttleTimeMs: 0,
      responses: results.map(({ type, name, errorCode, errorMessage }) => ({
        errorCode,
        errorMessage,
        resourceType: type,
        resourceName: name,
      })),
    };
  },
  refuse: (request, errorCode, errorMessage) => ({
    throttleTimeMs: 0,
    responses: request.resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      errorMessage,
      resourceType,
      resourceName,
    })),
  }),
});
