import { metaPropertiesFile, readMetaProperties } from '../../storage/directory/meta-properties.ts';
import { parsePartitionDirectory } from '../../storage/directory/partition-directories.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import type { Logger } from '../observe/logger.ts';
import { ClusterMachine } from './cluster-machine.ts';
import { featureProblem, metadataVersionFeature } from './features.ts';
import {
  formatSnapshotName,
  type KraftLog,
  type RecordVisitor,
  readBootstrap,
  readKraftLog,
} from './kraft-reader.ts';
import { readQuorumEpoch } from './quorum-state.ts';
import type { MetadataRecord } from './records/index.ts';
import { MetadataRefused } from './refusals.ts';
import type { Bootstrap } from './start-records.ts';
import { clusterMetadataTopic } from './topic-names.ts';

/** Where Kafka's format leaves its records, before 4.4. */
export const bootstrapFile = 'bootstrap.checkpoint';

/**
 * Reads what a data directory knows of its cluster, without changing a byte, and decides whether it can be opened at all:
 *
 *    meta.properties            another node, another cluster                          → refused
 *    __cluster_metadata-0       damaged, or of a later Kafka                           → refused
 *    format's records           bootstrap.checkpoint, from 4.4 on 0…0-0…0.checkpoint: only where the log has no metadata.version
 *    partition directories      without any metadata                                   → refused
 *    ACLs, SCRAM users          which nobody would enforce                             → refused, unless it is wanted so
 */
export function readDirectory(options: ReadDirectoryOptions): ReadDirectory {
  const { environment, directory } = options;
  const path = metadataDirectory(environment, directory);
  const state = new ClusterMachine(nodeIdOf(options));
  const { read, bootstrap } = readMetadata(options, path, state);
  checkAccessRules(options, state);
  return { state, read, bootstrap, quorumEpoch: readQuorumEpoch(environment.files, path) };
}

/** Whoever has protected a directory must not find it open to everybody. */
function checkAccessRules(
  { directory, ignoresAccessRules, logger }: ReadDirectoryOptions,
  { accessRuleCount }: ClusterMachine,
): void {
  if (accessRuleCount === 0) return;
  const what = `${directory} holds ${accessRuleCount} ACLs and SCRAM credentials, which this version does not enforce`;
  if (!ignoresAccessRules)
    throw new MetadataRefused('access-rules', `${what}; --ignore-acls opens it to everybody all the same`);
  logger.warn(`${what}: whoever reaches it may read and write everything`);
}

/** Where the metadata log lies in a data directory. */
export function metadataDirectory({ files }: Environment, directory: string): string {
  return files.join(directory, `${clusterMetadataTopic}-0`);
}

export interface ReadDirectoryOptions {
  readonly environment: Environment;
  /** The data directory, one entry of log.dirs. */
  readonly directory: string;
  /** null: the directory's own, or `defaultNodeId` in a new one. */
  readonly nodeId: number | null;
  readonly defaultNodeId: number;
  /** Another one than an existing directory has is refused. */
  readonly clusterId?: string | undefined;
  /** Opens a directory with ACLs or SCRAM users although they are not enforced. */
  readonly ignoresAccessRules: boolean;
  readonly logger: Logger;
}

export interface ReadDirectory {
  readonly state: ClusterMachine;
  readonly read: KraftLog;
  readonly bootstrap: Bootstrap | null;
  /** Of the last election. */
  readonly quorumEpoch: number;
}

/** The directory's node id, if that is the one wanted. */
function nodeIdOf(options: ReadDirectoryOptions): number {
  const { directory, nodeId, clusterId, defaultNodeId } = options;
  const path = options.environment.files.join(directory, metaPropertiesFile);
  const found = readMetaProperties(options.environment.files, directory);
  if (found === null) return nodeId ?? defaultNodeId;
  if ('problem' in found) throw new MetadataRefused('identity', `${path} ${found.problem}`);
  if (nodeId !== null && nodeId !== found.nodeId)
    throw new MetadataRefused(
      'identity',
      `${directory} belongs to node ${found.nodeId}, but node.id=${nodeId} is asked for`,
    );
  if (clusterId !== undefined && clusterId !== found.clusterId)
    throw new MetadataRefused(
      'identity',
      `${directory} belongs to cluster ${found.clusterId}, but cluster ${clusterId} is asked for`,
    );
  return found.nodeId;
}

function readMetadata(
  { environment, directory: dataDirectory, logger }: ReadDirectoryOptions,
  directory: string,
  state: ClusterMachine,
): { read: KraftLog; bootstrap: Bootstrap | null } {
  const { files } = environment;
  const read = readKraftLog(files, directory, (record, position) => {
    refuseUnknownFeature(record);
    state.apply(record, position);
  });
  // Nobody listens yet; what was replayed is no news to those who will.
  state.publish();
  state.setKraftVersion(read.kraftVersion, -1);
  for (const [kind, count] of state.kept.counts)
    if (unservedKinds.has(kind))
      logger.warn('The directory holds metadata that is kept but not served', { kind, count });
  if (state.metadataVersion !== undefined) return { read, bootstrap: null };
  refuseOrphans(environment, dataDirectory);
  const bootstraps = [files.join(directory, formatSnapshotName), files.join(dataDirectory, bootstrapFile)];
  const path = bootstraps.find((candidate) => files.statSync(candidate) !== null);
  return { read, bootstrap: path === undefined ? null : readBootstrapRecords(environment, path) };
}

/** Somebody may rely on these; the rest of what is kept matters to no single node. */
const unservedKinds: ReadonlySet<MetadataRecord['kind']> = new Set([
  'accessControlEntryRecord',
  'userScramCredentialRecord',
  'clientQuotaRecord',
  'delegationTokenRecord',
] as const);

const refuseUnknownFeature: (record: Parameters<RecordVisitor>[0]) => void = (record) => {
  if (record.kind !== 'featureLevelRecord') return;
  const problem = featureProblem(record.record.name, record.record.featureLevel);
  if (problem !== null) throw new MetadataRefused('metadata-unknown', `the directory's ${problem}`);
};

function readBootstrapRecords({ files }: Environment, path: string): Bootstrap {
  const values: Buffer[] = [];
  let metadataVersion: number | undefined;
  readBootstrap(files, path, (record, _position, value) => {
    refuseUnknownFeature(record);
    if (record.kind === 'featureLevelRecord' && record.record.name === metadataVersionFeature)
      metadataVersion = record.record.featureLevel;
    values.push(Buffer.from(value));
  });
  if (metadataVersion === undefined)
    throw new MetadataRefused('metadata-damaged', `${path} has no ${metadataVersionFeature}`);
  return { values, metadataVersion };
}

/** Partitions that no metadata knows would be lost to a cluster that begins anew. */
function refuseOrphans({ files }: Environment, dataDirectory: string): void {
  if (files.statSync(dataDirectory) === null) return;
  const orphan = files.listSync(dataDirectory).find((name) => {
    const found = parsePartitionDirectory(name);
    return found?.kind === 'partition' && found.topic !== clusterMetadataTopic;
  });
  if (orphan !== undefined)
    throw new MetadataRefused(
      'metadata-missing',
      `${dataDirectory} holds partitions (${orphan}) but no cluster metadata that knows them`,
    );
}
