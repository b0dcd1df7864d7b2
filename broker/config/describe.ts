/**
 * The answers of DescribeConfigs (and of CreateTopics v5+): value, source, type and synonyms of each config of a resource.
 *
 * Synonyms are the places where a value could come from, the one that holds first: the topic's or group's own, then the broker keys behind
 * it, each layer in turn (this broker, all brokers, given at start, default). Kafka begins the list at the first entry that carries the
 * broker key's own name, so a value that comes from another unit alone (log.retention.hours) shows no synonyms and DEFAULT_CONFIG; so do we.
 */
import { type ConfigKey, type ConfigType, canonicalText, formatValue } from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { brokerKeys } from './broker-keys.ts';
import { clientMetricsKeys } from './client-metrics-keys.ts';
import { groupConfigKeys } from './group-keys.ts';
import { dynamicOnlyKeys } from './keys/dynamic-only.ts';
import { baseKeyOf } from './listener-keys.ts';
import type { Configuration } from './settings.ts';
import { brokerSynonyms, keyChain } from './topic-defaults.ts';

/** Kafka's ConfigSource codes. */
export const configSources = {
  unknown: 0,
  topic: 1,
  dynamicBroker: 2,
  dynamicDefaultBroker: 3,
  staticBroker: 4,
  default: 5,
  brokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const;
export type ConfigSource = (typeof configSources)[keyof typeof configSources];

/** Kafka's ConfigType codes in DescribeConfigs. */
const typeCodes: Record<ConfigType | 'unknown', number> = {
  unknown: 0,
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
};

export interface DescribedSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** Field names are those of the DescribeConfigs schema. */
export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  /** For v0, which has no source. */
  readonly isDefault: boolean;
  readonly configSource: ConfigSource;
  readonly isSensitive: boolean;
  readonly synonyms: readonly DescribedSynonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

interface Described {
  readonly name: string;
  readonly key: ConfigKey | undefined;
  readonly value: string | null;
  readonly synonyms: readonly DescribedSynonym[];
  readonly readOnly: boolean;
}

/** What Kafka cannot type it does not show, and neither what is secret. */
function finish({ name, key, value, synonyms, readOnly }: Described): DescribedConfig {
  const isSensitive = key?.sensitive ?? true;
  const configSource = synonyms[0]?.source ?? configSources.default;
  return {
    name,
    value: isSensitive ? null : value,
    readOnly,
    isDefault: configSource === configSources.default,
    configSource,
    isSensitive,
    synonyms: isSensitive ? synonyms.map((synonym) => ({ ...synonym, value: null })) : synonyms,
    configType: typeCodes[key?.type ?? 'unknown'],
    documentation: key?.doc ?? null,
  };
}

function defaultText(name: string): string | null {
  const key: ConfigKey | undefined = brokerKeys[name];
  return key && !isDynamicOnly(name) ? formatValue(key, key.default) : null;
}

function isDynamicOnly(name: string): boolean {
  return Object.hasOwn(dynamicOnlyKeys, name);
}

/** Where the value of a broker key may come from: `names` is its chain, every layer shows all of them that it has. */
function brokerLayers(
  configuration: Configuration,
  name: string,
  names: readonly string[],
): DescribedSynonym[] {
  const synonyms: DescribedSynonym[] = [];
  const layers: readonly (readonly [ConfigSource, (key: string) => string | null | undefined])[] = [
    [configSources.dynamicBroker, (key) => configuration.dynamicTexts('this-broker').get(key)],
    [configSources.dynamicDefaultBroker, (key) => configuration.dynamicTexts('all-brokers').get(key)],
    [configSources.staticBroker, (key) => configuration.staticTexts.get(key)],
    [configSources.default, defaultText],
  ];
  for (const [source, textOf] of layers) {
    for (const key of names) {
      const value = textOf(key);
      if (value !== null && value !== undefined) synonyms.push({ name: key, value, source });
    }
  }
  const first = synonyms.findIndex((synonym) => synonym.name === name);
  return first < 0 ? [] : synonyms.slice(first);
}

/** All configs of a topic with these overrides. */
export function describeTopicConfig(
  { configuration }: { readonly configuration: Configuration },
  overrides: ReadonlyMap<string, string>,
): DescribedConfig[] {
  const settings = configuration.topicSettings(overrides) as unknown as Record<string, unknown>;
  const described: DescribedConfig[] = [];
  for (const [name, key] of Object.entries<ConfigKey>(topicKeys)) {
    const own = overrides.get(name);
    if (key.hidden && own === undefined) continue;
    const value = own === undefined ? formatValue(key, settings[name]) : canonicalText(key, own);
    const chain = brokerSynonyms(key.brokerKey).map((synonym) => synonym.name);
    const synonyms = key.brokerKey === undefined ? [] : brokerLayers(configuration, key.brokerKey, chain);
    if (own !== undefined) synonyms.unshift({ name, value, source: configSources.topic });
    described.push(finish({ name, key, value, synonyms, readOnly: false }));
  }
  return described;
}

/** All configs of this broker: every key that is not hidden, and whatever else was given. */
export function describeBrokerConfig({
  configuration,
}: {
  readonly configuration: Configuration;
}): DescribedConfig[] {
  const { staticTexts } = configuration;
  const dynamic = [configuration.dynamicTexts('this-broker'), configuration.dynamicTexts('all-brokers')];
  const given = new Set([...staticTexts.keys(), ...dynamic.flatMap((texts) => [...texts.keys()])]);
  const isShown = (name: string) => given.has(name) || !(brokerKeys[name]!.hidden || isDynamicOnly(name));
  const shown = Object.keys(brokerKeys).filter(isShown);
  const unknown = [...given].filter((name) => !Object.hasOwn(brokerKeys, name));
  const settings = configuration.settings as unknown as Record<string, unknown>;
  return [...shown, ...unknown].map((name) => {
    const own: ConfigKey | undefined = brokerKeys[name];
    const base = own ? undefined : baseKeyOf(name);
    const synonyms = brokerLayers(configuration, name, base === undefined ? keyChain(name) : [name, base]);
    const value = own ? formatValue(own, settings[name]) : (synonyms[0]?.value ?? null);
    return finish({
      name,
      key: own ?? brokerKeys[base ?? ''],
      value,
      synonyms,
      readOnly: (own?.dynamic ?? 'no') === 'no',
    });
  });
}

/** The dynamic configs that all brokers share: only those that are set. */
export function describeClusterDefaults({
  configuration,
}: {
  readonly configuration: Configuration;
}): DescribedConfig[] {
  return [...configuration.dynamicTexts('all-brokers')].map(([name, text]) => {
    const key: ConfigKey | undefined = brokerKeys[name];
    const synonyms = [{ name, value: text, source: configSources.dynamicDefaultBroker }];
    return finish({ name, key, value: text, synonyms, readOnly: (key?.dynamic ?? 'no') === 'no' });
  });
}

/** All configs of a group with these overrides; those that are not set come from the broker. */
export function describeGroupConfig(
  { configuration }: { readonly configuration: Configuration },
  overrides: ReadonlyMap<string, string>,
): DescribedConfig[] {
  const settings = configuration.settings as unknown as Record<string, unknown>;
  const described: DescribedConfig[] = [];
  for (const [name, key] of Object.entries<ConfigKey>(groupConfigKeys)) {
    const own = overrides.get(name);
    if (key.hidden && own === undefined) continue;
    const fromBroker = key.brokerKey === undefined ? key.default : settings[key.brokerKey];
    const value = own === undefined ? formatValue(key, fromBroker) : canonicalText(key, own);
    const synonyms =
      key.brokerKey === undefined
        ? [{ name, value: formatValue(key, key.default), source: configSources.default }]
        : brokerLayers(configuration, key.brokerKey, [key.brokerKey]);
    if (own !== undefined) synonyms.unshift({ name, value, source: configSources.group });
    described.push(finish({ name, key, value, synonyms, readOnly: false }));
  }
  return described;
}

/** All configs of a client-metrics subscription. */
export function describeClientMetricsConfig(overrides: ReadonlyMap<string, string>): DescribedConfig[] {
  return Object.entries<ConfigKey>(clientMetricsKeys).map(([name, key]) => {
    const own = overrides.get(name);
    const value = own === undefined ? formatValue(key, key.default) : canonicalText(key, own);
    const synonyms = own === undefined ? [] : [{ name, value, source: configSources.clientMetrics }];
    return finish({ name, key, value, synonyms, readOnly: false });
  });
}
