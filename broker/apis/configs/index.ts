/** The handlers of configuration. */
import { alterConfigsHandler } from './alter-configs.ts';
import { describeConfigsHandler } from './describe-configs.ts';
import { incrementalAlterConfigsHandler } from './incremental-alter-configs.ts';
import { listConfigResourcesHandler } from './list-config-resources.ts';

export const configHandlers = {
  describeConfigs: describeConfigsHandler,
  alterConfigs: alterConfigsHandler,
  incrementalAlterConfigs: incrementalAlterConfigsHandler,
  listConfigResources: listConfigResourcesHandler,
};
