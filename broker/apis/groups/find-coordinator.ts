import { errorOf, errors } from '../../../protocol/errors.ts';
import { findCoordinator } from '../../../protocol/messages/groups/find-coordinator.ts';
import type { Services } from '../../services.ts';
import { answerEach } from '../answer-each.ts';
import { type Caller, defineHandler } from '../handler.ts';

const keyTypes = { group: 0, transaction: 1, share: 2 } as const;
/** From this version on several keys are asked for at once (KIP-699), and from `shareVersion` on share coordinators (KIP-932). */
const batchVersion = 4;
const shareVersion = 6;

/** Every coordinator is here; asking for one makes its internal topic on first need. */
export const findCoordinatorHandler = defineHandler(findCoordinator, {
  versions: '0-6',
  async handle(services, request, caller) {
    const keys = caller.apiVersion >= batchVersion ? request.coordinatorKeys : [request.key];
    const coordinators = await answerEach(services.environment.clock, keys, (key) =>
      coordinatorOf(services, request.keyType, key, caller),
    );
    if (caller.apiVersion >= batchVersion) return { throttleTimeMs: 0, coordinators };
    const { errorCode, errorMessage, nodeId, host, port } = coordinators[0]!;
    return {
      throttleTimeMs: 0,
      errorCode,
      errorMessage: errorMessage || meaning(errorCode),
      nodeId,
      host,
      port,
    };
  },
  refuse(request, errorCode, errorMessage, apiVersion) {
    if (apiVersion >= batchVersion) {
      const coordinators = request.coordinatorKeys.map((key) => noCoordinator(key, errorCode, errorMessage));
      return { throttleTimeMs: 0, coordinators };
    }
    return {
      throttleTimeMs: 0,
      errorCode,
      errorMessage: errorMessage ?? meaning(errorCode),
      nodeId: -1,
      host: '',
      port: -1,
    };
  },
});

/** Before v4 Kafka says what the code means, also where nothing is wrong. */
function meaning(errorCode: number): string {
  return errorCode === errors.none.code ? errors.none.name : errorOf(errorCode).message;
}

async function coordinatorOf(
  { groups, transactions, cluster, advertised }: Services,
  keyType: number,
  key: string,
  caller: Caller,
) {
  const isUnknownType =
    keyType !== keyTypes.group && keyType !== keyTypes.transaction && keyType !== keyTypes.share;
  if (isUnknownType) {
    return noCoordinator(key, errors.invalidRequest.code, errors.invalidRequest.message);
  }
  if (keyType === keyTypes.share && caller.apiVersion < shareVersion) {
    return noCoordinator(key, errors.invalidRequest.code);
  }
  if (keyType === keyTypes.share)
    return noCoordinator(key, errors.unsupportedVersion.code, 'This broker does not serve share groups yet');
  if (keyType === keyTypes.group) groups.clientAsks(key, caller);
  const coordinator = keyType === keyTypes.group ? groups : transactions;
  const errorCode = await coordinator.coordinatorError(key);
  if (errorCode !== errors.none.code) return noCoordinator(key, errorCode);
  const { host, port } = advertised.endpointFor(caller);
  return { key, nodeId: cluster.nodeId, host, port, errorCode, errorMessage: '' };
}

function noCoordinator(key: string, errorCode: number, errorMessage: string | null = '') {
  return { key, nodeId: -1, host: '', port: -1, errorCode, errorMessage };
}
