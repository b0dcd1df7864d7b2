/**
 * The settings of one broker, in layers; on each key the highest layer that has it wins:
 *
 *     default < file < --host, --port, --data-dir < --set < dynamic, all brokers < dynamic, this broker
 *             └────────── static (sources.ts) ─────────┘
 *
 * (A topic's own configs lie on top of the topic defaults that follow from here: storage/config/topic-settings.ts.)
 *
 * `settings` is one object for the broker's whole life, changed in place when a dynamic config changes, so everyone may keep it and reads
 * the value of the moment; `onChange` tells those who must act. A dynamic value on any key of a chain such as log.retention.ms → minutes →
 * hours hides the keys of the same chain in the layers below, as in Kafka.
 */
import { type ConfigKey, parseValue } from '../../storage/config/define.ts';
import { resolveTopicSettings, type TopicSettings } from '../../storage/config/topic-settings.ts';
import { type BrokerSettings, brokerKeys, defaultBrokerSettings } from './broker-keys.ts';
import { checkTogether } from './checks.ts';
import { baseKeyOf, listenerKeyReason } from './listener-keys.ts';
import { type Listeners, readListeners } from './listeners.ts';
import { isRemovedKey, removedReason } from './removed-keys.ts';
import { defaultListeners, mergeSources, type SettingsSources } from './sources.ts';
import { keyChain, topicDefaults } from './topic-defaults.ts';

export { type BrokerSettings, defaultBrokerSettings } from './broker-keys.ts';
export type { SettingsSources } from './sources.ts';
export { topicDefaults } from './topic-defaults.ts';

export type ConfigurationResult =
  | { readonly ok: true; readonly configuration: Configuration }
  /** One sentence each; the broker must not start. */
  | { readonly ok: false; readonly messages: readonly string[] };

/** Keys that were given and have no effect, for one line of the log each. */
export interface IgnoredKeys {
  /** Begins with "ignored because". */
  readonly reason: string;
  readonly keys: readonly string[];
}

/** Reads and checks everything that is known at start. */
export function readConfiguration(sources: SettingsSources = {}): ConfigurationResult {
  const merged = mergeSources(sources);
  if (!merged.ok) return merged;
  const { texts, hostIsGiven } = merged;
  const { values, messages } = readValues(texts);
  if (!texts.has('listeners')) values['listeners'] = defaultListeners(sources);
  if (sources.dataDirectory !== undefined) values['log.dirs'] = [sources.dataDirectory];
  refuseValues(texts, values, messages);
  shareNodeId(texts, values, messages);
  if (messages.length > 0) return { ok: false, messages };
  const settings = values as BrokerSettings;
  const isGiven = (key: string): boolean => (key === 'listeners' ? hostIsGiven : texts.has(key));
  const listeners = readListeners(settings, isGiven);
  const message = checkTogether(settings) ?? (listeners.ok ? undefined : listeners.message);
  if (!listeners.ok || message !== undefined) return { ok: false, messages: [message!] };
  return { ok: true, configuration: new Configuration(texts, settings, listeners.listeners) };
}

function readValues(texts: ReadonlyMap<string, string>): {
  values: Record<string, unknown>;
  messages: string[];
} {
  const values: Record<string, unknown> = { ...defaultBrokerSettings() };
  const messages: string[] = [];
  for (const [name, text] of texts) {
    const key = brokerKeys[name];
    if (!key) continue;
    const parsed = parseValue(name, key, text);
    if (parsed.ok) values[name] = parsed.value;
    else messages.push(parsed.message);
  }
  return { values, messages };
}

function refuseValues(
  texts: ReadonlyMap<string, string>,
  values: Record<string, unknown>,
  messages: string[],
): void {
  for (const [name, text] of texts) {
    const key: ConfigKey | undefined = brokerKeys[name];
    const reason = key?.refuse?.(values[name]);
    if (reason !== undefined)
      messages.push(`${name}=${key?.sensitive ? '[hidden]' : text} is refused: ${reason}.`);
  }
}

/** node.id and broker.id are two names of one thing. */
function shareNodeId(
  texts: ReadonlyMap<string, string>,
  values: Record<string, unknown>,
  messages: string[],
): void {
  if (texts.has('broker.id') && !texts.has('node.id')) values['node.id'] = values['broker.id'];
  else if (!texts.has('broker.id')) values['broker.id'] = values['node.id'];
  if (values['node.id'] !== values['broker.id'])
    messages.push('node.id and broker.id must be equal; one of them is enough.');
  else if ((values['node.id'] as number) < 0) messages.push('node.id must not be negative.');
}

export type DynamicScope = 'all-brokers' | 'this-broker';

/** Of topics with different overrides; more are made again when they are asked for. */
const topicSettingsMax = 1_000;

export class Configuration {
  /** Values of the moment; never replaced, see above. */
  readonly settings: BrokerSettings;
  readonly listeners: Listeners;
  /** What was given at start, as text. */
  readonly staticTexts: ReadonlyMap<string, string>;
  readonly #staticValues: BrokerSettings;
  readonly #dynamicTexts: Record<DynamicScope, ReadonlyMap<string, string>> = {
    'all-brokers': new Map(),
    'this-broker': new Map(),
  };
  readonly #listeners = new Set<(changed: ReadonlySet<string>) => void>();
  #topicDefaults: TopicSettings;
  /** By the overrides, so that partitions share them: they are half a KB each. */
  readonly #topicSettings = new Map<string, TopicSettings>();

  constructor(staticTexts: ReadonlyMap<string, string>, values: BrokerSettings, listeners: Listeners) {
    this.staticTexts = staticTexts;
    this.listeners = listeners;
    this.#staticValues = values;
    this.settings = { ...values };
    this.#topicDefaults = topicDefaults(values);
  }

  /** The same as it was at start, for another broker. */
  anew(): Configuration {
    return new Configuration(this.staticTexts, this.#staticValues, this.listeners);
  }

  /** The one data directory, as it was given. */
  get dataDirectory(): string {
    return this.settings['log.dirs']?.[0] ?? this.settings['log.dir'][0]!;
  }

  /** The directory says which node this is, where nobody else did. */
  adoptNodeId(nodeId: number): void {
    for (const values of [this.#staticValues, this.settings] as Record<string, unknown>[])
      for (const name of ['node.id', 'broker.id']) values[name] = nodeId;
  }

  /** What a topic without overrides has now. A new object after each change. */
  get topicDefaults(): TopicSettings {
    return this.#topicDefaults;
  }

  /** What a topic with these overrides has now; to be asked again after each change. */
  topicSettings(overrides: ReadonlyMap<string, string>): TopicSettings {
    if (overrides.size === 0) return this.#topicDefaults;
    const text = JSON.stringify([...overrides]);
    const known = this.#topicSettings.get(text);
    if (known !== undefined) return known;
    const settings = resolveTopicSettings(overrides, this.#topicDefaults);
    if (this.#topicSettings.size === topicSettingsMax) this.#topicSettings.clear();
    this.#topicSettings.set(text, settings);
    return settings;
  }

  /** The dynamic configs of a layer, as text. */
  dynamicTexts(scope: DynamicScope): ReadonlyMap<string, string> {
    return this.#dynamicTexts[scope];
  }

  /** Replaces a dynamic layer: at start and whenever the metadata log changes it. What cannot be applied any more has no effect. */
  setDynamic(scope: DynamicScope, texts: ReadonlyMap<string, string>): void {
    this.#dynamicTexts[scope] = new Map(texts);
    this.#apply(this.valuesWith('all-brokers', this.#dynamicTexts['all-brokers']));
  }

  /** The settings as they would be if a dynamic layer had these texts. */
  valuesWith(scope: DynamicScope, texts: ReadonlyMap<string, string>): BrokerSettings {
    const values: Record<string, unknown> = { ...this.#staticValues };
    const layers = { ...this.#dynamicTexts, [scope]: texts };
    lay(values, layers['all-brokers'], ['cluster']);
    lay(values, layers['this-broker'], ['cluster', 'broker']);
    return values as BrokerSettings;
  }

  /** Calls back after a change, with the keys whose values changed. Returns how to stop that. */
  onChange(listener: (changed: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #apply(values: BrokerSettings): void {
    const changed = new Set<string>();
    const current = this.settings as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(values)) {
      if (isSame(current[name], value)) continue;
      current[name] = value;
      changed.add(name);
    }
    if (changed.size === 0) return;
    this.#topicDefaults = topicDefaults(this.settings);
    this.#topicSettings.clear();
    for (const listener of this.#listeners) listener(changed);
  }

  /** What was given at start without effect, grouped by reason, in the order of the keys. */
  ignoredKeys(): readonly IgnoredKeys[] {
    const groups = new Map<string, string[]>();
    for (const name of this.staticTexts.keys()) {
      const reason = reasonIgnored(name);
      if (reason === undefined) continue;
      const keys = groups.get(reason) ?? [];
      keys.push(name);
      groups.set(reason, keys);
    }
    for (const { name } of this.listeners.controller)
      groups.set(`${controllerReason} (${name})`, ['listeners']);
    return [...groups].map(([reason, keys]) => ({ reason, keys }));
  }
}

const controllerReason = 'ignored because the controller is part of this process: its listener is not opened';

/** Why a broker key has no effect; undefined: it has one, or nobody knows it. */
export function reasonIgnored(name: string): string | undefined {
  const key = brokerKeys[name];
  if (key) return key.accepted;
  if (isRemovedKey(name)) return removedReason;
  const base = baseKeyOf(name);
  return base && listenerKeyReason(base);
}

/** Lays texts over values; each hides the rest of its chain. Texts that may not be dynamic or cannot be read are passed over. */
function lay(
  values: Record<string, unknown>,
  texts: ReadonlyMap<string, string>,
  modes: readonly string[],
): void {
  for (const [name, text] of texts) {
    const key = brokerKeys[name];
    if (!key || !modes.includes(key.dynamic)) continue;
    const parsed = parseValue(name, key, text);
    if (!parsed.ok || key.refuse?.(parsed.value) !== undefined) continue;
    for (const other of keyChain(name)) if (other !== name) values[other] = brokerKeys[other]!.default;
    values[name] = parsed.value;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
