import { errors } from '../../../protocol/errors.ts';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import type { RequestOf } from '../../../protocol/schema/api.ts';
import type { ClusterState } from '../../metadata/cluster-state.ts';
import { supportedFeatures } from '../../metadata/features.ts';
import { defineHandler } from '../handler.ts';

type Request = RequestOf<typeof apiVersions>;

/** Kafka's rule for the name and version that a client library gives of itself (KIP-511). */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const softwareVersion = 3;
/** From this version on a feature may be supported from level 0: older clients fail on that (KIP-1022). */
const levelZeroVersion = 4;
/** From this version on a client may say whom it means to talk to (KIP-1242). */
const intendedBrokerVersion = 5;

/** Which APIs, versions and features there are: what a client asks first. */
export const apiVersionsHandler = defineHandler(apiVersions, {
  versions: '0-5',
  handle({ apis, cluster }, request, caller) {
    const { apiVersion } = caller;
    if (!isValid(request, apiVersion)) return refusal(errors.invalidRequest.code);
    if (apiVersion >= softwareVersion) {
      caller.connection.clientSoftware = {
        name: request.clientSoftwareName,
        version: request.clientSoftwareVersion,
      };
    }
    if (isForAnother(request, apiVersion, cluster)) return refusal(errors.rebootstrapRequired.code);
    const { levels, epoch } = cluster.features;
    return {
      errorCode: errors.none.code,
      apiKeys: apis.ranges,
      throttleTimeMs: 0,
      supportedFeatures: Object.entries(supportedFeatures)
        .filter(([, { min }]) => min > 0 || apiVersion >= levelZeroVersion)
        .map(([name, { min, max }]) => ({ name, minVersion: min, maxVersion: max })),
      finalizedFeaturesEpoch: epoch,
      finalizedFeatures: [...levels]
        .filter(([, level]) => level > 0)
        .map(([name, level]) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
      zkMigrationReady: false,
    };
  },
  refuse: (_request, errorCode) => refusal(errorCode),
});

function isValid(request: Request, version: number): boolean {
  if (version >= intendedBrokerVersion && (request.clusterId === null) !== (request.nodeId === -1))
    return false;
  if (version < softwareVersion) return true;
  return (
    softwarePattern.test(request.clientSoftwareName) && softwarePattern.test(request.clientSoftwareVersion)
  );
}

/** The client was led here by an address that belonged to another broker. */
function isForAnother(request: Request, version: number, cluster: ClusterState): boolean {
  if (version < intendedBrokerVersion || request.clusterId === null) return false;
  return request.clusterId !== cluster.clusterId || request.nodeId !== cluster.nodeId;
}

function refusal(errorCode: number) {
  return { errorCode, apiKeys: [], throttleTimeMs: 0 };
}
