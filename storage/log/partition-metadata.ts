/**
 * Whose directory this is: `partition.metadata`, written once, before the first records. Without it Apache Kafka takes the
 * partition for a stray and renames it away.
 *
 *    version: 0
 *    topic_id: <22 characters>        no line end behind it
 */
const version = 0;

/** The text of the file. */
export function partitionMetadataText(topicId: string): string {
  return `version: ${version}\ntopic_id: ${topicId}`;
}

/** The topic id in the file; null when it is damaged. */
export function parsePartitionMetadata(text: string): string | null {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const topicId = fields.get('topic_id') ?? '';
  return fields.get('version') === String(version) && /^[A-Za-z0-9_-]{22}$/.test(topicId) ? topicId : null;
}
