/**
 * Whether a resource may have certain configs: what CreateTopics and the two AlterConfigs APIs ask before they write anything. A change is
 * judged by all configs that the resource would have after it.
 *
 * The error codes are Kafka's: INVALID_CONFIG for topics and groups; INVALID_REQUEST for brokers, whatever is wrong with the value; both,
 * depending on the rule, for client metrics.
 */
import { errors, type KafkaError } from '../../protocol/errors.ts';
import {
  type ConfigKey,
  type ConfigTable,
  formatValue,
  keyNamed,
  parseValue,
} from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { validateTopicConfigs } from '../../storage/config/topic-settings.ts';
import { type ConfigResourceType, configResourceTypes } from '../metadata/cluster-state.ts';
import { type BrokerSettings, brokerKeys } from './broker-keys.ts';
import { checkChange, checkTogether } from './checks.ts';
import { areMatchPatterns, clientMetricsKeys, pushIntervalMs } from './client-metrics-keys.ts';
import { checkGroupSettings, groupConfigKeys } from './group-keys.ts';
import { baseKeyOf } from './listener-keys.ts';
import type { Configuration } from './settings.ts';

/** An error code of the protocol with a sentence for the client. */
export interface ConfigProblem {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

type Texts = ReadonlyMap<string, string>;

/** The rules of one broker; they read its settings at each call. */
export class ConfigRules {
  readonly #configuration: Configuration;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  /** Null, or why the resource may not have these configs. Broker-logger levels are not configs: logger-levels.ts. */
  problem(type: ConfigResourceType, name: string, configs: Texts): ConfigProblem | null {
    switch (type) {
      case configResourceTypes.topic:
        return this.#topicProblem(name, configs);
      case configResourceTypes.broker:
        return this.#nameProblem(name) ?? this.#brokerProblem(name, configs);
      case configResourceTypes.group:
        return groupProblem(name, configs, this.#configuration.settings);
      case configResourceTypes.clientMetrics:
        return clientMetricsProblem(name, configs);
      default:
        return invalidRequest(`Unexpected resource type ${type}.`);
    }
  }

  /** Whether APPEND and SUBTRACT make sense. Kafka allows them on no client-metrics config, though two are lists. */
  isList(type: ConfigResourceType, key: string): boolean {
    return keyOf(type, key)?.type === 'list';
  }

  /** What a list begins with when it was never set: the key's own default, not what the broker was given. */
  defaultText(type: ConfigResourceType, key: string): string | null {
    const known = keyOf(type, key);
    return known ? formatValue(known, known.default) : null;
  }

  #topicProblem(name: string, configs: Texts): ConfigProblem | null {
    if (name === '') return invalidRequest('Default topic resources are not allowed.');
    const checked = validateTopicConfigs(configs, this.#configuration.topicDefaults);
    return checked.ok ? null : invalidConfig(checked.message);
  }

  #nameProblem(name: string): ConfigProblem | null {
    const nodeId = this.#configuration.settings['node.id'];
    if (name === '') return null;
    if (!/^[+-]?\d+$/.test(name)) return invalidRequest(`Node id must be an integer, but it is: ${name}`);
    if (Number(name) === nodeId) return null;
    return invalidRequest(`Unexpected broker id, expected ${nodeId}, but received ${name}`);
  }

  #brokerProblem(name: string, configs: Texts): ConfigProblem | null {
    const names = [...configs.keys()];
    const problem = brokerNamesProblem(names, name === '') ?? brokerValuesProblem(configs);
    if (problem) return problem;
    const scope = name === '' ? 'all-brokers' : 'this-broker';
    const settings = this.#configuration.valuesWith(scope, configs);
    const message = checkTogether(settings) ?? checkChange(this.#configuration.settings, settings);
    return message === undefined ? null : invalidRequest(message);
  }
}

/** Stores and passwords that Kafka changes only for one listener. */
const perListener =
  /^ssl\.((key|trust)store\.(type|location|password|certificate\.chain|key|certificates)|key\.password)$/;

/** Listeners are opened once, at start; Kafka can change them while it runs. */
const fixedAtStart = ['listeners', 'listener.security.protocol.map'];

function brokerNamesProblem(names: readonly string[], isForAllBrokers: boolean): ConfigProblem | null {
  const rules: readonly (readonly [string, (name: string) => boolean])[] = [
    ['Cannot update these configs dynamically', (name) => brokerKeys[name]?.dynamic === 'no'],
    [
      'These security configs can be dynamically updated only per-listener using the listener prefix',
      (name) => perListener.test(name),
    ],
    [
      'Cannot update these configs at default cluster level, broker id must be specified',
      (name) =>
        isForAllBrokers && (brokerKeys[name] ?? brokerKeys[baseKeyOf(name) ?? ''])?.dynamic === 'broker',
    ],
    [
      'These configs are read at start and cannot change while the broker runs',
      (name) => fixedAtStart.includes(name),
    ],
  ];
  for (const [sentence, isWrong] of rules) {
    const wrong = names.filter(isWrong);
    if (wrong.length > 0) return invalidRequest(`${sentence}: [${wrong.join(', ')}]`);
  }
  return null;
}

/** A name that nobody knows passes, as in Kafka, where a plug-in might know it. */
function brokerValuesProblem(configs: Texts): ConfigProblem | null {
  for (const [name, text] of configs) {
    const key: ConfigKey | undefined = brokerKeys[name] ?? brokerKeys[baseKeyOf(name) ?? ''];
    if (!key) continue;
    const parsed = parseValue(name, key, text);
    if (!parsed.ok) return invalidRequest(parsed.message);
    const refused = key.refuse?.(parsed.value);
    if (refused !== undefined) return invalidRequest(`${name} is refused: ${refused}.`);
  }
  return null;
}

function groupProblem(name: string, configs: Texts, settings: BrokerSettings): ConfigProblem | null {
  if (name === '') return invalidRequest('Default group resources are not allowed.');
  const values: Record<string, unknown> = {};
  for (const [config, text] of configs) {
    const key = keyNamed(groupConfigKeys, config);
    if (!key) return invalidConfig(`Unknown group config name: ${config}`);
    const parsed = parseValue(config, key, text);
    if (!parsed.ok) return invalidConfig(parsed.message);
    values[config] = parsed.value;
  }
  const message = checkGroupSettings(values, settings);
  return message === undefined ? null : invalidConfig(message);
}

function clientMetricsProblem(name: string, configs: Texts): ConfigProblem | null {
  if (name === '') return invalidRequest("Subscription name can't be empty");
  const table: ConfigTable = clientMetricsKeys;
  const unknown = [...configs.keys()].find((config) => !Object.hasOwn(table, config));
  if (unknown !== undefined) return invalidRequest(`Unknown client metrics configuration: ${unknown}`);
  for (const [config, text] of configs) {
    const parsed = parseValue(config, table[config]!, text);
    if (!parsed.ok) return invalidConfig(parsed.message);
    if (config === 'match' && !areMatchPatterns(parsed.value as string[])) {
      return invalidConfig(`Illegal client matching pattern: ${text}`);
    }
    const intervalMs = config === 'interval.ms' ? (parsed.value as number) : pushIntervalMs.min;
    if (intervalMs < pushIntervalMs.min || intervalMs > pushIntervalMs.max) {
      return invalidRequest(
        `Invalid value ${text} for interval.ms, it must be between 100 and 3600000 (1 hour)`,
      );
    }
  }
  return null;
}

function keyOf(type: ConfigResourceType, name: string): ConfigKey | undefined {
  if (type === configResourceTypes.topic) return keyNamed(topicKeys, name);
  if (type === configResourceTypes.broker) return brokerKeys[name];
  if (type === configResourceTypes.group) return keyNamed(groupConfigKeys, name);
  return undefined;
}

function invalidRequest(message: string): ConfigProblem {
  return problemOf(errors.invalidRequest, message);
}

function invalidConfig(message: string): ConfigProblem {
  return problemOf(errors.invalidConfig, message);
}

function problemOf(error: KafkaError, message: string): ConfigProblem {
  return { errorCode: error.code, errorMessage: message };
}
