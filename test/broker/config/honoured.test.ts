/** A key that claims to have an effect must be read somewhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { brokerKeys } from '../../../broker/config/broker-keys.ts';
import { topicDefaultKeys } from '../../../broker/config/topic-defaults.ts';
import { topicKeys } from '../../../storage/config/topic-keys.ts';

const root = new URL('../../../', import.meta.url);
/** Where keys are declared, described and explained, which is not to read them. */
const tables =
  /^broker\/config\/(keys\/|differences|checks|describe|rules)|^storage\/config\/topic-keys|^compaction\/config-keys/;

const sources = ['storage', 'compaction', 'broker', 'tools']
  .flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map(
      (path) => `${folder}/${path}`,
    ),
  )
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && !tables.test(path))
  .map((path) => readFileSync(new URL(path, root), 'utf8'))
  .join('\n');

const isRead = (name: string) => sources.includes(`'${name}'`) || sources.includes(`settings.${name}`);

test('every honoured topic key is read', () => {
  const honoured = Object.entries(topicKeys).filter(([, key]) => key.accepted === undefined && !key.refuse);
  expect(honoured.map(([name]) => name).filter((name) => !isRead(name))).toEqual([]);
});

test('every honoured broker key is read, or gives topics their default', () => {
  const honoured = Object.entries(brokerKeys).filter(([, key]) => key.accepted === undefined && !key.refuse);
  const names = honoured.map(([name]) => name).filter((name) => !Object.hasOwn(topicDefaultKeys, name));
  expect(names.filter((name) => !isRead(name))).toEqual([]);
});
