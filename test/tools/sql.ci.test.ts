/** `kompakt sql` from the package, as a dependant has it: without DuckDB, and with it, from the registry. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectLookup } from '../../broker/index.ts';
import { type DuckDb, duckDbPackage } from '../../tools/sql/duckdb.ts';
import { SqlEngine } from '../../tools/sql/sql-engine.ts';
import { freshDirectory, type RunningBroker, repository, runNode, startProgram } from './program.ts';

const dependant = freshDirectory();
const data = freshDirectory();
let broker: RunningBroker;

const npm = (...args: string[]) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: dependant.path,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    // npm gives its scripts its own settings, and this directory must not take those of ours.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
  });
const sql = (...args: string[]) =>
  runNode([join(dependant.path, 'node_modules/.bin/kompakt'), 'sql', ...args, '--data-dir', data.path]).ended;
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const articles = {
  '1': { name: 'trail shoe', price: 79.9, skus: [{ size: 42 }, { size: 43 }], stock: { Berlin: 3 } },
  '2': { name: 'swim cap', price: 5, key: 'hidden', skus: [] },
  '3': { name: 'ball', price: 20, skus: [{ size: 5, colour: 'red' }], stock: { Lyon: 1 } },
};

beforeAll(async () => {
  writeFileSync(
    join(dependant.path, 'package.json'),
    '{"name":"dependant","version":"1.0.0","type":"module"}',
  );
  npm('pack', repository, '--pack-destination', dependant.path);
  npm('install', `./${readdirSync(dependant.path).find((name) => name.endsWith('.tgz'))!}`);
  const settings = ['--set', 'log.cleanup.policy=compact', '--no-http'];
  broker = await startProgram([
    'dist/kompakt.js',
    'serve',
    '--port',
    '0',
    '--data-dir',
    data.path,
    ...settings,
  ]);
  const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = ['articles', 'my-texts', 'bytes', 'mixed', 'empty'].map((topic) => ({ topic }));
  await admin.createTopics({ topics: [...topics, { topic: 'prices.eu', numPartitions: 3 }] });
  await admin.disconnect();
  await using client = await connectLookup({ dataDir: data.path });
  for (const [key, article] of Object.entries(articles)) await client.table('articles').put(key, article);
  await client.table('articles').put('4', { name: 'gone' });
  await client.table('articles').delete('4');
  const texts = client.table('my-texts', { values: 'text' });
  for (const text of ['plain', '{"not": "closed"']) await texts.put(text, text);
  await client.table('bytes', { values: 'bytes' }).put(Buffer.from([0, 255]), Buffer.from([255, 0]));
  const mixed = client.table('mixed', { values: 'text' });
  await mixed.put('json', '{"n": 1}');
  await mixed.put('text', 'n: 1');
  const prices = client.table('prices.eu');
  await Promise.all(
    Array.from({ length: 5_000 }, (_, i) => prices.put(`${i}`, { article: `${i % 3}`, n: i })),
  );
});
afterAll(async () => {
  await broker?.stop();
  dependant.remove();
  data.remove();
});

it('is not brought by a plain install, and says how to get it', async () => {
  const ended = await sql('select 1');
  expect(ended).toMatchObject({ code: 1, out: '' });
  expect(ended.err).toMatch(
    /^kompakt: sql needs DuckDB, which is not installed: npm install @duckdb\/node-api .*\n$/,
  );
});

describe('with DuckDB', () => {
  beforeAll(() => void npm('install', duckDbPackage));

  it('values of JSON are columns, nested ones too', async () => {
    const all = await sql('select key, name, price, "offset", partition from articles order by key');
    expect(all).toMatchObject({
      code: 0,
      err: [
        'kompakt: articles: 3 records, as of offset 5 of articles-0\n',
        "kompakt: articles: key of its values are no columns, for a record has such; value->>'key' has it\n",
      ].join(''),
    });
    expect(lines(all.out)).toEqual([
      { key: '1', name: 'trail shoe', price: 79.9, offset: 0, partition: 0 },
      { key: '2', name: 'swim cap', price: 5, offset: 1, partition: 0 },
      { key: '3', name: 'ball', price: 20, offset: 2, partition: 0 },
    ]);
    expect(lines((await sql('select key, unnest(skus) as sku from articles order by all')).out)).toEqual([
      { key: '1', sku: { size: 42, colour: null } },
      { key: '1', sku: { size: 43, colour: null } },
      { key: '3', sku: { size: 5, colour: 'red' } },
    ]);
    expect(lines((await sql("select value, value->>'key' as k from articles where key = '2'")).out)).toEqual([
      { value: articles[2], k: 'hidden' },
    ]);
    const joined = `select a.name, count(*) as n, max(p.n) as most from "prices.eu" p join articles a on a.key = p.article group by all order by all`;
    expect(lines((await sql(joined)).out)).toEqual([
      { name: 'swim cap', n: 1666, most: 4_997 },
      { name: 'trail shoe', n: 1667, most: 4_999 },
    ]);
    const using = `select count(*) as n from articles join "my-texts" using (key)`;
    expect(lines((await sql(using)).out)).toEqual([{ n: 0 }]);
  });

  it('other values are text, or bytes, and no columns', async () => {
    expect(lines((await sql('select key, value from "my-texts" order by key')).out)).toEqual([
      { key: 'plain', value: 'plain' },
      { key: '{"not": "closed"', value: '{"not": "closed"' },
    ]);
    expect(lines((await sql('select hex(key) as k, hex(value) as v from bytes')).out)).toEqual([
      { k: '00FF', v: 'FF00' },
    ]);
    expect(lines((await sql('select key, n from mixed order by key')).out)).toEqual([
      { key: 'json', n: 1 },
      { key: 'text', n: null },
    ]);
    expect(await sql('select * from empty')).toMatchObject({ code: 0, out: '' });
  });

  it('prints a table, and CSV', async () => {
    const query = 'select key, price, name from articles order by key limit 2';
    expect((await sql(query, '--format', 'table')).out).toBe(
      ['key  price  name', '1     79.9  trail shoe', '2      5.0  swim cap', '(2 rows)', '']
        .join('\n')
        .replace(' 5.0', '   5'),
    );
    expect((await sql(query, '--format', 'csv')).out).toBe(
      'key,price,name\n1,79.9,trail shoe\n2,5,swim cap\n',
    );
  });

  it.each([
    ['drop table articles', 'only queries are run: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE …'],
    ["set memory_limit = '8GB'", 'only queries are run: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE …'],
    [
      "copy articles to '/tmp/articles.csv'",
      'only queries are run: SELECT, FROM, WITH, DESCRIBE, SUMMARIZE …',
    ],
    ['select 1; select 2', 'one query at a time'],
    ['selec', 'syntax error at or near "selec"'],
    ['select * from nothing', 'there is no topic nothing'],
    ["select * from read_csv('/etc/passwd')", 'Cannot access file "/etc/passwd"'],
    ["select * from '/etc/passwd'", '/etc/passwd'],
    ['select colour from articles', 'Referenced column "colour" not found'],
  ])('refuses %s', async (query, why) => {
    const ended = await sql(query);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain(`${why}`);
    expect(ended.err).toMatch(/^kompakt: /);
  });

  it('takes no more memory than it may', async () => {
    const query =
      'select count(*) from (select a.* from "prices.eu" a, "prices.eu" b order by b.n, random())';
    const ended = await sql(query, '--memory-limit', '100MB');
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain('do not fit into the memory that it may take: --memory-limit');
  });

  it('answers as the README shows', async () => {
    const readme = readFileSync(join(repository, 'README.md'), 'utf8');
    const [, line, shown] = /^\$ kompakt (sql '.*) --bootstrap localhost:9092\n([\s\S]*?)^```/m.exec(readme)!;
    const shop = await startProgram(['dist/kompakt.js', 'serve', '--port', '0', '--memory', '--no-http']);
    const example = await runNode(['examples/compaction.mjs'], { KAFKA_BROKERS: shop.address }).ended;
    expect(example.code).toBe(0);
    const command = join(dependant.path, 'node_modules/.bin/kompakt');
    const query = line!.slice("sql '".length, -1);
    const place = ['--bootstrap', shop.address, '--format', 'table'];
    const { out, err } = await runNode([command, 'sql', query, ...place]).ended;
    expect(err + out).toBe(shown);
    await shop.stop();
  });

  it('has nothing open to the outside, and nothing that a query could open', async () => {
    const path = createRequire(join(dependant.path, 'package.json')).resolve(duckDbPackage);
    const duckDb = (await import(pathToFileURL(path).href)) as DuckDb;
    const engine = await SqlEngine.open(duckDb, '100MB');
    try {
      const outside = [
        "attach '/tmp/kompakt.db'",
        "copy (select 1) to '/tmp/kompakt.csv'",
        "select * from read_text('/etc/hostname')",
        "select * from glob('/etc/*')",
        "select * from 'https://example.org/x.parquet'",
        'install httpfs',
        'load httpfs',
        'set enable_external_access = true',
        "set temp_directory = '/tmp'",
        "set memory_limit = '8GB'",
        'reset lock_configuration',
      ];
      for (const statement of outside) await expect(engine.query(statement), statement).rejects.toThrow();
    } finally {
      engine.close();
    }
  });

  it('names the topics of a query, and nothing else', async () => {
    const path = createRequire(join(dependant.path, 'package.json')).resolve(duckDbPackage);
    const engine = await SqlEngine.open((await import(pathToFileURL(path).href)) as DuckDb, '100MB');
    const topics = {
      'select * from articles': ['articles'],
      'from "my-texts" natural join "prices.eu"': ['my-texts', 'prices.eu'],
      'with x as (select * from a) select * from x join b using (key)': ['a', 'b'],
      'with a as (select * from a) select * from a': ['a'],
      'select (select max(key) from a), key in (select key from b) from c': ['a', 'b', 'c'],
      "select * from query_table('a')": ['a'],
      'select * from information_schema.tables': [],
      'select * from range(3)': [],
      'describe a': ['a'],
      'select 1': [],
    };
    try {
      for (const [query, wanted] of Object.entries(topics))
        expect((await engine.topicsOf(query)).sort(), query).toEqual(wanted);
    } finally {
      engine.close();
    }
  });
});
