/** A real broker's answers about configs, replayed step by step against ours. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { brokerKeys } from '../../../broker/config/broker-keys.ts';
import {
  configSources,
  type DescribedConfig,
  describeBrokerConfig,
  describeClientMetricsConfig,
  describeClusterDefaults,
  describeGroupConfig,
  describeTopicConfig,
} from '../../../broker/config/describe.ts';
import { differences } from '../../../broker/config/differences.ts';
import { groupConfigKeys } from '../../../broker/config/group-keys.ts';
import { alterLoggerLevels, LoggerLevels } from '../../../broker/config/logger-levels.ts';
import { ConfigRules } from '../../../broker/config/rules.ts';
import { type Configuration, readConfiguration } from '../../../broker/config/settings.ts';
import { type ConfigResourceType, configResourceTypes } from '../../../broker/metadata/cluster-state.ts';
import { errorName } from '../../../protocol/errors.ts';
import { topicKeys } from '../../../storage/config/topic-keys.ts';

type Operation = [kind: string, name: string, value: string | null];
type Entry = [
  name: string,
  value: string | null,
  source: string,
  readOnly: boolean,
  sensitive: boolean,
  type: string,
  synonyms: [string, string | null, string][],
];
interface Step {
  describe?: [string, string];
  entries?: Entry[];
  error?: string;
  alter?: [string, string];
  operations?: Operation[];
  result?: string;
}

const kafka: {
  started: Record<string, string>;
  topics: Record<string, Record<string, string>>;
  steps: Step[];
} = JSON.parse(readFileSync(new URL('../../vectors/config-answers.json', import.meta.url), 'utf8'));

/** Where we answer otherwise, and mean to. */
const ownAnswers: Record<string, string> = {
  // We load no classes, so we cannot tell that one does not exist.
  'SET principal.builder.class=foo': 'ok',
  // Kafka's rule while eligible leader replicas are on, a feature for several replicas.
  'SET min.insync.replicas=2 BROKER 1': 'ok',
  // Keys that 4.4 added.
  'SET errors.deadletterqueue.topic.name=x': 'ok',
  'SET streams.assignor.name=foo': 'ok',
  'SET streams.task.offset.interval.ms=1': 'InvalidConfigurationException',
};

const exceptions: Record<string, string> = {
  INVALID_REQUEST: 'InvalidRequestException',
  INVALID_CONFIG: 'InvalidConfigurationException',
};

const typeNames = [
  'UNKNOWN',
  'BOOLEAN',
  'STRING',
  'INT',
  'SHORT',
  'LONG',
  'DOUBLE',
  'LIST',
  'CLASS',
  'PASSWORD',
];
const sourceNames: Record<number, string> = {
  [configSources.topic]: 'DYNAMIC_TOPIC_CONFIG',
  [configSources.dynamicBroker]: 'DYNAMIC_BROKER_CONFIG',
  [configSources.dynamicDefaultBroker]: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
  [configSources.staticBroker]: 'STATIC_BROKER_CONFIG',
  [configSources.default]: 'DEFAULT_CONFIG',
  [configSources.clientMetrics]: 'DYNAMIC_CLIENT_METRICS_CONFIG',
  [configSources.group]: 'DYNAMIC_GROUP_CONFIG',
};

/** Like a broker's: overrides by resource, changed as IncrementalAlterConfigs says. */
class Resources {
  readonly configuration: Configuration;
  readonly rules: ConfigRules;
  readonly loggers = new LoggerLevels();
  readonly #texts = new Map<string, Map<string, string>>();

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.rules = new ConfigRules(configuration);
  }

  of(type: string, name: string): Map<string, string> {
    const id = `${type} ${name}`;
    if (!this.#texts.has(id)) this.#texts.set(id, new Map());
    return this.#texts.get(id)!;
  }

  alter(typeName: string, name: string, operations: readonly Operation[]): string {
    if (typeName === 'BROKER_LOGGER') return this.#alterLoggers(operations);
    const type = typeCode(typeName);
    const after = new Map(this.of(typeName, name));
    for (const [kind, key, value] of operations) {
      if (kind === 'SET') after.set(key, value!);
      else if (kind === 'DELETE') after.delete(key);
      else if (!this.rules.isList(type, key)) return 'InvalidConfigurationException';
      else after.set(key, combined(kind, after.get(key) ?? this.rules.defaultText(type, key) ?? '', value!));
    }
    const problem = this.rules.problem(type, name, after);
    if (problem) return exceptions[errorName(problem.errorCode)]!;
    this.#texts.set(`${typeName} ${name}`, after);
    if (typeName === 'BROKER')
      this.configuration.setDynamic(name === '' ? 'all-brokers' : 'this-broker', after);
    return 'ok';
  }

  #alterLoggers(operations: readonly Operation[]): string {
    const codes: Record<string, number> = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 };
    const asked = operations.map(([kind, name, value]) => ({ name, operation: codes[kind]!, value }));
    const problem = alterLoggerLevels(this.loggers, asked, false);
    return problem ? exceptions[errorName(problem.errorCode)]! : 'ok';
  }

  describe(type: string, name: string): DescribedConfig[] {
    if (type === 'TOPIC') return describeTopicConfig(this, this.of(type, name));
    if (type === 'GROUP') return describeGroupConfig(this, this.of(type, name));
    if (type === 'CLIENT_METRICS') return describeClientMetricsConfig(this.of(type, name));
    return name === '' ? describeClusterDefaults(this) : describeBrokerConfig(this);
  }
}

function combined(kind: string, before: string, operand: string): string {
  const parts = before.split(',').filter((part) => part !== '');
  const operands = operand.split(',');
  if (kind === 'SUBTRACT') return parts.filter((part) => !operands.includes(part)).join(',');
  return [...parts, ...operands.filter((part) => !parts.includes(part))].join(',');
}

function typeCode(name: string): ConfigResourceType {
  const codes = configResourceTypes;
  return {
    TOPIC: codes.topic,
    BROKER: codes.broker,
    GROUP: codes.group,
    CLIENT_METRICS: codes.clientMetrics,
  }[name] as ConfigResourceType;
}

function start(): Resources {
  // Kafka takes names that it does not know; we do not.
  const keys = Object.entries(kafka.started).filter(([name]) => name !== 'unknown.plugin.key');
  const text = keys.map(([name, value]) => `${name}=${value}`).join('\n');
  const read = readConfiguration({ file: { name: 'server.properties', text } });
  if (!read.ok) throw new Error(read.messages.join('\n'));
  const resources = new Resources(read.configuration);
  // Kafka's own format writes this one where eligible leader replicas are on.
  resources.alter('BROKER', '', [['SET', 'min.insync.replicas', '1']]);
  for (const [topic, configs] of Object.entries(kafka.topics)) {
    for (const [name, text] of Object.entries(configs)) resources.of('TOPIC', topic).set(name, text);
  }
  return resources;
}

const tables: Record<string, object> = { TOPIC: topicKeys, BROKER: brokerKeys, GROUP: groupConfigKeys };

/** Names that only one of the two versions has, and defaults that are ours, are looked at elsewhere (broker-keys.test.ts). */
function comparable(type: string, theirs: readonly Entry[], ours: readonly Entry[]): [Entry[], Entry[]] {
  const common = (name: string) =>
    theirs.some((entry) => entry[0] === name) && ours.some((entry) => entry[0] === name);
  const table = tables[type];
  const isOwnDefault = (name: string) => table === brokerKeys && ownDefaults.has(name);
  const pick = (entries: readonly Entry[]) =>
    entries.filter(([name]) => common(name) && !isOwnDefault(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return [pick(theirs), pick(ours)];
}

const ownDefaults = new Set([...Object.keys(differences), 'broker.id']);

function asKafkaShows(config: DescribedConfig): Entry {
  const { name, value, configSource, readOnly, isSensitive, configType, synonyms } = config;
  return [
    name,
    value,
    sourceNames[configSource]!,
    readOnly,
    isSensitive,
    typeNames[configType]!,
    synonyms.map((synonym) => [synonym.name, synonym.value, sourceNames[synonym.source]!]),
  ];
}

test('every step of a real broker is answered alike', () => {
  const resources = start();
  let described = 0;
  let altered = 0;
  for (const step of kafka.steps) {
    if (step.describe && step.entries) {
      const [type, name] = step.describe;
      const [theirs, ours] = comparable(type, step.entries, resources.describe(type, name).map(asKafkaShows));
      expect(ours, `describe ${type} ${name}`).toEqual(theirs);
      expect(ours.length).toBeGreaterThan(type === 'BROKER' && name === '' ? 0 : 2);
      described++;
    } else if (step.alter && step.operations) {
      const [type, name] = step.alter;
      if (isForOthers(step)) continue;
      const label = step.operations
        .map(([kind, key, value]) => `${kind} ${key}${value === null ? '' : `=${value}`}`)
        .join(', ');
      const expected = ownAnswers[`${label} ${type} ${name}`] ?? ownAnswers[label] ?? step.result;
      const before = resources.configuration.dynamicTexts(name === '' ? 'all-brokers' : 'this-broker');
      const texts = new Map(resources.of(type, name));
      expect(resources.alter(type, name, step.operations), `${label} on ${type} ${name}`).toBe(expected);
      if (expected !== step.result) restore(resources, type, name, type === 'BROKER' ? before : texts);
      altered++;
    }
  }
  expect({ described, altered }).toEqual({ described: 17, altered: 99 });
});

/** What the metadata's decisions check before they ask about configs: topics that are not there, names, doubled keys. */
function isForOthers({ alter, operations = [], result }: Step): boolean {
  const names = operations.map(([, name]) => name);
  const isMissing = operations.some(([kind, , value]) => kind === 'SET' && value === null);
  return (
    isMissing ||
    new Set(names).size !== names.length ||
    result === 'UnknownTopicOrPartitionException' ||
    (alter?.[0] === 'TOPIC' && result === 'InvalidTopicException')
  );
}

/** Where our answer differs on purpose, goes on from Kafka's state. */
function restore(resources: Resources, type: string, name: string, texts: ReadonlyMap<string, string>): void {
  const current = resources.of(type, name);
  current.clear();
  for (const [key, text] of texts) current.set(key, text);
  if (type === 'BROKER')
    resources.configuration.setDynamic(name === '' ? 'all-brokers' : 'this-broker', texts);
}
