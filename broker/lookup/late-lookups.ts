/**
 * The key/value store, loaded with its first question: a broker starts without it, and one that nobody asks never needs it. Where a
 * topic wants its table at start it is loaded then.
 */
import type { Environment } from '../../storage/environment/environment.ts';
import type { CleanedRanges } from '../cleaning/cleaned-ranges.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterState } from '../metadata/cluster-state.ts';
import type { Logger } from '../observe/logger.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts';
import {
  type Change,
  type ChangesOptions,
  LookupRefused,
  type Lookups,
  type ServedLookups,
  type TableStatus,
} from './lookup.ts';

export interface OpenLookupParts {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly cluster: ClusterState;
  readonly partitions: Partitions;
  readonly ranges: Pick<CleanedRanges, 'of'>;
  readonly transactions: Pick<TransactionCoordinator, 'list'>;
  readonly logger: Logger;
  /** The data directory was, by whoever had it last. */
  readonly wasStoppedClean: boolean;
}

export interface LoadedLookups {
  readonly lookups: ServedLookups;
  stop(): Promise<void>;
}

export class LateLookups implements ServedLookups {
  readonly #parts: OpenLookupParts;
  readonly #forgetCluster: () => void;
  #loading: Promise<LoadedLookups> | null = null;
  #loaded: LoadedLookups | null = null;
  #isStopped = false;

  constructor(parts: OpenLookupParts) {
    this.#parts = parts;
    const { cluster, environment } = parts;
    this.#forgetCluster = cluster.onChange((change) => {
      if (this.#loading !== null) return;
      const topic =
        change.kind === 'topic-created' ? change.topic.name : change.kind === 'configs' ? change.name : null;
      // Those who tell logs of their new settings listen to the same change: after them.
      if (topic !== null) environment.clock.defer(() => this.#loadFor(topic));
    });
    for (const { name } of cluster.topics()) this.#loadFor(name);
  }

  async get(...args: Parameters<Lookups['get']>): ReturnType<Lookups['get']> {
    return (this.#loaded ?? (await this.#load())).lookups.get(...args);
  }

  getNow(...args: Parameters<ServedLookups['getNow']>): ReturnType<ServedLookups['getNow']> {
    return this.#loaded === null ? null : this.#loaded.lookups.getNow(...args);
  }

  async getMany(...args: Parameters<Lookups['getMany']>): ReturnType<Lookups['getMany']> {
    return (this.#loaded ?? (await this.#load())).lookups.getMany(...args);
  }

  async page(...args: Parameters<Lookups['page']>): ReturnType<Lookups['page']> {
    return (await this.#load()).lookups.page(...args);
  }

  async history(...args: Parameters<Lookups['history']>): ReturnType<Lookups['history']> {
    return (await this.#load()).lookups.history(...args);
  }

  async put(...args: Parameters<Lookups['put']>): ReturnType<Lookups['put']> {
    return (this.#loaded ?? (await this.#load())).lookups.put(...args);
  }

  changes(topic: string, options?: ChangesOptions): AsyncIterable<Change> {
    return {
      [Symbol.asyncIterator]: () => {
        let opening: Promise<AsyncIterator<Change>> | null = null;
        const open = async (): Promise<AsyncIterator<Change>> =>
          (await this.#load()).lookups.changes(topic, options)[Symbol.asyncIterator]();
        return {
          next: async () => (await (opening ??= open())).next(),
          return: async () => {
            await (await opening)?.return?.();
            return { done: true, value: undefined };
          },
        };
      },
    };
  }

  status(): readonly TableStatus[] {
    return this.#loaded?.lookups.status() ?? [];
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#forgetCluster();
    await (await this.#loading?.catch(() => null))?.stop();
  }

  /** If the topic wants to have its table before it is asked for. */
  #loadFor(topic: string): void {
    if (this.#loading !== null || this.#isStopped) return;
    const settings = this.#parts.partitions.get(topic, 0)?.log.settings;
    if (settings?.['kompakt.lookup.enable'] === 'true') void this.#load().catch(() => {});
  }

  #load(): Promise<LoadedLookups> {
    this.#loading ??= import('./open-lookups.ts').then(({ openLookups }) => {
      if (this.#isStopped) throw new LookupRefused({ reason: 'stopping' }, 'the broker is stopping');
      this.#loaded = openLookups(this.#parts);
      return this.#loaded;
    });
    return this.#loading;
  }
}
