/** What whoever graduates types next: Apache Kafka's own commands, with what is known filled in. */
import { join } from 'node:path';
import type { CheckedDirectory, KafkaNode, Reassignment } from '../broker/moving.ts';

export interface GrowingOptions {
  readonly checked: Pick<CheckedDirectory, 'clusterId' | 'nodeId' | 'directoryId'>;
  /** Where the files lie. */
  readonly directory: string;
  readonly nodes: readonly [KafkaNode, ...KafkaNode[]];
  readonly onAll: Reassignment;
  readonly withoutFirst: Reassignment;
}

/** Each command is a line that begins with `  bin/`, and can be given as it stands. */
export function growingText({ checked, directory, nodes, onAll, withoutFirst }: GrowingOptions): string {
  const { clusterId, nodeId, directoryId } = checked;
  const [{ bootstrapServers, controller }, ...others] = nodes;
  const path = ({ fileName }: { readonly fileName: string }) => quoted(join(directory, fileName));
  const left = others[0]!.bootstrapServers;
  const ids = others.map((other) => other.nodeId).join(' and ');
  return `Start Apache Kafka on it, in the folder where Kafka is unpacked:

  bin/kafka-server-start.sh ${path(nodes[0])}

Grow to three brokers, whenever you like. Nodes ${ids} have their configurations beside it already, at
${others.map((other) => other.bootstrapServers).join(' and ')}; take each to its machine, look at its listeners and log.dirs, and start it there:
${others.map((other) => joiningText(other, path(other), clusterId, bootstrapServers)).join('')}
Then every partition gets three replicas, internal topics too; those that Kafka has made since are not in the file yet:

  bin/kafka-reassign-partitions.sh --bootstrap-server ${bootstrapServers} --reassignment-json-file ${path(onAll)} --execute
  bin/kafka-reassign-partitions.sh --bootstrap-server ${bootstrapServers} --reassignment-json-file ${path(onAll)} --verify

Node ${nodeId} may go when --verify has no reassignment left in progress. It leaves the quorum:

  bin/kafka-metadata-quorum.sh --bootstrap-server ${left} remove-controller --controller-id ${nodeId} --controller-directory-id ${directoryId}

Stop it, then let the others have its replicas' places and forget it:

  bin/kafka-reassign-partitions.sh --bootstrap-server ${left} --reassignment-json-file ${path(withoutFirst)} --execute
  bin/kafka-cluster.sh unregister --bootstrap-server ${left} --id ${nodeId}

The controller listens on ${controller.host}:${controller.port}. docs/when-you-outgrow-it.md tells the rest.
`;
}

function joiningText(
  { nodeId }: KafkaNode,
  path: string,
  clusterId: string,
  bootstrapServers: string,
): string {
  return `
  bin/kafka-storage.sh format --cluster-id ${clusterId} --no-initial-controllers --config ${path}
  bin/kafka-server-start.sh ${path}
  bin/kafka-metadata-quorum.sh --command-config ${path} --bootstrap-server ${bootstrapServers} add-controller    # when node ${nodeId} runs
`;
}

/** One word of a shell. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
