/**
 * Directories that move between us and Apache Kafka, for the command line: looked at under their lock, made ready, taken over. The rooms
 * behind are those of graduation/.
 */
import { codecIds, ensureCodec } from '../protocol/records/compression.ts';
import { lockFile } from '../storage/directory/ownership.ts';
import type { Environment } from '../storage/environment/environment.ts';
import { ConfigRules } from './config/rules.ts';
import type { Configuration } from './config/settings.ts';
import { type CheckedDirectory, checkDirectory } from './graduation/check-directory.ts';
import { startErrorOf, takeDirectory } from './open-directory.ts';
import { StartError } from './start-error.ts';
import { UndoList } from './undo-list.ts';

export { type Adoption, adoptionOf } from './graduation/adoption.ts';
export { prepareForKafka } from './graduation/graduate.ts';
export { type Reassignment, reassignmentMark, replicasOn } from './graduation/reassignment.ts';
export {
  type JoiningAddress,
  type KafkaNode,
  type KafkaNodesOptions,
  kafkaNodesFor,
  serverPropertiesMark,
} from './graduation/server-properties.ts';
export type { CheckedDirectory };

export interface LookOptions {
  readonly environment: Environment;
  readonly configuration: Configuration;
  /** Absolute. */
  readonly directory: string;
  readonly processId: number;
  /** Another cluster's is refused. */
  readonly clusterId?: string | undefined;
}

/**
 * What `use` makes of a directory that is looked at from end to end, while nobody else can have it; of the lock nothing stays that was not
 * there. Throws a StartError when somebody has it, or it cannot be read.
 */
export async function lookAtDirectory<Result>(
  { environment, configuration, directory, processId, clusterId }: LookOptions,
  use: (checked: CheckedDirectory) => Result,
): Promise<Result> {
  const { files } = environment;
  if (files.statSync(directory) === null) throw new StartError(`there is no ${directory}`);
  const lockPath = files.join(directory, lockFile);
  const hadLock = files.statSync(lockPath) !== null;
  const undo = new UndoList();
  try {
    takeDirectory(environment, directory, processId, undo);
    const rules = new ConfigRules(configuration);
    await ensureCodec(codecIds.zstd);
    return use(checkDirectory({ environment, directory, rules, clusterId }));
  } catch (error) {
    throw startErrorOf(error);
  } finally {
    await undo.run();
    if (!hadLock) files.removeFileSync(lockPath);
  }
}
