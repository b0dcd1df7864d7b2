import { incrementalAlterConfigs } from '../../../protocol/messages/configs/incremental-alter-configs.ts';
import { type ConfigResourceType, configResourceTypes } from '../../metadata/cluster-state.ts';
import { defineHandler } from '../handler.ts';
import { alterLoggers } from './alter-loggers.ts';

/** Sets, deletes, appends to or subtracts from single configs (KIP-339). */
export const incrementalAlterConfigsHandler = defineHandler(incrementalAlterConfigs, {
  versions: '0-1',
  async handle(services, request) {
    const alterations = request.resources.map(({ resourceType, resourceName, configs }) => ({
      type: resourceType as ConfigResourceType,
      name: resourceName,
      configs: configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      })),
    }));
    const isLogger = ({ type }: { type: number }): boolean => type === configResourceTypes.brokerLogger;
    const results = [
      ...(await services.metadata.incrementalAlterConfigs(
        alterations.filter((alteration) => !isLogger(alteration)),
        request.validateOnly,
      )),
      ...alterations
        .filter(isLogger)
        .map((alteration) => alterLoggers(services, alteration, request.validateOnly)),
    ];
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
