/**
 * What `startBroker` gives: a broker that can begin anew. It holds what outlives a reset (the options, the bound ports, the faults) and
 * asks the world of the moment for everything else.
 *
 *     start ──▶ world ──▶ reset: ports held, world stopped, directory emptied, next world ──▶ … ──▶ stop
 */
import type { CompactionReceipt } from '../../compaction/receipt.ts';
import { type Clock, outsideClock, turn } from '../../storage/environment/clock.ts';
import { nodeClock } from '../../storage/environment/node.ts';
import type { RunningBroker } from '../broker.ts';
import { checkCompact, checkExplain } from '../cleaning/asked-options.ts';
import type { CompactOptions, ExplainOptions } from '../cleaning/compactions.ts';
import type { PartitionExplanation } from '../cleaning/explain-log.ts';
import type { CleanerStatus } from '../cleaning/log-cleaner.ts';
import { type Tables, tablesOf } from '../connect-lookup.ts';
import type { FaultOptions } from '../faults/fault-options.ts';
import type { Fault } from '../faults/fault-rules.ts';
import type { RequestFilter, SeenRequest } from '../faults/request-log.ts';
import { TestControl } from '../faults/test-control.ts';
import type { Lookups } from '../lookup/lookup.ts';
import { NodeTransport } from '../network/node-transport.ts';
import type { Gap } from '../observe/gaps.ts';
import { checkText } from '../options/check-options.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { type BrokerClock, EmbeddedClock } from './broker-clock.ts';
import { BrokerGone } from './broker-gone.ts';
import type { Broker } from './broker-interface.ts';
import { type BrokerOptions, checkBrokerOptions, configurationOf, isInMemory } from './broker-options.ts';
import { type CompactedPartition, compacted } from './compacted-wait.ts';
import { createTopics, type TopicToCreate } from './create-topics.ts';
import { FetchWitness } from './fetch-witness.ts';
import {
  type CommittedOptions,
  type CommittedPartition,
  committed,
  type GroupStableOptions,
  groupStable,
  type StableGroup,
} from './group-waits.ts';
import { KeptHttp } from './kept-http.ts';
import { KeptPorts } from './kept-ports.ts';
import { snapshotInDirectory, snapshotInMemory } from './snapshots.ts';
import { TestDoor } from './test-door.ts';
import { type RecordsOptions, records, type TopicRecord } from './topic-waits.ts';
import type { Waited, WaitTimeout } from './waits.ts';
import { firstWorld, nextWorld, type WorldParts } from './world.ts';

interface Kept extends WorldParts {
  readonly transport: KeptPorts;
  readonly http: KeptHttp | null;
}

/** What a start is made of. */
export type EmbeddedParts = Pick<WorldParts, 'configuration' | 'isPlaceless' | 'process'> & {
  readonly options: Pick<
    BrokerOptions,
    'clock' | 'environment' | 'from' | 'logger' | 'onRequest' | 'transport'
  >;
  readonly hasHttp: boolean;
};

export class EmbeddedBroker implements Broker {
  readonly bootstrapServers: string;
  readonly brokers: string[];
  readonly port: number;
  readonly httpUrl: string | null;
  readonly clusterId: string;
  readonly lookupPort: number | null;
  readonly clock: BrokerClock;
  readonly lookups: Lookups;
  readonly table: Tables;
  readonly #kept: Kept;
  readonly #control: TestControl;
  #world: RunningBroker;
  /** Resets go one after the other, and the stop behind them. */
  #changing: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;
  #hasFailed = false;
  #failed: (error: unknown) => void = () => {};
  /** Whoever waits for something here. */
  readonly #waiting = new Set<(reason: BrokerGone['reason']) => void>();
  /** Being taken: the world goes on until they are whole. */
  readonly #snapshots = new Set<Promise<unknown>>();
  readonly #witness: FetchWitness;
  readonly #clock: Clock;

  private constructor(kept: Kept, world: RunningBroker) {
    this.#kept = kept;
    this.#control = kept.door.control;
    this.#world = world;
    this.#witness = kept.witness;
    this.#followGroups();
    this.#clock = outsideClock(kept.options.environment?.clock ?? nodeClock);
    this.bootstrapServers = world.bootstrapServers;
    this.brokers = [world.bootstrapServers];
    this.port = world.listeners[0]!.endpoints[0]!.port;
    this.httpUrl = world.httpUrl;
    this.clock = kept.clock;
    this.clusterId = world.clusterId;
    this.lookupPort = world.lookupEndpoint?.port ?? null;
    this.lookups = ofTheMoment(() => this.#world.lookups);
    this.table = tablesOf(this.lookups);
  }

  /** See startBroker. */
  static async start(options: BrokerOptions): Promise<EmbeddedBroker> {
    checkBrokerOptions(options);
    const configuration = configurationOf(options);
    return EmbeddedBroker.open({
      options,
      configuration,
      isPlaceless: isInMemory(configuration),
      hasHttp: options.http !== undefined,
    });
  }

  /** The same of what has been checked already. */
  static async open({ options, hasHttp, ...parts }: EmbeddedParts): Promise<EmbeddedBroker> {
    const door = new TestDoor(new TestControl(options.onRequest ?? null));
    const kept: Kept = {
      ...parts,
      options,
      transport: new KeptPorts(options.transport ?? new NodeTransport()),
      http: hasHttp ? await keptHttp() : null,
      door,
      witness: new FetchWitness(),
      clock: new EmbeddedClock(options.clock, options.environment?.clock),
    };
    const broker = new EmbeddedBroker(kept, await firstWorld(kept));
    door.open(broker);
    return broker;
  }

  /** Where the data is now. */
  get directory(): string {
    return this.#world.directory;
  }

  /** Called once, if a reset fails and so has stopped the broker. */
  onFailure(callback: (error: unknown) => void): void {
    this.#failed = callback;
  }

  async compact(topic: string, options: CompactOptions = {}): Promise<CompactionReceipt[]> {
    checkText('topic', topic);
    checkCompact(options);
    const { broker } = await this.#ofNow();
    return broker.compactions.compact(topic, options);
  }

  async explain(
    topic: string,
    key: string | Uint8Array,
    options: ExplainOptions = {},
  ): Promise<PartitionExplanation[]> {
    checkText('topic', topic);
    checkExplain(options);
    const { broker } = await this.#ofNow();
    return broker.compactions.explain(topic, Buffer.from(key), options);
  }

  cleanerStatus(): CleanerStatus {
    return this.#world.cleanerStatus();
  }

  fault(options: FaultOptions): Fault {
    return this.#control.faults.add(options);
  }

  requests(filter?: RequestFilter): SeenRequest[] {
    return this.#control.requests.list(filter);
  }

  gaps(): Gap[] {
    return this.#world.gaps.list();
  }

  async createTopics(topics: readonly TopicToCreate[]): Promise<void> {
    const { broker } = await this.#ofNow();
    await createTopics(broker, topics);
  }

  async groupStable(groupId: string, options?: GroupStableOptions): Promise<StableGroup> {
    return groupStable(await this.#ofNow(), groupId, options);
  }

  async committed(groupId: string, options?: CommittedOptions): Promise<CommittedPartition[]> {
    return committed(await this.#ofNow(), groupId, options);
  }

  async records(topic: string, options?: RecordsOptions): Promise<TopicRecord[]> {
    return records(await this.#ofNow(), topic, options);
  }

  async compacted(topic: string, options?: WaitTimeout): Promise<CompactedPartition[]> {
    return compacted(await this.#ofNow(), topic, options);
  }

  snapshot(directory: string): Promise<void>;
  snapshot(): Promise<Snapshot>;
  async snapshot(directory?: string): Promise<Snapshot | void> {
    if (this.#stopping !== null) throw new BrokerGone('asked for a snapshot', 'stopped');
    await this.#changing;
    if (this.#hasFailed) throw new BrokerGone('asked for a snapshot', 'stopped');
    const taken: Promise<Snapshot | void> =
      directory === undefined
        ? snapshotInMemory(this.#world, this.#kept.clock)
        : snapshotInDirectory(this.#world, directory);
    this.#snapshots.add(taken);
    try {
      return await taken;
    } finally {
      this.#snapshots.delete(taken);
    }
  }

  async reset(): Promise<void> {
    if (this.#stopping !== null) throw new BrokerGone('reset', 'stopped');
    const done = this.#changing.then(() => this.#begin());
    this.#changing = done.catch(() => {});
    return done;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#changing.then(async () => {
      await this.#kept.clock.interrupt('stopped');
      this.#tellWaiting('stopped');
      await Promise.allSettled(this.#snapshots);
      return this.#world.stop();
    });
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Behind a reset that is under way. */
  async #ofNow(): Promise<Waited> {
    await this.#changing;
    if (this.#stopping !== null || this.#hasFailed) throw new BrokerGone('asked for something', 'stopped');
    return {
      broker: this.#world,
      witness: this.#witness,
      onEnd: (callback) => {
        this.#waiting.add(callback);
        return () => this.#waiting.delete(callback);
      },
    };
  }

  #followGroups(): void {
    this.#world.services.groups.onStable((groupId) => this.#witness.becameStable(groupId));
  }

  #tellWaiting(reason: BrokerGone['reason']): void {
    for (const callback of [...this.#waiting]) callback(reason);
  }

  /** A start that fails leaves nothing open: the broker is then stopped. */
  async #begin(): Promise<void> {
    if (this.#hasFailed) throw new BrokerGone('reset', 'stopped');
    const { transport, http } = this.#kept;
    await this.#kept.clock.interrupt('reset');
    this.#tellWaiting('reset');
    await Promise.allSettled(this.#snapshots);
    transport.hold();
    http?.hold();
    try {
      // What it could not save is not wanted any more.
      await this.#world.stop().catch(() => {});
      // In memory nothing of this waits for anything: clients of this process hear of it in the second turn of the loop from here.
      await turn(this.#clock);
      await turn(this.#clock);
      this.#control.clear();
      this.#kept.clock.beginAnew();
      this.#witness.clear();
      this.#world = await nextWorld(this.#kept, this.#world);
      this.#followGroups();
    } catch (error) {
      this.#hasFailed = true;
      this.#failed(error);
      throw error;
    } finally {
      await Promise.all([transport.settle(), http?.settle()]);
    }
  }
}

/** An object that does what the one of the moment does. */
function ofTheMoment<T extends object>(current: () => T): T {
  return new Proxy({} as T, {
    get(_target, name) {
      const object = current();
      const value: unknown = Reflect.get(object, name);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

/** Loaded where there is to be HTTP. */
async function keptHttp(): Promise<KeptHttp> {
  const { nodeHttp } = await import('../http/node-http.ts');
  return new KeptHttp(nodeHttp());
}
