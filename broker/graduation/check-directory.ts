/**
 * What a data directory is, every byte of it looked at and none changed: before it moves to Apache Kafka (graduate.ts), or from there
 * to us (adoption.ts). The caller has its lock. What cannot be read at all is thrown as a MetadataRefused; the rest is told:
 *
 *    problems    damage, or what the next owner would not start on: one sentence each, with the file or the thing
 *    notes       what the next start will change, or cannot have
 */

import { cleanShutdownFile } from '../../storage/directory/clean-shutdown.ts';
import { metaPropertiesFile, readMetaProperties } from '../../storage/directory/meta-properties.ts';
import {
  checkpointFiles,
  DamagedCheckpoint,
  OffsetCheckpoint,
} from '../../storage/directory/offset-checkpoint.ts';
import { lockFile } from '../../storage/directory/ownership.ts';
import {
  parsePartitionDirectory,
  partitionDirectoryName,
} from '../../storage/directory/partition-directories.ts';
import type { Environment } from '../../storage/environment/environment.ts';
import { type CheckedLog, checkLog } from '../../storage/log/check-log.ts';
import type { ConfigRules } from '../config/rules.ts';
import type { ClusterMachine } from '../metadata/cluster-machine.ts';
import { configResourceTypes } from '../metadata/cluster-state.ts';
import { bootstrapFile, type ReadDirectory, readDirectory } from '../metadata/read-directory.ts';
import { MetadataRefused } from '../metadata/refusals.ts';
import { clusterMetadataTopic, transactionStateTopic } from '../metadata/topic-names.ts';
import { silentLogger } from '../observe/logger.ts';
import { CheckedTransactions } from './checked-transactions.ts';
import { some } from './some.ts';

export interface CheckDirectoryOptions {
  readonly environment: Environment;
  /** Absolute. */
  readonly directory: string;
  readonly rules: Pick<ConfigRules, 'problem'>;
  /** Refused when it is another's. */
  readonly clusterId?: string | undefined;
}

export interface CheckedPartition extends CheckedLog {
  readonly topic: string;
  readonly partition: number;
}

export interface CheckedDirectory {
  readonly directory: string;
  readonly nodeId: number;
  readonly clusterId: string;
  /** null: the next start gives it one. */
  readonly directoryId: string | null;
  readonly state: ClusterMachine;
  readonly metadata: ReadDirectory;
  readonly wasStoppedClean: boolean;
  /** Those on the disk that are ours by the metadata. */
  readonly partitions: readonly CheckedPartition[];
  /** `ID (PrepareCommit)`: transactions whose end is decided and not yet everywhere. */
  readonly decided: readonly string[];
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

/** The zstd codec has to be loaded. */
export function checkDirectory(options: CheckDirectoryOptions): CheckedDirectory {
  return new DirectoryCheck(options).run();
}

class DirectoryCheck {
  readonly #options: CheckDirectoryOptions;
  readonly #problems: string[] = [];
  readonly #notes: string[] = [];
  readonly #decided: string[] = [];

  constructor(options: CheckDirectoryOptions) {
    this.#options = options;
  }

  run(): CheckedDirectory {
    const { environment, directory, clusterId } = this.#options;
    const { files } = environment;
    const identity = this.#identity();
    const metadata = readDirectory({
      environment,
      directory,
      nodeId: null,
      defaultNodeId: 0,
      clusterId,
      ignoresAccessRules: true,
      logger: silentLogger,
    });
    const { state, read } = metadata;
    if (state.metadataVersion === undefined && (metadata.bootstrap === null || this.#wasInUse()))
      throw new MetadataRefused(
        'metadata-missing',
        `${directory} has no metadata log (${clusterMetadataTopic}-0) that says what is in it`,
      );
    if (read.tornBytes > 0)
      this.#notes.push(
        `the metadata log ends in ${read.tornBytes} bytes of a torn batch, which the next start cuts off`,
      );
    for (const { problem } of read.tornSnapshots) this.#notes.push(`${problem}; the log holds all of it`);
    const wasStoppedClean = files.statSync(files.join(directory, cleanShutdownFile)) !== null;
    if (!wasStoppedClean)
      this.#notes.push('it was not stopped cleanly: the next start recovers what was written last');
    const partitions = this.#partitions(state, wasStoppedClean);
    this.#configs(state);
    if (this.#decided.length > 0)
      this.#notes.push(
        `transactions whose end is decided, and not yet everywhere: ${some(this.#decided)}; the next start ends them`,
      );
    return {
      directory,
      nodeId: state.nodeId,
      clusterId: identity.clusterId,
      directoryId: identity.directoryId,
      state,
      metadata,
      wasStoppedClean,
      partitions,
      decided: this.#decided,
      problems: this.#problems,
      notes: this.#notes,
    };
  }

  /** Kafka formats each of several log.dirs alike, so what tells them from a new one is what a broker has left there. */
  #wasInUse(): boolean {
    const { environment, directory } = this.#options;
    const ofFormat = [metaPropertiesFile, bootstrapFile, `${clusterMetadataTopic}-0`, lockFile];
    return environment.files.listSync(directory).some((name) => !ofFormat.includes(name));
  }

  #identity() {
    const { environment, directory } = this.#options;
    const found = readMetaProperties(environment.files, directory);
    const path = environment.files.join(directory, metaPropertiesFile);
    if (found === null)
      throw new MetadataRefused(
        'identity',
        `${directory} is no data directory: it has no ${metaPropertiesFile}`,
      );
    if ('problem' in found) throw new MetadataRefused('identity', `${path} ${found.problem}`);
    if (found.version === 0)
      throw new MetadataRefused(
        'identity',
        `${path} is of version 0, from a Kafka with ZooKeeper: its topics are described there, not in the directory`,
      );
    return found;
  }

  #partitions(state: ClusterMachine, wasStoppedClean: boolean): CheckedPartition[] {
    const { environment, directory } = this.#options;
    const { files } = environment;
    const recoveryPoints = this.#checkpoint(checkpointFiles.recoveryPoint);
    const logStarts = this.#checkpoint(checkpointFiles.logStart);
    const cleaned = this.#checkpoint(checkpointFiles.cleaner);
    const highWatermarks = this.#checkpoint(checkpointFiles.highWatermark);
    const checked: CheckedPartition[] = [];
    const present = new Set<string>();
    for (const name of files.listSync(directory)) {
      const path = files.join(directory, name);
      if (name === `${clusterMetadataTopic}-0` || files.statSync(path)?.kind !== 'directory') continue;
      const parsed = parsePartitionDirectory(name);
      if (parsed === null) {
        this.#problems.push(`${path} is no partition's directory: Apache Kafka does not start beside it`);
        continue;
      }
      const { topic, partition, kind } = parsed;
      if (kind === 'delete') continue;
      if (kind !== 'partition') {
        this.#notes.push(`${path} is left alone (${kind})`);
        continue;
      }
      present.add(name);
      const known = state.topic(topic)?.partitions[partition];
      if (!known?.replicas.includes(state.nodeId)) {
        this.#notes.push(`${path} is not known to the metadata: the next start sets it aside as -stray`);
        continue;
      }
      const recoversFrom = wasStoppedClean ? Infinity : (recoveryPoints.get(name) ?? 0);
      const transactions = topic === transactionStateTopic ? new CheckedTransactions() : null;
      const log = checkLog({
        files,
        directory: path,
        recoversFrom,
        logStartOffset: logStarts.get(name) ?? 0,
        visit: transactions === null ? undefined : (buffer, at) => transactions.add(buffer, at),
      });
      checked.push({ ...log, topic, partition });
      this.#transactions(path, transactions);
      this.#compare(path, log, state.topic(topic)!.id, logStarts.get(name), cleaned.get(name));
      if (wasStoppedClean) {
        this.#ensureReached(path, log, checkpointFiles.recoveryPoint, recoveryPoints.get(name));
        this.#ensureReached(path, log, checkpointFiles.highWatermark, highWatermarks.get(name));
      }
    }
    this.#missing(state, present, recoveryPoints);
    return checked;
  }

  #compare(path: string, log: CheckedLog, topicId: string, logStart = 0, cleaned = 0): void {
    this.#problems.push(...log.problems);
    if (log.topicId !== null && log.topicId !== topicId)
      this.#problems.push(`${path} is of the topic id ${log.topicId}, but the metadata says ${topicId}`);
    if (log.tornBytes > 0) {
      const more = log.lostSegments > 0 ? ` and ${log.lostSegments} segments behind them` : '';
      this.#notes.push(
        `${path} ends in ${log.tornBytes} bytes that are no whole batch${more}: the next start cuts them off`,
      );
    }
    if (logStart > log.endOffset)
      this.#notes.push(
        `${path} ends at offset ${log.endOffset}, before its log start ${logStart}: the next start empties it`,
      );
    if (cleaned > log.endOffset)
      this.#notes.push(
        `${path} ends at offset ${log.endOffset}, before ${cleaned}, up to where it was compacted: that begins anew`,
      );
  }

  #transactions(path: string, transactions: CheckedTransactions | null): void {
    if (transactions === null) return;
    if (transactions.problem !== null) this.#problems.push(`${path} ${transactions.problem}`);
    for (const { transactionalId, state } of transactions.decided())
      this.#decided.push(`${transactionalId} (${state})`);
  }

  /** After a clean stop a log ends nowhere before what a checkpoint knows of: its end was lost since. */
  #ensureReached(path: string, { endOffset }: CheckedLog, checkpoint: string, offset = 0): void {
    if (offset > endOffset)
      this.#problems.push(
        `${path} ends at offset ${endOffset}, but ${checkpoint} knows of its records up to ${offset}`,
      );
  }

  /** A partition without a directory is empty so far, unless a checkpoint knows of records. */
  #missing(
    state: ClusterMachine,
    present: ReadonlySet<string>,
    recoveryPoints: ReadonlyMap<string, number>,
  ): void {
    for (const { name: topic, partitions } of state.topics())
      for (const partition of partitions) {
        if (!partition?.replicas.includes(state.nodeId)) continue;
        const name = partitionDirectoryName(topic, partition.index);
        const offset = recoveryPoints.get(name) ?? 0;
        if (!present.has(name) && offset > 0)
          this.#problems.push(
            `${name} is missing, but ${checkpointFiles.recoveryPoint} knows of its records up to ${offset}`,
          );
      }
  }

  #checkpoint(name: string): ReadonlyMap<string, number> {
    const { environment, directory } = this.#options;
    try {
      return new OffsetCheckpoint(environment.files, directory, name).read();
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      this.#problems.push(error.message);
      return new Map();
    }
  }

  /** One value that Kafka would not take, and it does not start. */
  #configs(state: ClusterMachine): void {
    const { topic: topicType } = configResourceTypes;
    for (const name of state.configuredResources(topicType)) {
      const problem = this.#options.rules.problem(topicType, name, state.configs(topicType, name));
      if (problem !== null)
        this.#problems.push(`the topic ${name} has a config that Kafka refuses: ${problem.errorMessage}`);
    }
  }
}
