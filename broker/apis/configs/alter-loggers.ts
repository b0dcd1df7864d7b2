/** The one kind of config resource that is not metadata: logger levels live as long as the process. */
import { errors } from '../../../protocol/errors.ts';
import { alterLoggerLevels } from '../../config/logger-levels.ts';
import { noProblem } from '../../metadata/decide.ts';
import type { ConfigAlteration, ConfigResult } from '../../metadata/metadata-controller.ts';
import type { Services } from '../../services.ts';
import { strangerProblem } from './describe-configs.ts';

export function alterLoggers(
  services: Pick<Services, 'cluster' | 'loggerLevels'>,
  { type, name, configs }: ConfigAlteration,
  validateOnly: boolean,
): ConfigResult {
  const problem =
    name === ''
      ? { errorCode: errors.invalidRequest.code, errorMessage: 'Broker id must not be empty' }
      : (strangerProblem(services, name, '') ??
        alterLoggerLevels(services.loggerLevels, configs, validateOnly));
  return { type, name, ...(problem ?? noProblem) };
}
