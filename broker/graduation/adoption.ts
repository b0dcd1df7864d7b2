/**
 * What of a directory of Apache Kafka is not as it was once we have it: told before it is opened, so that nobody finds it out later.
 *
 *    refusals    it cannot be served as it is, each with what to do instead
 *    lost        kept in the directory, without effect here
 */
import { configResourceTypes } from '../metadata/cluster-state.ts';
import { metadataVersionFeature } from '../metadata/features.ts';
import type { CheckedDirectory } from './check-directory.ts';
import { some } from './some.ts';

export interface Adoption {
  /** `Apache Kafka, metadata.version 30, …` in short sentences. */
  readonly found: readonly string[];
  readonly refusals: readonly string[];
  readonly lost: readonly string[];
}

export function adoptionOf(checked: CheckedDirectory): Adoption {
  return { found: foundIn(checked), refusals: refusalsOf(checked), lost: lostIn(checked) };
}

function foundIn({ state, partitions, nodeId, clusterId, metadata }: CheckedDirectory): string[] {
  const level = state.metadataVersion ?? metadata.bootstrap?.metadataVersion;
  const batches = partitions.reduce((sum, each) => sum + each.batches, 0);
  const segments = partitions.reduce((sum, each) => sum + each.segments, 0);
  return [
    `cluster ${clusterId}, node ${nodeId}, ${metadataVersionFeature} ${level}, which stays`,
    `${count(state.topicCount, 'topic')}, ${count(partitions.length, 'partition')} on the disk, ${count(segments, 'segment')}, ${count(batches, 'batch', 'batches')} looked at`,
  ];
}

function refusalsOf({ state, directory }: CheckedDirectory): string[] {
  const refusals: string[] = [];
  const logDirs = state.registrations.get(state.nodeId)?.logDirs ?? [];
  if (logDirs.length > 1)
    refusals.push(
      `${directory} is one of ${logDirs.length} log.dirs of its broker (JBOD), and this version has one: move all replicas into one with kafka-reassign-partitions --reassignment-json-file first`,
    );
  const tiered = [...state.configuredResources(configResourceTypes.topic)].filter(
    (name) => state.configs(configResourceTypes.topic, name).get('remote.storage.enable') === 'true',
  );
  if (tiered.length > 0)
    refusals.push(
      `${some(tiered)}: a part of their records is in remote storage (remote.storage.enable), where this version cannot read them`,
    );
  return refusals;
}

function lostIn(checked: CheckedDirectory): string[] {
  const { state, partitions } = checked;
  const lost: string[] = [];
  lost.push(...otherNodes(checked));
  for (const [kind, what] of unserved) {
    const number = state.kept.counts.get(kind) ?? 0;
    if (number > 0) lost.push(`${number} ${what}`);
  }
  for (const [name, level] of state.recordedFeatures) {
    const served = state.features.levels.get(name) ?? 0;
    if (served < level && name !== metadataVersionFeature)
      lost.push(`${name} is at level ${level}, served here at ${served}; the directory keeps its level`);
  }
  const resources = [...state.configuredResources(configResourceTypes.clientMetrics)];
  if (resources.length > 0)
    lost.push(`${count(resources.length, 'client metrics subscription')}: kept, not served`);
  const old = partitions.filter(({ oldBatches }) => oldBatches > 0);
  if (old.length > 0)
    lost.push(
      `${some(old.map(({ topic, partition }) => `${topic}-${partition}`))}: records in the message format before Kafka 0.11 are served as they are`,
    );
  return lost;
}

const unserved = [
  ['accessControlEntryRecord', 'ACLs: kept, not enforced (--ignore-acls is needed)'],
  ['userScramCredentialRecord', 'SCRAM credentials: kept, not asked for (--ignore-acls is needed)'],
  ['clientQuotaRecord', 'client quotas: kept, not enforced'],
  ['delegationTokenRecord', 'delegation tokens: kept, not served'],
] as const;

/** One broker of several has a part of the cluster. */
function otherNodes({ state, metadata }: CheckedDirectory): string[] {
  const { nodeId } = state;
  const lost: string[] = [];
  const elsewhere: string[] = [];
  const shared: string[] = [];
  const behind: string[] = [];
  for (const { name, partitions } of state.topics())
    for (const partition of partitions) {
      if (partition === undefined) continue;
      const label = `${name}-${partition.index}`;
      if (!partition.replicas.includes(nodeId)) elsewhere.push(label);
      else if (partition.replicas.length > 1) {
        shared.push(label);
        if (!partition.isr.includes(nodeId) && partition.isr.length > 0) behind.push(label);
      }
    }
  if (elsewhere.length > 0)
    lost.push(`${some(elsewhere)}: no replica in this directory, so nobody leads ${them(elsewhere)} here`);
  if (shared.length > 0)
    lost.push(`${some(shared)}: replicas on other brokers are given up, this node has the only one`);
  if (behind.length > 0)
    lost.push(
      `${some(behind)}: the replica here was not in sync, so the newest records may be on another broker only`,
    );
  const voters = (metadata.read.voters ?? []).filter(({ voterId }) => voterId !== nodeId);
  if (voters.length > 0)
    lost.push(
      `the controllers ${voters.map(({ voterId }) => voterId).join(', ')} vote no more: this node is the only one; never start the others with this copy's cluster again`,
    );
  return lost;
}

function them({ length }: readonly unknown[]): string {
  return length === 1 ? 'it' : 'them';
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
