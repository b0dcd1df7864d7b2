/** The text of protocol/APIS.md: every API, from the catalogue of messages, the comments above their schemas and the handlers. */
import { readdirSync, readFileSync } from 'node:fs';
import { handlers } from '../../broker/apis/index.ts';
import { type ApiName, messages } from '../../protocol/messages/index.ts';
import type { AnyApi } from '../../protocol/schema/api.ts';
import { isEmpty, parseVersions, type Versions } from '../../protocol/schema/versions.ts';
import { table } from './markdown.ts';

const folder = new URL('../../protocol/messages/', import.meta.url);

/** Folders of protocol/messages in reading order, with what they are about. */
const areas = {
  data: 'Records',
  topics: 'Topics and partitions',
  configs: 'Configuration',
  groups: 'Groups and offsets',
  transactions: 'Transactions',
  shares: 'Share groups',
  streams: 'Streams groups',
  security: 'Security',
  cluster: 'Cluster',
} as const;

/** Where an API is declared, and what the comment there says. */
interface Declared {
  readonly path: string;
  readonly comment: string;
}

export function apisPage(): string {
  const sections = Object.entries(areas).map(([area, title]) => `## ${title}\n\n${areaTable(area)}`);
  return `${[introduction(), ...sections].join('\n').trimEnd()}\n`;
}

function introduction(): string {
  const all = Object.values(handlers);
  const served = all.filter(({ versions }) => versions !== null).length;
  return `# APIs

Generated from the schemas and the handlers by \`npm run docs\`; a test fails when it is not up to date.

Apache Kafka 4.4 has ${all.length} APIs. All are declared, in every version; ${served} are served, which is what ApiVersions lists: *yes* is every declared
version. "Flexible" is the first version with compact lengths and tagged fields. A name leads to its schema; the handler has the same path
below [broker/apis](../broker/apis).
`;
}

function areaTable(area: string): string {
  const declared = declaredIn(area);
  const rows = (Object.keys(messages) as ApiName[])
    .filter((name) => declared.has(name))
    .sort((a, b) => messages[a].key - messages[b].key)
    .map((name) => {
      const { path, comment } = declared.get(name)!;
      const api: AnyApi = messages[name];
      return [
        String(api.key),
        `[${api.name}](${path})`,
        range(api.versions),
        flexibleFrom(api),
        servedOf(name),
        comment,
      ];
    });
  return table(
    ['Key', 'API', 'Versions', 'Flexible', 'Served', 'What it does, and what its versions brought'],
    rows,
  );
}

function declaredIn(area: string): ReadonlyMap<string, Declared> {
  const found = new Map<string, Declared>();
  for (const file of readdirSync(new URL(`${area}/`, folder))) {
    const source = readFileSync(new URL(`${area}/${file}`, folder), 'utf8');
    for (const [, comment, name] of source.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const (\w+) = defineApi/g,
    ))
      found.set(name!, { path: `messages/${area}/${file}`, comment: inOneLine(comment!) });
  }
  return found;
}

function inOneLine(comment: string): string {
  return comment
    .replace(/^\s*\* ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

function flexibleFrom({ flexible }: AnyApi): string {
  return isEmpty(flexible) ? 'none' : `${flexible.low}`;
}

function servedOf(name: ApiName): string {
  const { api, versions, advertised } = handlers[name];
  if (versions === null) return 'no';
  const served = range(parseVersions(versions));
  const listed = advertised === undefined ? '' : `, listed as ${range(parseVersions(advertised))}`;
  return served === range(api.versions) && listed === '' ? 'yes' : served + listed;
}

function range({ low, high }: Versions): string {
  return low === high ? String(low) : `${low}–${high}`;
}
