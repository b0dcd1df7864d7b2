import {
  consumerProtocolAssignment,
  decodeConsumerBlob,
} from '../../protocol/messages/client/consumer-protocol.ts';
import { BrokenFrame } from '../../protocol/wire/reader.ts';
import type { FetchedPartitionName } from '../apis/handler.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { ClassicGroup } from './classic-group.ts';

/**
 * Tells the partitions that a member is assigned, read from what its leader gave it (consumer protocol). Null where it has none, the
 * group is none of consumers, or the bytes are not to be read.
 */
export function assignedTo(
  group: ClassicGroup | undefined,
  memberId: string,
  cluster: Pick<ClusterState, 'topicById'>,
): ((partition: FetchedPartitionName) => boolean) | null {
  const blob = group?.isConsumerProtocol === true ? group.members.get(memberId)?.assignment : undefined;
  if (blob === undefined || blob.length === 0) return null;
  const partitions = new Map<string, Set<number>>();
  for (const { topic, partition } of assignedPartitions(blob)) {
    const own = partitions.get(topic);
    if (own === undefined) partitions.set(topic, new Set([partition]));
    else own.add(partition);
  }
  if (partitions.size === 0) return null;
  return ({ topic, topicId, partition }) => {
    const name = topic === '' ? cluster.topicById(topicId)?.name : topic;
    return name !== undefined && partitions.get(name)?.has(partition) === true;
  };
}

/** What a leader gave a member (consumer protocol); nothing where the bytes are not to be read. */
export function assignedPartitions(blob: Buffer): { readonly topic: string; readonly partition: number }[] {
  if (blob.length === 0) return [];
  try {
    const { assignedPartitions: all } = decodeConsumerBlob(consumerProtocolAssignment, blob);
    return all.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  } catch (error) {
    if (error instanceof BrokenFrame) return [];
    throw error;
  }
}
