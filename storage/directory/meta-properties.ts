/**
 * Whose data directory this is: `meta.properties`, written once, before anything else (formats: Java properties text).
 *
 *     version=1
 *     cluster.id=673u-z6oT82gktlfYSur-w     any text; ours is a UUID
 *     node.id=1
 *     directory.id=jUVpEpoZO6hicvnMfGaeOQ   Kafka before 3.7 has none: one is made and the file written again
 *
 * Version 0 is from ZooKeeper's time: `broker.id` instead of `node.id`. It stays what it is.
 */
import { isReservedUuid, randomUuid, uuidBytes } from '../../protocol/uuid.ts';
import type { FileSystem } from '../environment/files.ts';
import { formatProperties, parseProperties } from './java-properties.ts';

export const metaPropertiesFile = 'meta.properties';

export interface MetaProperties {
  readonly version: 0 | 1;
  readonly clusterId: string;
  readonly nodeId: number;
  /** null only in a file that lacks it. */
  readonly directoryId: string | null;
}

/** What is wrong with the file, as the end of a sentence that begins with its path. */
export interface MetaProblem {
  readonly problem: string;
}

export interface WantedIdentity {
  readonly nodeId: number;
  /** For a new directory; one is made when it is left out. Another than the one found is refused. */
  readonly clusterId?: string | undefined;
  readonly nowMs: number;
  readonly randomBytes: (count: number) => Buffer;
}

export function parseMetaProperties(text: string): MetaProperties | MetaProblem {
  let found: Map<string, string>;
  try {
    found = parseProperties(text);
  } catch (error) {
    return { problem: `cannot be read: ${(error as Error).message}` };
  }
  const version = (found.get('version') ?? '0').trim();
  if (version !== '0' && version !== '1') return { problem: `has the unknown version ${version}` };
  const idKey = version === '0' ? 'broker.id' : 'node.id';
  const nodeId = found.get(idKey);
  if (nodeId === undefined) return { problem: `has no ${idKey}` };
  if (!/^[+-]?\d+$/.test(nodeId) || Math.abs(Number(nodeId)) >= 2 ** 31) {
    return { problem: `has the ${idKey} ${nodeId}, which is not a number` };
  }
  const clusterId = found.get('cluster.id');
  if (clusterId === undefined) return { problem: 'has no cluster.id' };
  const directoryId = found.get('directory.id') ?? null;
  if (directoryId !== null && (uuidBytes(directoryId) === null || isReservedUuid(directoryId))) {
    return { problem: `has the directory.id ${directoryId}, which cannot be one` };
  }
  return { version: version === '0' ? 0 : 1, clusterId, nodeId: Number(nodeId), directoryId };
}

export function formatMetaProperties(properties: MetaProperties, nowMs: number): string {
  const { version, clusterId, nodeId, directoryId } = properties;
  const lines: [string, string][] = [[version === 0 ? 'broker.id' : 'node.id', String(nodeId)]];
  if (directoryId !== null) lines.push(['directory.id', directoryId]);
  lines.push(['version', String(version)], ['cluster.id', clusterId]);
  return formatProperties(lines, nowMs);
}

/** null when the directory has none. */
export function readMetaProperties(
  files: FileSystem,
  directory: string,
): MetaProperties | MetaProblem | null {
  const path = files.join(directory, metaPropertiesFile);
  if (files.statSync(path) === null) return null;
  return parseMetaProperties(files.readFileSync(path).toString('latin1'));
}

export function writeMetaProperties(
  files: FileSystem,
  directory: string,
  properties: MetaProperties,
  nowMs: number,
): void {
  const text = formatMetaProperties(properties, nowMs);
  files.replaceFileSync(files.join(directory, metaPropertiesFile), Buffer.from(text, 'latin1'));
}

/**
 * Gives a directory its identity: writes a new one, completes one without directory id, or checks that the one found is
 * the one wanted. The directory is owned by the caller (ownership.ts).
 */
export function identify(
  files: FileSystem,
  directory: string,
  wanted: WantedIdentity,
): (MetaProperties & { readonly directoryId: string }) | MetaProblem {
  const found = readMetaProperties(files, directory);
  if (found !== null && 'problem' in found) return found;
  if (found !== null && found.nodeId !== wanted.nodeId) {
    return { problem: `belongs to node ${found.nodeId}; this is node ${wanted.nodeId} (node.id)` };
  }
  if (found !== null && wanted.clusterId !== undefined && found.clusterId !== wanted.clusterId) {
    return { problem: `belongs to cluster ${found.clusterId}; this is cluster ${wanted.clusterId}` };
  }
  if (found !== null && found.directoryId !== null) return { ...found, directoryId: found.directoryId };
  const complete = {
    version: found?.version ?? (1 as const),
    clusterId: found?.clusterId ?? wanted.clusterId ?? randomUuid(wanted.randomBytes),
    nodeId: wanted.nodeId,
    directoryId: randomUuid(wanted.randomBytes),
  };
  writeMetaProperties(files, directory, complete, wanted.nowMs);
  return complete;
}
