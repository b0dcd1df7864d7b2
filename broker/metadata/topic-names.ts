/** Names that mean something to the broker itself. */
export const consumerOffsetsTopic = '__consumer_offsets';
export const transactionStateTopic = '__transaction_state';
export const shareGroupStateTopic = '__share_group_state';
export const clusterMetadataTopic = '__cluster_metadata';

const internalTopics: ReadonlySet<string> = new Set([
  consumerOffsetsTopic,
  transactionStateTopic,
  shareGroupStateTopic,
]);

/** Kafka's own topics, which clients may read but not write. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name);
}

const legalName = /^[a-zA-Z0-9._-]+$/;
const maxNameLength = 249;

/** Null for a legal topic name, else what is wrong with it. The length leaves room for '-partition' and a '-delete' suffix in file names. */
export function topicNameProblem(name: string): string | null {
  if (name.length === 0) return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > maxNameLength)
    return `the length of '${name}' is longer than the max allowed length ${maxNameLength}`;
  if (!legalName.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/** True when two different names would be one in metric names, where '.' and '_' are the same. */
export function namesCollide(a: string, b: string): boolean {
  return a.replaceAll('.', '_') === b.replaceAll('.', '_');
}
