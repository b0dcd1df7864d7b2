import { alterConfigs } from '../../../protocol/messages/configs/alter-configs.ts';
import type { ConfigResourceType } from '../../metadata/cluster-state.ts';
import { defineHandler } from '../handler.ts';

/** Replaces all overrides of a resource; kept for old clients, IncrementalAlterConfigs is the one to use (KIP-339). */
export const alterConfigsHandler = defineHandler(alterConfigs, {
  versions: '0-2',
  async handle({ metadata }, request) {
    const replacements = request.resources.map(({ resourceType, resourceName, configs }) => ({
      type: resourceType as ConfigResourceType,
      name: resourceName,
      configs,
    }));
    const results = await metadata.alterConfigs(replacements, request.validateOnly);
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
