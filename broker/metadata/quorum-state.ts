/**
 * `__cluster_metadata-0/quorum-state`: what a Raft voter must remember of its last election, one line of JSON.
 *
 *    data_version 0 (kraft.version 0)   {"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,
 *                                        "currentVoters":[{"voterId":1}],"data_version":0}
 *    data_version 1 (kraft.version 1)   {"leaderId":1,"leaderEpoch":2,"votedId":-1,"votedDirectoryId":"AAA…","data_version":1}
 *
 * It is written before the first batch of an epoch, so an epoch is never led twice. A missing file is epoch 0.
 */
import { zeroUuid } from '../../protocol/schema/field.ts';
import type { FileSystem } from '../../storage/environment/files.ts';
import { MetadataRefused } from './refusals.ts';

const fileName = 'quorum-state';

/** The epoch of the last election this directory knows of. */
export function readQuorumEpoch(files: FileSystem, directory: string): number {
  const path = files.join(directory, fileName);
  if (files.statSync(path) === null) return 0;
  let epoch: unknown;
  try {
    epoch = (JSON.parse(files.readFileSync(path).toString('utf8')) as { leaderEpoch?: unknown }).leaderEpoch;
  } catch (error) {
    throw new MetadataRefused('metadata-damaged', `${path} is damaged`, { cause: error });
  }
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch))
    throw new MetadataRefused('metadata-damaged', `${path} has no leader epoch`);
  return Math.max(0, epoch);
}

/** Says that `nodeId` leads `epoch`, as the only voter. */
export function writeQuorumState(
  files: FileSystem,
  directory: string,
  state: { readonly nodeId: number; readonly epoch: number; readonly kraftVersion: number },
): void {
  const { nodeId, epoch, kraftVersion } = state;
  const election = { leaderId: nodeId, leaderEpoch: epoch, votedId: -1 };
  const content =
    kraftVersion === 0
      ? {
          clusterId: '',
          ...election,
          appliedOffset: 0,
          currentVoters: [{ voterId: nodeId }],
          data_version: 0,
        }
      : { ...election, votedDirectoryId: zeroUuid, data_version: 1 };
  files.replaceFileSync(files.join(directory, fileName), Buffer.from(JSON.stringify(content)));
}
