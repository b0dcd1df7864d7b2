/** What whoever graduates types next: Apache Kafka's own commands, with what is known filled in. */
import { join } from 'node:path';
import type { CheckedDirectory, ServerProperties } from '../broker/moving.ts';
import { partitionDirectoryName } from '../storage/directory/partition-directories.ts';

export function growingText(
  { clusterId, nodeId, directoryId, state }: CheckedDirectory,
  directory: string,
  { bootstrapServers, controller }: ServerProperties,
): string {
  const [second, third] = [nodeId + 1, nodeId + 2];
  const topics = [...state.topics()];
  const example = topics[0] === undefined ? 'TOPIC-0' : partitionDirectoryName(topics[0].name, 0);
  return `Start Apache Kafka on it, in the folder where Kafka is unpacked:

  bin/kafka-server-start.sh '${join(directory, 'server.properties')}'

Grow to three brokers. Give nodes ${second} and ${third} a server.properties each: as this one, with their own node.id, listeners,
advertised.listeners and log.dirs, the same controller.quorum.bootstrap.servers, hosts that all of them can reach. On each of the two:

  bin/kafka-storage.sh format --cluster-id ${clusterId} --no-initial-controllers --config server-N.properties
  bin/kafka-server-start.sh server-N.properties
  bin/kafka-metadata-quorum.sh --command-config server-N.properties --bootstrap-server ${bootstrapServers} add-controller

Then every partition (${example}, …) gets three replicas, internal topics too:

  bin/kafka-reassign-partitions.sh --bootstrap-server ${bootstrapServers} --reassignment-json-file replicas.json --execute
      replicas.json: {"version":1,"partitions":[{"topic":"T","partition":0,"replicas":[${nodeId},${second},${third}]},…]}

Node ${nodeId} may go afterwards: reassign its replicas, then remove it as a voter and stop it:

  bin/kafka-metadata-quorum.sh --bootstrap-server ${bootstrapServers} remove-controller \\
      --controller-id ${nodeId} --controller-directory-id ${directoryId}

The controller listens on ${controller.host}:${controller.port}. docs/when-you-outgrow-it.md tells the rest.
`;
}
