import { errors } from '../../protocol/errors.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { controlRecord, controlTypes } from '../../protocol/records/control.ts';
import { leaderChangeMessage } from '../../protocol/records/control-schemas.ts';
import { recordEncoder } from '../../protocol/schema/compile.ts';
import { randomUuid } from '../../protocol/uuid.ts';
import { Writer } from '../../protocol/wire/writer.ts';
import { intMax, KiB } from '../../storage/config/define.ts';
import { defaultTopicSettings, type TopicSettings } from '../../storage/config/topic-settings.ts';
import { identify } from '../../storage/directory/meta-properties.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { Log, type LogDependencies } from '../../storage/log/log.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { Logger } from '../observe/logger.ts';
import { ClusterController } from './cluster-controller.ts';
import type { ClusterMachine } from './cluster-machine.ts';
import { type DecideContext, maxRecordsPerRequest } from './decide.ts';
import type { KraftLog } from './kraft-reader.ts';
import { MetadataJournal, MetadataWriteError } from './metadata-journal.ts';
import { MetadataSnapshots } from './metadata-snapshots.ts';
import { writeQuorumState } from './quorum-state.ts';
import { metadataDirectory, type ReadDirectory, readDirectory } from './read-directory.ts';
import { MetadataRefused } from './refusals.ts';
import { type Voters, votersControl } from './snapshot-file.ts';
import { claimRecords, type Endpoint, startRecords } from './start-records.ts';
import { controlledShutdownRecords, stopRecord } from './stop-records.ts';
import { clusterMetadataTopic } from './topic-names.ts';
import { isOnlyVoter, onlyVoter } from './voters.ts';

/**
 * Opens what a data directory knows of its cluster, formatting it if it knows nothing yet, and begins a new epoch in it:
 *
 *    read, changing nothing     newest snapshot, log                        refusals come from here alone
 *    open the log for writing   cuts a torn tail
 *    meta.properties            where it is missing or incomplete
 *    quorum-state               epoch = the greatest one known + 1
 *    LeaderChange │ records     start-records.ts, in one append, synced; with kraft.version 1 and other voters than us, Voters too
 *    PartitionChange …          partitions that have another leader, or none
 *
 * A crash between any two steps leaves a directory that the next start opens the same way, one epoch later.
 */
export async function openCluster(options: OpenClusterOptions): Promise<OpenedCluster> {
  const { environment, settings, logger } = options;
  const found = readDirectory({
    ...options,
    defaultNodeId: settings['node.id'],
    ignoresAccessRules: settings['kompakt.ignore.acls'],
  });
  const { state, read, quorumEpoch } = found;
  if (read.tornBytes > 0)
    logger.warn('The metadata log ends in a torn batch, which is cut off', { bytes: read.tornBytes });
  giveIdentity(options, state);
  state.epoch = Math.max(quorumEpoch, read.lastEpoch) + 1;
  const directory = metadataDirectory(environment, options.directory);
  environment.files.makeDirectorySync(directory);
  for (const { name, problem } of read.tornSnapshots) {
    logger.warn('A snapshot of the metadata is not whole, and not needed: it is removed', { problem });
    environment.files.removeFileSync(environment.files.join(directory, name));
  }
  const log = openMetadataLog(options, directory, read);
  try {
    const { nodeId, epoch } = state;
    writeQuorumState(environment.files, directory, { nodeId, epoch, kraftVersion: read.kraftVersion });
    return await begin(options, found, log);
  } catch (error) {
    await log.close();
    throw error;
  }
}

export interface OpenClusterOptions {
  readonly environment: Environment;
  /** The data directory, one entry of log.dirs; locked by the caller. */
  readonly directory: string;
  /** null: the directory's own, or the default of settings in a new one. */
  readonly nodeId: number | null;
  /** Wanted for a new directory; another one than an existing directory has is refused. Left out: any, or a random one. */
  readonly clusterId?: string;
  readonly settings: BrokerSettings;
  readonly rules: DecideContext['rules'];
  readonly endpoints: readonly Endpoint[];
  readonly logger: Logger;
}

const storageError = errors.kafkaStorageError.code;

/** Where the controller of the next owner listens. */
export type QuorumEndpoint = Pick<Endpoint, 'name' | 'host' | 'port'>;

export interface OpenedCluster {
  readonly state: ClusterMachine;
  readonly controller: ClusterController;
  /** Of __cluster_metadata-0, for those who show or measure it. */
  readonly log: Log;
  /**
   * For Apache Kafka, which has the directory next: gives up the lead of every partition, as its own controlled shutdown does, and writes a
   * snapshot that names this node as the only voter; kraft.version is 1 from then on. Nothing but `close` may follow.
   */
  handOver(endpoint: QuorumEndpoint): Promise<void>;
  /** Writes that the node has stopped, and closes the log; true when that was clean. */
  close(): Promise<boolean>;
}

/** Writes what begins the epoch. */
async function begin(
  options: OpenClusterOptions,
  { state, bootstrap, read }: ReadDirectory,
  log: Log,
): Promise<OpenedCluster> {
  const { environment, settings, logger, rules, endpoints } = options;
  const { clock, random, files } = environment;
  const newId = () => randomUuid((count) => random.bytes(count));
  const metadataLog = {
    append: (batch: Buffer) =>
      log.append(batch, { origin: 'raft', leaderEpoch: state.epoch, ownsBuffer: true }),
    get endOffset() {
      return log.endOffset;
    },
  };
  let voters = read.kraftVersion === 0 ? null : onlyVoter(state, read.voters, endpoints);
  const snapshots: MetadataSnapshots = new MetadataSnapshots({
    environment,
    directory: metadataDirectory(environment, options.directory),
    state,
    log,
    settings,
    logger,
    voters: () => voters,
    between: (take) => void inTurn(take).catch(() => {}),
    bytesSince: read.bytesSinceSnapshot,
    lastTimestampMs: read.lastTimestampMs,
    lastEndOffset: read.snapshot?.endOffset ?? 0,
  });
  const journal = new MetadataJournal({
    log: metadataLog,
    machine: state,
    clock,
    onWritten: (bytes, timestampMs) => snapshots.written(bytes, timestampMs),
  });
  const inTurn = (then: () => void) =>
    journal.run(() => {
      then();
      return { entries: [], answer: undefined };
    });
  const others = voters === null || isOnlyVoter(state, read.voters) ? null : voters;
  await journal.begin(leaderChange(state, others, clock.nowMs()), (firstOffset) =>
    startRecords(state, {
      firstOffset,
      bootstrap,
      incarnationId: newId(),
      endpoints,
      rack: settings['broker.rack'],
    }),
  );
  await claimPartitions(state, journal, logger);
  const isCaseInsensitive = files.isCaseInsensitive(options.directory);
  const controller = new ClusterController({
    state,
    journal,
    settings,
    rules,
    logger,
    isCaseInsensitive,
    newTopicId: newId,
  });
  return {
    state,
    controller,
    log,
    handOver: async (endpoint) => {
      await runInParts(journal, [...controlledShutdownRecords(state)]);
      await snapshots.settled();
      voters = onlyVoter(state, null, [endpoint]);
      await inTurn(() => snapshots.take());
      await snapshots.settled();
      if (snapshots.lastEndOffset < log.endOffset) throw new MetadataWriteError(storageError, 'no snapshot');
      const { nodeId, epoch } = state;
      writeQuorumState(files, metadataDirectory(environment, options.directory), {
        nodeId,
        epoch,
        kraftVersion: 1,
      });
    },
    close: () => close(state, journal, snapshots, log),
  };
}

/** Writes meta.properties where it is missing, or has no directory id yet. */
function giveIdentity(
  { environment, directory, clusterId }: OpenClusterOptions,
  state: ClusterMachine,
): void {
  const { files, clock, random } = environment;
  files.makeDirectorySync(directory);
  const identity = identify(files, directory, {
    nodeId: state.nodeId,
    ...(clusterId === undefined ? {} : { clusterId }),
    nowMs: clock.nowMs(),
    randomBytes: (count) => random.bytes(count),
  });
  if ('problem' in identity) throw new MetadataRefused('identity', `${directory} ${identity.problem}`);
  state.clusterId = identity.clusterId;
  state.directoryId = identity.directoryId;
}

/** Topic id of the metadata log itself. */
const clusterMetadataTopicId = 'AAAAAAAAAAAAAAAAAAAAAQ';

function openMetadataLog(options: OpenClusterOptions, directory: string, read: KraftLog): Log {
  const dependencies: LogDependencies = {
    environment: options.environment,
    directory,
    topic: clusterMetadataTopic,
    partition: 0,
    topicId: clusterMetadataTopicId,
    settings: metadataLogSettings(options.settings),
    durability: { kind: 'fsync' },
    logger: options.logger,
    producerIdExpirationMs: () => options.settings['producer.id.expiration.ms'],
    // As Kafka does: never taken for clean, every batch is checked at each start.
    recoveryPoint: 0,
    cleanShutdown: false,
    logStartOffset: read.startOffset,
  };
  const log = Log.open(dependencies);
  if (log.endOffset !== read.endOffset)
    throw new MetadataRefused(
      'metadata-damaged',
      `the metadata log was read up to offset ${read.endOffset} but opened at ${log.endOffset}`,
    );
  return log;
}

/** Nothing goes by age or size: what a snapshot makes needless does (metadata-snapshots.ts). */
function metadataLogSettings(settings: BrokerSettings): TopicSettings {
  return {
    ...defaultTopicSettings,
    'cleanup.policy': ['delete'],
    'retention.ms': -1,
    'retention.bytes': -1,
    'segment.bytes': settings['metadata.log.segment.bytes'],
    'segment.ms': settings['metadata.log.segment.ms'],
    // Room for 90 MB of records: the files are made at their full size, and made again at each start.
    'segment.index.bytes': 256 * KiB,
    'max.message.bytes': intMax,
  };
}

/** The control batch that begins an epoch; `voters`: where others have voted before us. Kafka reads it at version 0, whatever kraft.version is. */
function leaderChange(
  { nodeId, epoch: leaderEpoch }: ClusterMachine,
  voters: Voters | null,
  timestampMs: number,
): Buffer {
  const voter = { voterId: nodeId };
  const writer = new Writer();
  recordEncoder(leaderChangeMessage, 0)(writer, {
    version: 0,
    leaderId: nodeId,
    voters: [voter],
    grantingVoters: [voter],
  });
  const change = controlRecord(controlTypes.leaderChange, writer.finishBuffer(), timestampMs);
  const records = voters === null ? [change] : [change, votersControl(voters, timestampMs)];
  return buildBatch({ leaderEpoch, isControl: true, records });
}

async function claimPartitions(
  state: ClusterMachine,
  journal: MetadataJournal,
  logger: Logger,
): Promise<void> {
  const claims = [...claimRecords(state)];
  await runInParts(journal, claims);
  if (claims.length > 0)
    logger.info('Took the lead of partitions that had another leader or none', { partitions: claims.length });
}

async function runInParts(journal: MetadataJournal, all: readonly Buffer[]): Promise<void> {
  for (let at = 0; at < all.length; at += maxRecordsPerRequest) {
    const entries = all.slice(at, at + maxRecordsPerRequest);
    await journal.run(() => ({ entries, answer: undefined }));
  }
}

async function close(
  state: ClusterMachine,
  journal: MetadataJournal,
  snapshots: MetadataSnapshots,
  log: Log,
): Promise<boolean> {
  try {
    await journal.run(() => ({ entries: [stopRecord(state)], answer: undefined }));
  } catch (error) {
    if (!(error instanceof MetadataWriteError)) throw error;
  }
  await journal.close();
  await snapshots.close();
  return log.close();
}
