/** The text of broker/config/KEYS.md: every configuration key, from the tables that the broker itself reads. */
import { brokerKeyAreas, brokerKeys } from '../../broker/config/broker-keys.ts';
import { clientMetricsKeys } from '../../broker/config/client-metrics-keys.ts';
import { differences, otherWays } from '../../broker/config/differences.ts';
import { groupConfigKeys } from '../../broker/config/group-keys.ts';
import { brokerSynonyms } from '../../broker/config/topic-defaults.ts';
import { type ConfigKey, type ConfigTable, formatValue } from '../../storage/config/define.ts';
import { topicKeys } from '../../storage/config/topic-keys.ts';
import { table } from './markdown.ts';

const changes = { no: 'at start', broker: 'this broker', cluster: 'any time' } as const;

export function configPage(): string {
  const parts = [
    introduction(),
    differencesSection(),
    `## Topics\n\nSet with CreateTopics and AlterConfigs; the broker key holds the default of all topics.\n`,
    topicTable(),
    '## Broker\n',
    ...Object.entries(brokerKeyAreas).map(([area, table]) => `### ${area}\n\n${brokerTable(table)}`),
    '## Groups\n\nOf one group, set with AlterConfigs on the group.\n',
    topicTable(groupConfigKeys),
    '## Client metrics\n\nOf one subscription, set with AlterConfigs on the subscription.\n',
    topicTable(clientMetricsKeys),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function introduction(): string {
  const all = Object.values(brokerKeys);
  const honoured = all.filter((key) => key.accepted === undefined).length;
  return `# Configuration

Generated from the tables of keys by \`npm run docs\`; a test fails when it is not up to date.

Names, types, defaults and bounds are Apache Kafka 4.4's, plus the keys that begin with \`kompakt.\`. Of ${all.length} broker keys ${honoured}
have an effect, a few of them only to be refused where ignoring them would mislead. The others are accepted, so that a
\`server.properties\` of Kafka's starts as it is, and say why they have none; what a file sets without effect is reported once at
start. A key that nobody knows is refused, with the name that was probably meant.

Where a value comes from, the last one wins: default, \`--properties FILE\`, \`--host\` \`--port\` \`--data-dir\`, \`--set key=value\`, dynamic
config of all brokers, dynamic config of this broker, config of the topic.

"Change" tells when a key may change: *at start*, *any time* (for all brokers or this one), or for *this broker* alone.
`;
}

function differencesSection(): string {
  const rows = Object.entries(differences).map(([name, { kafka, because }]) => [
    code(name),
    code(formatValue(brokerKeys[name]!, brokerKeys[name]!.default)),
    kafka === null ? 'none, required' : code(kafka),
    because,
  ]);
  const ways = otherWays.map(({ what, kafka, kompakt, because }) => [what, kompakt, kafka, because]);
  return `## Differences from Kafka

Defaults:

${table(['Key', 'Kompakt', 'Kafka', 'Because'], rows)}
Ways:

${table(['What', 'Kompakt', 'Kafka', 'Because'], ways)}`;
}

function topicTable(keys: ConfigTable = topicKeys): string {
  const rows = visible(keys).map(([name, key]) => {
    const synonyms = brokerSynonyms(key.brokerKey).map((synonym) => code(synonym.name));
    return [code(name), key.type, defaultOf(key), allowed(key), synonyms.join(', '), meaning(key)];
  });
  return table(['Key', 'Type', 'Default', 'Allowed', 'Broker key', 'Meaning'], rows);
}

function brokerTable(keys: ConfigTable): string {
  const rows = visible(keys).map(([name, key]) => [
    code(name),
    key.type,
    defaultOf(key),
    allowed(key),
    changes[key.dynamic],
    meaning(key),
  ]);
  return table(['Key', 'Type', 'Default', 'Allowed', 'Change', 'Meaning'], rows);
}

function visible(keys: ConfigTable): [string, ConfigKey][] {
  return Object.entries(keys)
    .filter(([, key]) => !key.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function defaultOf(key: ConfigKey): string {
  return code(formatValue(key, key.default));
}

function allowed(key: ConfigKey): string {
  return key.valid === undefined ? '' : key.valid.replaceAll('|', '\\|');
}

function meaning(key: ConfigKey): string {
  const note = key.accepted === undefined ? '' : ` *${upperFirst(key.accepted)}.*`;
  return `${key.doc.replaceAll('|', '\\|')}${note}`;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function code(text: string | null): string {
  if (text === null) return '';
  return text === '' ? '(empty)' : `\`${text}\``;
}
