/**
 * Topic keys and the broker keys behind them. Most topic keys have one broker key of the same kind, which follows from the topic key's
 * entry. Four have a chain in different units; of a chain, the first key that is set holds:
 *
 *     retention.ms       log.retention.ms → log.retention.minutes → log.retention.hours
 *     segment.ms         log.roll.ms → log.roll.hours
 *     segment.jitter.ms  log.roll.jitter.ms → log.roll.jitter.hours
 *     flush.ms           log.flush.interval.ms → log.flush.scheduler.interval.ms
 */
import { type ConfigKey, hourMs, minuteMs } from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { defaultTopicSettings, type TopicSettings } from '../../storage/config/topic-settings.ts';
import type { BrokerSettings } from './broker-keys.ts';

/** Where a chain goes on after the key named in topic-keys.ts, and what one unit is worth. */
export const fallbacks = {
  'log.retention.ms': [
    { name: 'log.retention.minutes', unitMs: minuteMs },
    { name: 'log.retention.hours', unitMs: hourMs },
  ],
  'log.roll.ms': [{ name: 'log.roll.hours', unitMs: hourMs }],
  'log.roll.jitter.ms': [{ name: 'log.roll.jitter.hours', unitMs: hourMs }],
  'log.flush.interval.ms': [{ name: 'log.flush.scheduler.interval.ms', unitMs: 1 }],
} as const;

type TopicKeys = typeof topicKeys;

/** The broker keys that follow from topic keys: same type, bounds and meaning, changeable for the whole cluster. */
type DerivedKeys = {
  readonly [Name in keyof TopicKeys as Exclude<
    TopicKeys[Name]['brokerKey'] & string,
    keyof typeof fallbacks
  >]: TopicKeys[Name];
};

function deriveBrokerKeys(): DerivedKeys {
  const derived: Record<string, ConfigKey> = {};
  for (const [name, key] of Object.entries(topicKeys)) {
    if (key.brokerKey === undefined || Object.hasOwn(fallbacks, key.brokerKey)) continue;
    const doc = key.brokerKey === name ? key.doc : `Default of ${name}: ${key.doc}`;
    derived[key.brokerKey] = { ...key, brokerKey: undefined, dynamic: 'cluster', doc };
  }
  return derived as DerivedKeys;
}

export const topicDefaultKeys: DerivedKeys = deriveBrokerKeys();

export interface Synonym {
  readonly name: string;
  readonly unitMs: number;
}

/** The broker keys behind a topic key, the one that holds first. */
export function brokerSynonyms(brokerKey: string | undefined): readonly Synonym[] {
  if (brokerKey === undefined) return [];
  return [
    { name: brokerKey, unitMs: 1 },
    ...((fallbacks as Record<string, readonly Synonym[]>)[brokerKey] ?? []),
  ];
}

/** What a topic without overrides has under these broker settings. */
export function topicDefaults(settings: BrokerSettings): TopicSettings {
  const values: Record<string, unknown> = { ...defaultTopicSettings };
  for (const [name, key] of Object.entries(topicKeys)) {
    for (const synonym of brokerSynonyms(key.brokerKey)) {
      const value = settings[synonym.name as keyof BrokerSettings];
      if (value === null) continue;
      values[name] = synonym.unitMs === 1 ? value : Number(value) * synonym.unitMs;
      break;
    }
  }
  // Any negative time means "for ever", as in Kafka; the topic key itself knows only -1.
  if ((values['retention.ms'] as number) < 0) values['retention.ms'] = -1;
  return values as TopicSettings;
}

/** All keys of the chain that a broker key belongs to, the one that holds first; a key without a chain alone. */
export function keyChain(name: string): readonly string[] {
  for (const [first, rest] of Object.entries(fallbacks)) {
    // log.flush.scheduler.interval.ms is a key of its own that flush.ms falls back to, not another unit of it.
    const isMember =
      name === first || (first !== 'log.flush.interval.ms' && rest.some((synonym) => synonym.name === name));
    if (isMember) return [first, ...rest.map((synonym) => synonym.name)];
  }
  return [name];
}
