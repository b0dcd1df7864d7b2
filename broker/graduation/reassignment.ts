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

/** All partitions on these nodes, each led by another one in turn: the first replica is the preferred leader. */
export function replicasOn(state: Pick<ClusterMachine, 'topics'>, nodeIds: readonly number[]): Reassignment {
  const partitions: string[] = [];
  for (const { name: topic, partitions: all } of state.topics())
    for (const each of all) {
      if (each === undefined) continue;
      const from = partitions.length % nodeIds.length;
      const replicas = [...nodeIds.slice(from), ...nodeIds.slice(0, from)];
      partitions.push(JSON.stringify({ topic, partition: each.index, replicas }));
    }
  const text = `${reassignmentMark},"partitions":[\n${partitions.join(',\n')}\n]}\n`;
  return { fileName: `replicas-${nodeIds.join('-')}.json`, text };
}
