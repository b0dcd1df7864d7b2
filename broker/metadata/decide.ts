import type { ConfigRules } from '../config/rules.ts';
import type { BrokerSettings } from '../config/settings.ts';
import type { ClusterMachine } from './cluster-machine.ts';

/** What the decisions about cluster metadata go by. They are pure but for `newTopicId`: state + request → records and answer. */
export interface DecideContext {
  readonly state: ClusterMachine;
  readonly settings: BrokerSettings;
  readonly rules: Pick<ConfigRules, 'problem' | 'isList' | 'defaultText'>;
  /** `Orders` and `orders` would share directories. */
  readonly isCaseInsensitive: boolean;
  newTopicId(): string;
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
