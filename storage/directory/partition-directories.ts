/**
 * The names of the directories in a data directory. Apache Kafka does not start beside any other directory.
 *
 *     orders-3                                          partition 3 of orders
 *     orders-3.0f8c4f6e2b6d4b6f9f6e1d2c3b4a5968-delete  its topic was deleted; goes after file.delete.delay.ms
 *     orders-3.<32 hex>-stray                           not known to the metadata; kept until someone looks at it
 *     orders-3.<32 hex>-future                          Kafka is moving it between disks; never ours
 *
 * In -delete and -stray names the topic is cut where the name would be longer than 255 letters.
 */
export type PartitionDirectoryKind = 'partition' | 'delete' | 'stray' | 'future';

export interface PartitionDirectory {
  readonly kind: PartitionDirectoryKind;
  /** Of 'delete' and 'stray' possibly only its beginning. */
  readonly topic: string;
  readonly partition: number;
}

const nameLengthMax = 255;

export function partitionDirectoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** A new name for the directory of a partition that goes ('delete') or that nobody knows ('stray'). */
export function sidelinedDirectoryName(
  kind: 'delete' | 'stray',
  topic: string,
  partition: number,
  randomBytes: (count: number) => Buffer,
): string {
  const suffix = `-${partition}.${randomBytes(16).toString('hex')}-${kind}`;
  return topic.slice(0, nameLengthMax - suffix.length) + suffix;
}

/** null for a name that Apache Kafka would not accept either. */
export function parsePartitionDirectory(name: string): PartitionDirectory | null {
  const sidelined = /-(delete|stray|future)$/.exec(name);
  const kind = (sidelined?.[1] ?? 'partition') as PartitionDirectoryKind;
  if (sidelined !== null && !/^\S+-\S+\.\S+-\w+$/.test(name)) return null;
  const plain = sidelined === null ? name : name.slice(0, name.lastIndexOf('.'));
  const dash = plain.lastIndexOf('-');
  const topic = plain.slice(0, Math.max(dash, 0));
  const digits = plain.slice(dash + 1);
  const partition = Number(digits);
  if (topic === '' || !/^\d+$/.test(digits) || partition >= 2 ** 31) return null;
  return { kind, topic, partition };
}

/** A partition's directory, as it was found. */
export interface FoundPartition {
  readonly topic: string;
  readonly partition: number;
  /** null: partition.metadata is missing or damaged. */
  readonly topicId: string | null;
}
