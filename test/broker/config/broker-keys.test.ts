/** Our tables of keys against Kafka's own (vectors/configs.json). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type BrokerKeyName,
  type BrokerSettings,
  brokerKeys,
  defaultBrokerSettings,
} from '../../../broker/config/broker-keys.ts';
import { clientMetricsKeys } from '../../../broker/config/client-metrics-keys.ts';
import { differences } from '../../../broker/config/differences.ts';
import { groupConfigKeys } from '../../../broker/config/group-keys.ts';
import { httpKeys } from '../../../broker/config/keys/http.ts';
import { lookupRpcKeys } from '../../../broker/config/keys/lookup-rpc.ts';
import { ownKeys } from '../../../broker/config/keys/own.ts';
import {
  brokerSynonyms,
  keyChain,
  topicDefaultKeys,
  topicDefaults,
} from '../../../broker/config/topic-defaults.ts';
import { type ConfigTable, formatValue, keyNamed } from '../../../storage/config/define.ts';
import { topicKeys } from '../../../storage/config/topic-keys.ts';
import { defaultTopicSettings } from '../../../storage/config/topic-settings.ts';

interface KafkaKey {
  name: string;
  type: string;
  default?: string | null;
  valid?: string;
  internal?: boolean;
  updateMode?: string;
  topicConfig?: string;
  synonyms?: string[];
  brokerSynonym?: string;
  brokerSynonyms?: { name: string; unit?: string }[];
}
const kafka: Record<'topic' | 'broker' | 'dynamicOnlyBroker' | 'group' | 'clientMetrics', KafkaKey[]> =
  JSON.parse(readFileSync(new URL('../../vectors/configs.json', import.meta.url), 'utf8'));

/** What the file tells of a key, from our entry. */
function told(table: ConfigTable, { name }: KafkaKey) {
  const key = table[name];
  if (!key) return undefined;
  return {
    name,
    type: key.type,
    valid: key.valid,
    internal: key.hidden,
    default: formatValue(key, key.default),
  };
}

/** The same from the file, but with our default where that differs on purpose. */
function expected({ name, type, valid, internal, default: theirs = null }: KafkaKey) {
  const difference = differences[name];
  if (difference) expect(difference.kafka, name).toBe(theirs);
  const ours = difference && formatValue(brokerKeys[name]!, brokerKeys[name]!.default);
  return { name, type, valid, internal: internal ?? false, default: difference ? ours : theirs };
}

test.each([
  ['topic', topicKeys, 38],
  ['broker', brokerKeys, 379],
  ['dynamicOnlyBroker', brokerKeys, 3],
  ['group', groupConfigKeys, 27],
  ['clientMetrics', clientMetricsKeys, 3],
] as const)('every %s key is declared with its type, default and bounds', (section, table, count) => {
  expect(kafka[section]).toHaveLength(count);
  expect(kafka[section].map((key) => told(table, key))).toEqual(kafka[section].map(expected));
});

test('there are no other keys than Kafka’s and our own', () => {
  const known = new Set([...kafka.broker, ...kafka.dynamicOnlyBroker].map(({ name }) => name));
  const others = Object.keys(brokerKeys).filter((name) => !known.has(name));
  const ofTopics = Object.keys(topicDefaultKeys).filter((name) => !known.has(name));
  const ours = [...ofTopics, ...Object.keys({ ...ownKeys, ...lookupRpcKeys, ...httpKeys })];
  expect(others.sort()).toEqual(ours.sort());
  for (const name of others) expect(name).toMatch(/^kompakt\./);
  const topicNames = Object.keys(topicKeys).filter((name) => !name.startsWith('kompakt.'));
  expect(topicNames.sort()).toEqual(kafka.topic.map(({ name }) => name).sort());
  expect(Object.keys(groupConfigKeys).sort()).toEqual(kafka.group.map(({ name }) => name).sort());
});

test('broker keys change when Kafka lets them', () => {
  const modes = { no: 'read-only', broker: 'per-broker', cluster: 'cluster-wide' } as const;
  const all = [...kafka.broker, ...kafka.dynamicOnlyBroker];
  expect(all.map(({ name }) => [name, modes[brokerKeys[name]!.dynamic]])).toEqual(
    all.map(({ name, updateMode }) => [name, updateMode]),
  );
});

test('topic and group keys have Kafka’s broker synonyms, in their order and units', () => {
  const units: Record<number, string | undefined> = { 60000: 'minutes', 3600000: 'hours' };
  const ours = kafka.topic.map(({ name }) => [
    name,
    brokerSynonyms(keyNamed(topicKeys, name)!.brokerKey).map((synonym) => ({
      name: synonym.name,
      unit: units[synonym.unitMs],
    })),
  ]);
  expect(ours).toEqual(
    kafka.topic.map(({ name, brokerSynonyms: theirs = [] }) => [
      name,
      theirs.map((synonym) => ({ name: synonym.name, unit: synonym.unit })),
    ]),
  );
  expect(kafka.group.map(({ name }) => keyNamed(groupConfigKeys, name)!.brokerKey)).toEqual(
    kafka.group.map(({ brokerSynonym }) => brokerSynonym),
  );
});

test('broker keys of one chain are Kafka’s', () => {
  const chains = kafka.broker.filter(({ synonyms }) => synonyms !== undefined);
  expect(chains).toHaveLength(8);
  expect(chains.map(({ name }) => keyChain(name))).toEqual(chains.map(({ synonyms }) => synonyms));
});

test('each difference is one, and is explained', () => {
  for (const [name, { kafka: theirs, because }] of Object.entries(differences)) {
    expect(formatValue(brokerKeys[name]!, brokerKeys[name]!.default), name).not.toBe(theirs);
    expect(because.length).toBeGreaterThan(10);
  }
});

test('every key is documented, and says why when it has no effect', () => {
  const tables: ConfigTable[] = [brokerKeys, topicKeys, groupConfigKeys, clientMetricsKeys];
  for (const [name, key] of tables.flatMap((table) => Object.entries(table))) {
    expect(key.doc, name).toMatch(/^[A-Za-z].*[.]$/s);
    if (key.accepted !== undefined) expect(key.accepted, name).toMatch(/^ignored because .*[^.]$/);
    expect(key.accepted !== undefined && key.refuse !== undefined, name).toBe(false);
  }
});

test('every default passes its own check', () => {
  for (const [name, key] of Object.entries(brokerKeys)) {
    if (key.default !== null) expect(key.check?.(key.default), name).toBeUndefined();
    expect(key.refuse?.(key.default), name).toBeUndefined();
  }
});

test('topics get the defaults of the broker: the first key of a chain that is set', () => {
  const settings = (changes: Partial<Record<BrokerKeyName, unknown>>) =>
    topicDefaults({ ...defaultBrokerSettings(), ...changes } as BrokerSettings);
  expect(settings({})).toEqual(defaultTopicSettings);
  expect(settings({ 'log.retention.hours': 2 })['retention.ms']).toBe(7_200_000);
  expect(settings({ 'log.retention.hours': 2, 'log.retention.minutes': 3 })['retention.ms']).toBe(180_000);
  expect(settings({ 'log.retention.minutes': 3, 'log.retention.ms': 4 })['retention.ms']).toBe(4);
  expect(settings({ 'log.retention.hours': -1 })['retention.ms']).toBe(-1);
  expect(settings({ 'log.roll.hours': 1, 'log.roll.jitter.hours': 2 })).toMatchObject({
    'segment.ms': 3_600_000,
    'segment.jitter.ms': 7_200_000,
  });
  expect(settings({ 'log.flush.scheduler.interval.ms': 5 })['flush.ms']).toBe(5);
  expect(settings({ 'log.flush.scheduler.interval.ms': 5, 'log.flush.interval.ms': 6 })['flush.ms']).toBe(6);
  expect(settings({ 'message.max.bytes': 7, 'log.cleanup.policy': ['compact'] })).toMatchObject({
    'max.message.bytes': 7,
    'cleanup.policy': ['compact'],
  });
});
