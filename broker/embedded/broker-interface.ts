/** A broker inside another program, as that program sees it. */
import type { CompactionReceipt } from '../../compaction/receipt.ts';
import type { CompactOptions, ExplainOptions } from '../cleaning/compactions.ts';
import type { PartitionExplanation } from '../cleaning/explain-log.ts';
import type { CleanerStatus } from '../cleaning/log-cleaner.ts';
import type { Tables } from '../connect-lookup.ts';
import type { FaultOptions } from '../faults/fault-options.ts';
import type { Fault } from '../faults/fault-rules.ts';
import type { RequestFilter, SeenRequest } from '../faults/request-log.ts';
import type { Lookups } from '../lookup/lookup.ts';
import type { Gap } from '../observe/gaps.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { BrokerClock } from './broker-clock.ts';
import type { CompactedPartition } from './compacted-wait.ts';
import type { TopicToCreate } from './create-topics.ts';
import type { CommittedOptions, CommittedPartition, GroupStableOptions, StableGroup } from './group-waits.ts';
import type { RecordsOptions, TopicRecord } from './topic-waits.ts';
import type { WaitTimeout } from './waits.ts';

export interface Broker extends AsyncDisposable {
  /** host:port, for a client's list of brokers. */
  readonly bootstrapServers: string;
  /** The same as a list, as kafkajs wants it. */
  readonly brokers: string[];
  readonly port: number;
  /** Where HTTP is, such as http://127.0.0.1:9080; null without `http`. */
  readonly httpUrl: string | null;
  readonly clusterId: string;
  /**
   * Compacts a topic now, whether it is due or not, and tells for each partition what went, what stayed and why. Rejects with
   * `CompactionRefused` where there is no such topic, or it is not compacted.
   */
  compact(topic: string, options?: CompactOptions): Promise<CompactionReceipt[]>;
  /** The records of a key (text counts as UTF-8) that are still in the topic's logs, each with why and until when. */
  explain(topic: string, key: string | Uint8Array, options?: ExplainOptions): Promise<PartitionExplanation[]>;
  /** Compacted topics as the key/value stores that they are. */
  readonly lookups: Lookups;
  /** One of them, with its values decoded; nothing is asked before it is used. */
  readonly table: Tables;
  /** Where `connectLookup` reaches this broker over TCP; null without `kompakt.lookup.rpc.port`. */
  readonly lookupPort: number | null;
  /** The broker's time, which moves only with `advance` if it was started with `clock: 'virtual'`. */
  readonly clock: BrokerClock;
  /** What the cleaner is doing, and which logs it cannot clean. */
  cleanerStatus(): CleanerStatus;
  /**
   * Lets requests go wrong: fails, delays, throttles or cuts off those that match, until `remove` is called on what it gives, or
   * `times` of them have been hit. Throws an `OptionError` that names the option which makes no sense.
   */
  fault(options: FaultOptions): Fault;
  /** The latest requests of clients, decoded, in the order in which they came; at most 2000 of them. */
  requests(filter?: RequestFilter): SeenRequest[];
  /**
   * What clients asked this broker for, or its configuration, and it refused or ignored: with counts, clients and the page that
   * explains it.
   */
  gaps(): Gap[];
  /** Makes topics, all of them or none; resolves when they can be written and read. Rejects with a `TopicRefused`. */
  createTopics(topics: readonly TopicToCreate[]): Promise<void>;
  /**
   * Resolves when the group is stable, and every partition of its topics is assigned and fetched, with who has what: from then on its
   * consumers read all that is written, wherever they begin. As all that wait here: rejects with a `WaitFailed` that tells what was seen,
   * after `timeoutMs`, by default 4.5 seconds.
   */
  groupStable(groupId: string, options?: GroupStableOptions): Promise<StableGroup>;
  /** Resolves when the group has committed all there is in its topics. */
  committed(groupId: string, options?: CommittedOptions): Promise<CommittedPartition[]>;
  /** Resolves with the committed records of a topic when it has at least so many. */
  records(topic: string, options?: RecordsOptions): Promise<TopicRecord[]>;
  /**
   * Resolves when all that is in a topic now has been compacted, and sees to it: what is being written to is sealed, and a pass is asked
   * for. What may not be cleaned yet (an open transaction, `min.compaction.lag.ms`) is waited for.
   */
  compacted(topic: string, options?: WaitTimeout): Promise<CompactedPartition[]>;
  /**
   * Puts the state of now into `directory`, which must be empty or not there yet: everything that was acknowledged before the call is in it,
   * nothing is half in it. It is a data directory after a clean stop, for `from`, `kompakt serve` and Apache Kafka. Rejects with an
   * OptionError for a directory that cannot be taken, and with `SnapshotFailed`.
   */
  snapshot(directory: string): Promise<void>;
  /** The same in memory, for `from`; of a broker whose data is in memory. */
  snapshot(): Promise<Snapshot>;
  /**
   * As if the broker had just been started: no topics, groups, offsets, producers or transactions, no faults, no requests seen, the
   * options' configuration. Clients lose their connections and may connect again at once: the ports, the cluster id and, with `dataDir`,
   * the identity of the directory stay. A virtual clock is as late as it was at the start.
   * A broker that began with `from` begins with that again. What waits here is rejected with `BrokerGone`; what runs is not answered any more.
   */
  reset(): Promise<void>;
  /** Closes everything that was opened; waiting fetches are dropped. Idempotent. */
  stop(): Promise<void>;
}
