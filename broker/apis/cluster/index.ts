/** The handlers of the cluster: what there is, and which features it speaks. */
import { apiVersionsHandler } from './api-versions.ts';
import { describeClusterHandler } from './describe-cluster.ts';
import { describeQuorumHandler } from './describe-quorum.ts';
import { updateFeaturesHandler } from './update-features.ts';

export const clusterHandlers = {
  apiVersions: apiVersionsHandler,
  describeCluster: describeClusterHandler,
  describeQuorum: describeQuorumHandler,
  updateFeatures: updateFeaturesHandler,
};
