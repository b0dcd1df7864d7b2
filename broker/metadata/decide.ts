import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterMachine } from './cluster-machine.ts';
import type { ConfigResourceType } from './cluster-state.ts';

/** What the decisions about cluster metadata go by. They are pure but for `newTopicId`: state + request → records and answer. */
export interface DecideContext {
  readonly state: ClusterMachine;
  readonly settings: BrokerSettings;
  readonly rules: ConfigRules;
  /** `Orders` and `orders` would share directories. */
  readonly isCaseInsensitive: boolean;
  newTopicId(): string;
}

/** What configs may be: from the tables of keys (config/). */
export interface ConfigRules {
  /** Null, or why a resource may not have these configs (all it would have after the change). */
  problem(type: ConfigResourceType, name: string, configs: ReadonlyMap<string, string>): Problem | null;
  /** Whether APPEND and SUBTRACT make sense. */
  isList(type: ConfigResourceType, key: string): boolean;
  /** What a list begins with when it was never set; null when nothing. */
  defaultText(type: ConfigResourceType, key: string): string | null;
}

/** Kafka's error code and a sentence for the client. */
export interface Problem {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const noProblem: Problem = { errorCode: 0, errorMessage: null };

/** Kafka writes no more records for one request; a larger one is refused whole. */
export const maxRecordsPerRequest = 10_000;

/** How often each thing was there. */
export function countOf<Key>(keys: Iterable<Key>): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
