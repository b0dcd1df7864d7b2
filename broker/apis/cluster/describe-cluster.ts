import { errors } from '../../../protocol/errors.ts';
import { describeCluster } from '../../../protocol/messages/cluster/describe-cluster.ts';
import { allOperations, notAsked } from '../authorized-operations.ts';
import { defineHandler } from '../handler.ts';

/** What a client may ask the endpoints of; this process speaks as a broker only. */
const endpointType = { brokers: 1, controllers: 2 } as const;

/** The one node, and who the cluster is (KIP-700, KIP-919). */
export const describeClusterHandler = defineHandler(describeCluster, {
  versions: '0-2',
  handle({ cluster, advertised, settings }, request, caller) {
    if (request.endpointType !== endpointType.brokers) {
      const isKnown = request.endpointType === endpointType.controllers;
      return {
        ...refusal(isKnown ? errors.mismatchedEndpointType.code : errors.unsupportedEndpointType.code, null),
        errorMessage: isKnown
          ? 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER'
          : `Unsupported endpoint type ${request.endpointType}`,
      };
    }
    const { host, port } = advertised.endpointFor(caller);
    return {
      throttleTimeMs: 0,
      errorCode: errors.none.code,
      errorMessage: null,
      endpointType: endpointType.brokers,
      clusterId: cluster.clusterId,
      controllerId: cluster.nodeId,
      brokers: [{ brokerId: cluster.nodeId, host, port, rack: settings['broker.rack'], isFenced: false }],
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? allOperations.cluster
        : notAsked,
    };
  },
  refuse: (_request, errorCode, message) => refusal(errorCode, message),
});

function refusal(errorCode: number, errorMessage: string | null) {
  return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: '', controllerId: -1, brokers: [] };
}
