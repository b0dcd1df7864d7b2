/** The one kind of config resource that is not metadata: logger levels live as long as the process. */
import { ApiError, errors } from '../../../protocol/errors.ts';
import { alterLoggerLevels } from '../../config/logger-levels.ts';
import type { ConfigAlteration, ConfigResult } from '../../metadata/metadata-controller.ts';
import type { Services } from '../../services.ts';
import { requireThisBroker } from './describe-configs.ts';

export function alterLoggers(
  services: Pick<Services, 'cluster' | 'loggerLevels'>,
  { type, name, configs }: ConfigAlteration,
  validateOnly: boolean,
): ConfigResult {
  try {
    if (name === '') throw new ApiError(errors.invalidRequest, 'Broker id must not be empty');
    requireThisBroker(services, name, '');
    const problem = alterLoggerLevels(services.loggerLevels, configs, validateOnly);
    return {
      type,
      name,
      errorCode: problem?.errorCode ?? errors.none.code,
      errorMessage: problem?.errorMessage ?? null,
    };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { type, name, errorCode: error.code, errorMessage: error.message };
  }
}
