/**
 * What `kafka-reassign-partitions --reassignment-json-file` reads: the replicas that every partition of a directory is to have.
 *
 *    {"version":1,"comment":"…","partitions":[{"topic":"orders","partition":0,"replicas":[1,2,3]},…]}
 */
import type { ClusterMachine } from '../metadata/cluster-machine.ts';

/** Begins each file that we have written, and may write again; Kafka does not look at other fields. */
export const reassignmentMark = '{"version":1,"comment":"Written by `kompakt graduate`"';

export interface Reassignment {
  readonly fileName: string;
  readonly text: string;
}

/** All partitions that are here on these nodes, each led by another one in turn: the first replica is the preferred leader. */
export function replicasOn(
  state: Pick<ClusterMachine, 'topics' | 'nodeId'>,
  nodeIds: readonly number[],
): Reassignment {
  const partitions: string[] = [];
  for (const { name: topic, partitions: all } of state.topics())
    for (const each of all) {
      // Of a cluster of which this was a part: nobody has its records, so it cannot be copied.
      if (!each?.replicas.includes(state.nodeId)) continue;
      const from = partitions.length % nodeIds.length;
      const replicas = [...nodeIds.slice(from), ...nodeIds.slice(0, from)];
      partitions.push(JSON.stringify({ topic, partition: each.index, replicas }));
    }
  const text = `${reassignmentMark},"partitions":[\n${partitions.join(',\n')}\n]}\n`;
  return { fileName: `replicas-${nodeIds.join('-')}.json`, text };
}
