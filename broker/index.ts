/**
 * Kompakt as a library: a broker inside another program, usually a test suite. Everything that a process would do of itself is
 * left out: no output, no signal handlers, no environment variables, no files unless a directory is given.
 */

import type { Broker } from './embedded/broker-interface.ts';
import type { BrokerOptions } from './embedded/broker-options.ts';
import { EmbeddedBroker } from './embedded/embedded-broker.ts';

export type { UncleanableReason } from '../compaction/clean-job.ts';
export type { ExplainedRecord, PartitionState } from '../compaction/explain.ts';
export type { CompactionReceipt, KeptRecords, RemovedRecords } from '../compaction/receipt.ts';
export { CompactionRefused } from './cleaning/compaction-refused.ts';
export type {
  CompactionProgress,
  CompactOptions,
  ExplainOptions,
} from './cleaning/compactions.ts';
export type { PartitionExplanation } from './cleaning/explain-log.ts';
export type { CleanerStatus, RunningPass } from './cleaning/log-cleaner.ts';
export type { Trouble } from './cleaning/troubled-logs.ts';
export type { LookupAddress, LookupClient, TableOptions, Tables } from './connect-lookup.ts';
export { connectLookup } from './connect-lookup.ts';
export type { BrokerClock, ClockOption, VirtualClockOption } from './embedded/broker-clock.ts';
export { BrokerGone } from './embedded/broker-gone.ts';
export type { Broker } from './embedded/broker-interface.ts';
export type { BrokerOptions, HttpOptions } from './embedded/broker-options.ts';
export type { CompactedPartition } from './embedded/compacted-wait.ts';
export type { TopicToCreate } from './embedded/create-topics.ts';
export { TopicRefused } from './embedded/create-topics.ts';
export type {
  CommittedOptions,
  CommittedPartition,
  GroupStableOptions,
  StableGroup,
  StableMember,
} from './embedded/group-waits.ts';
export type { RecordsOptions, TopicRecord } from './embedded/topic-waits.ts';
export type { WaitTimeout } from './embedded/waits.ts';
export { WaitFailed } from './embedded/waits.ts';
export type { FaultError, FaultOptions, FaultyApi } from './faults/fault-options.ts';
export type { Fault } from './faults/fault-rules.ts';
export type { RequestFilter, SeenRecords, SeenRequest } from './faults/request-log.ts';
export { LookupConnectionError } from './lookup/connection-error.ts';
export type {
  Change,
  ChangesOptions,
  GetOptions,
  History,
  HistoryOptions,
  KeyAnswer,
  KeyRecord,
  LiveRecord,
  LookupRefusal,
  Lookups,
  Page,
  PageOptions,
  RecordHeader,
  RecordId,
  TableStatus,
  WaitOptions,
  WriteOptions,
  Written,
} from './lookup/lookup.ts';
export { etagOf, LookupRefused } from './lookup/lookup.ts';
export type {
  ScanOptions,
  Table,
  TableAnswer,
  TableChange,
  TableChangesOptions,
  TableHistory,
  TableKey,
  TableRecord,
} from './lookup/table.ts';
export { UnreadableValue } from './lookup/table.ts';
export type { ValueCodec, ValueFormat } from './lookup/value-codecs.ts';
export type { HookedRequest, HookVerdict, RequestHook } from './network/request-hook.ts';
export type { Gap, GapKind } from './observe/gaps.ts';
export type { LogFields, Logger } from './observe/logger.ts';
export type { Duration } from './options/durations.ts';
export { OptionError } from './options/option-error.ts';
export type { Snapshot } from './snapshots/snapshot.ts';
export { SnapshotFailed } from './snapshots/take-snapshot.ts';
export { StartError } from './start-error.ts';

/** Starts a broker; throws an OptionError for options that cannot be meant, a StartError that says why it cannot start. */
export function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  return EmbeddedBroker.start(options);
}
