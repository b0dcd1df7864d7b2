/** Typed tables: the same on a store in this process and on one behind a socket. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { tablesOf } from '../../../broker/connect-lookup.ts';
import { LookupRefused, type Written } from '../../../broker/lookup/lookup.ts';
import {
  type Table,
  type TableChange,
  type TableRecord,
  UnreadableValue,
} from '../../../broker/lookup/table.ts';
import type { ValueCodec } from '../../../broker/lookup/value-codecs.ts';
import { rpcWorld } from './rpc-world.ts';

interface Article {
  readonly name: string;
  readonly price: number;
}
const shoe: Article = { name: 'trail shoe', price: 79.9 };

const places = [
  [
    'in this process',
    async () => {
      const { lookups } = await rpcWorld();
      return { lookups, table: tablesOf(lookups) };
    },
  ],
  [
    'in another',
    async () => {
      const { lookups, program } = await rpcWorld();
      return { lookups, table: (await program()).table };
    },
  ],
] as const;

describe.each(places)('%s', (_, open) => {
  it('gets what it has put', async () => {
    const { table } = await open();
    const articles = table<Article>('articles');
    expect(articles.topic).toBe('articles');
    expect(await articles.get('4711')).toBeUndefined();
    expect(await articles.lookup('4711')).toEqual({ kind: 'absent' });
    expect(await articles.put('4711', shoe)).toMatchObject({ partition: 0, offset: 0 });
    expect(await articles.get('4711')).toEqual(shoe);
    expect(await articles.get(Buffer.from('4711'))).toEqual(shoe);
    expect(await articles.getRecord('4711')).toMatchObject({
      ...{
        topic: 'articles',
        key: '4711',
        keyBytes: Buffer.from('4711'),
        value: shoe,
        offset: 0,
        headers: [],
      },
    });
    expect(await articles.lookup('4711')).toMatchObject({ kind: 'found', record: { value: shoe } });
    await articles.delete('4711');
    expect(await articles.get('4711')).toBeUndefined();
    expect(await articles.getRecord('4711')).toBeUndefined();
    expect(await articles.lookup('4711')).toMatchObject({
      ...{ kind: 'deleted', record: { offset: 1, value: null, key: '4711' } },
    });
    expect(await articles.history('4711')).toMatchObject({
      records: [
        { offset: 0, value: shoe },
        { offset: 1, value: null },
      ],
      isCut: true,
      completeFrom: [{ partition: 0, offset: 7 }],
    });
  });

  it('null is a value, undefined is none', async () => {
    const { lookups, table } = await open();
    const articles = table<Article | null>('articles');
    await articles.put('4711', null);
    expect(lookups.records[0]!.value).toEqual(Buffer.from('null'));
    expect(await articles.get('4711')).toBeNull();
    await expect(articles.put('4711', undefined as never)).rejects.toThrow('undefined is no JSON value');
  });

  it('asks for any number of keys, in their order', async () => {
    const { lookups, table } = await open();
    for (let i = 0; i < 2_500; i += 2) lookups.add(`k${i}`, Buffer.from(`${i}`));
    const keys = Array.from({ length: 2_500 }, (_, i) => `k${i}`);
    const values = await table<number>('articles').getMany(new Set(keys));
    expect(values).toEqual(keys.map((_, i) => (i % 2 === 0 ? i : undefined)));
    lookups.foundMax = 70;
    expect(await table<number>('articles').getMany(keys)).toEqual(values);
    lookups.foundMax = 0;
    await expect(table('articles').getMany(keys)).rejects.toMatchObject({ refusal: { reason: 'too-large' } });
  });

  it('scans what lives, by prefix and up to a limit', async () => {
    const { lookups, table } = await open();
    for (let i = 0; i < 30; i++) lookups.add(`${i % 2 === 0 ? 'even' : 'odd'}-${i}`, Buffer.from(`${i}`));
    lookups.add('odd-3', null);
    const scan = async (options: object) => {
      const values: unknown[] = [];
      for await (const { value } of table<number>('articles').scan(options)) values.push(value);
      return values;
    };
    expect(await scan({})).toHaveLength(29);
    expect(await scan({ prefix: 'odd-' })).toEqual([1, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29]);
    expect(await scan({ prefix: 'odd-', limit: 2 })).toEqual([1, 5]);
    expect(await scan({ limit: 0 })).toEqual([]);
  });

  it('tells of changes, tombstones among them', async () => {
    const { lookups, table } = await open();
    lookups.add('a', Buffer.from('1'));
    const seen: unknown[] = [];
    for await (const change of table<number>('articles').changes()) {
      if (change.kind === 'live') {
        seen.push('live');
        lookups.add('a', Buffer.from('2'));
        lookups.add('a', null);
        continue;
      }
      seen.push([change.record.key, change.record.value, change.isSnapshot]);
      if (change.record.value === null) break;
    }
    expect(seen).toEqual([['a', 1, true], 'live', ['a', 2, false], ['a', null, false]]);
  });

  it('refuses to choose among partitions', async () => {
    const { lookups, table } = await open();
    lookups.add('both', Buffer.from('0'), { partition: 0 });
    lookups.add('both', Buffer.from('1'), { partition: 1 });
    const articles = table<number>('articles');
    for (const refused of [articles.get('both'), articles.getRecord('both'), articles.getMany(['both'])]) {
      const error = await refused.catch((error: unknown) => error);
      expect(error).toBeInstanceOf(LookupRefused);
      expect(error).toMatchObject({
        message: 'the key both lives in partitions 0, 1 of articles: choose one',
        refusal: { reason: 'several', records: [{ partition: 0 }, { partition: 1 }] },
      });
    }
    expect(await articles.get('both', { partition: 1 })).toBe(1);
    expect(await articles.lookup('both')).toMatchObject({
      kind: 'several',
      records: [{ value: 0 }, { value: 1 }],
    });
  });

  it('says which value it cannot read', async () => {
    const { lookups, table } = await open();
    lookups.add('text', Buffer.from('not JSON'));
    const error = await table('articles')
      .get('text')
      .catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UnreadableValue);
    expect((error as Error).message).toMatch(/^the value at offset 0 of articles-0 cannot be read: /);
    expect(await table('articles', { values: 'text' }).get('text')).toBe('not JSON');
    expect(await table('articles', { values: 'bytes' }).get('text')).toEqual(Buffer.from('not JSON'));
  });

  it('takes a codec of its own', async () => {
    const { table } = await open();
    const prices: ValueCodec<number> = {
      encode: (value) => new Uint8Array(new Float64Array([value]).buffer),
      decode: (bytes) => bytes.readDoubleLE(),
    };
    const articles = table('articles', { values: prices });
    await articles.put('4711', 79.9);
    expect(await articles.get('4711')).toBe(79.9);
  });
});

it('has types', () => {
  const table = null as unknown as ReturnType<typeof tablesOf>;
  const check = async () => {
    const articles = table<Article>('articles');
    expectTypeOf(articles).toEqualTypeOf<Table<Article>>();
    expectTypeOf(await articles.get('4711')).toEqualTypeOf<Article | undefined>();
    expectTypeOf(await articles.getMany(['4711'])).toEqualTypeOf<(Article | undefined)[]>();
    expectTypeOf(await articles.put('4711', shoe)).toEqualTypeOf<Written>();
    // @ts-expect-error: a price is a number
    await articles.put('4711', { name: 'trail shoe', price: '79.90' });
    // @ts-expect-error: no key
    await articles.get(4711);
    for await (const record of articles.scan({ prefix: '47' }))
      expectTypeOf(record).toEqualTypeOf<TableRecord<Article>>();
    for await (const change of articles.changes()) expectTypeOf(change).toEqualTypeOf<TableChange<Article>>();
    const answer = await articles.lookup('4711');
    if (answer.kind === 'deleted') expectTypeOf(answer.record.value).toEqualTypeOf<null>();
    expectTypeOf(await table('articles').get('4711')).toEqualTypeOf<unknown>();
    expectTypeOf(await table('articles', { values: 'text' }).get('4711')).toEqualTypeOf<string | undefined>();
    expectTypeOf(await table('articles', { values: 'bytes' }).get('4711')).toEqualTypeOf<
      Uint8Array | undefined
    >();
    // @ts-expect-error: no such format
    table('articles', { values: 'xml' });
  };
  expect(check).toBeTypeOf('function');
});
