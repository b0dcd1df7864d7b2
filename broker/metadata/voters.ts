import type { ClusterMachine } from './cluster-machine.ts';
import type { Voters } from './snapshot-file.ts';

/**
 * Who votes, as kraft.version 1 writes it down (KIP-853): here always this node alone, whoever did before. An Apache Kafka that has the
 * directory next elects itself then, and others may join it. Where it listens it says again by itself.
 */
export function onlyVoter(
  { nodeId, directoryId }: Pick<ClusterMachine, 'nodeId' | 'directoryId'>,
  found: Voters | null,
  endpoints: readonly { readonly name: string; readonly host: string; readonly port: number }[],
): Voters {
  const before = found?.find((voter) => voter.voterId === nodeId);
  const [{ host } = { host: 'localhost' }] = endpoints;
  const controller = endpoints.find(({ name }) => name === controllerName);
  return [
    {
      voterId: nodeId,
      voterDirectoryId: directoryId,
      endpoints: before?.endpoints ?? [
        { name: controllerName, host, port: controller?.port ?? controllerPort },
      ],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
    },
  ];
}

export const controllerName = 'CONTROLLER';
/** The one that Kafka's own examples give it. */
export const controllerPort = 9093;

export function isOnlyVoter(
  { nodeId, directoryId }: Pick<ClusterMachine, 'nodeId' | 'directoryId'>,
  voters: Voters | null,
): boolean {
  return voters?.length === 1 && voters[0]!.voterId === nodeId && voters[0]!.voterDirectoryId === directoryId;
}
