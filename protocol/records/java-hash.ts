/**
 * Java's String.hashCode, by which Kafka assigns a group, a transactional id or a share partition to a partition of the
 * internal topic that keeps its state. Whoever reads a directory of Apache Kafka must look in the same place.
 */

/** Over UTF-16 units, as a signed 32-bit integer. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The partition of `__consumer_offsets` for a group, of `__transaction_state` for a transactional id. */
export function coordinatorPartition(id: string, partitionCount: number): number {
  const hash = javaStringHash(id);
  // Kafka's absolute value of -2^31 is 0, unlike that of the language.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitionCount;
}

/** The key under which `__share_group_state` keeps a share partition; its coordinator partition follows from it. */
export function sharePartitionKey(groupId: string, topicId: string, partition: number): string {
  return `${groupId}:${topicId}:${partition}`;
}

/** Java's hash of a UUID's 16 bytes: its four words, one over the other. */
export function javaUuidHash(bytes: Buffer): number {
  return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
}
