import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Partitions } from './partitions.ts';

/** A partition whose next append must be in a new leader epoch. */
export interface EpochToRaise {
  readonly topic: string;
  readonly partition: number;
  readonly atLeast: number;
}

/**
 * After an unclean stop a log may have lost its tail, and what is appended now stands where other records stood: a new epoch tells
 * consumers so (KIP-320). The same goes for a log whose epoch is ahead of the metadata, as a restored directory has it.
 */
export function epochsToRaise(
  cluster: ClusterState,
  partitions: Partitions,
  wasClean: boolean,
): EpochToRaise[] {
  const found: EpochToRaise[] = [];
  for (const { topic, index, log, leaderEpoch } of partitions.all()) {
    if (!log.isOnDisk) continue;
    const known = cluster.topic(topic)?.partitions[index]?.leaderEpoch ?? leaderEpoch;
    if (!wasClean || log.leaderEpoch > known)
      found.push({ topic, partition: index, atLeast: log.leaderEpoch + 1 });
  }
  return found;
}
