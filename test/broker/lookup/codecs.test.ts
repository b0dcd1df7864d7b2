import { expect, it } from 'vitest';
import { codecIds, ensureCodec } from '../../../protocol/records/compression.ts';
import { buildMessages } from '../../clients/java-cleaner/legacy-messages.ts';
import { batchOf, expectAppended } from '../world.ts';
import { answered, bytes, openLookupWorld, take, told } from './lookup-world.ts';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;

it.each(codecs)('records in batches of %s are found, paged, told of and written', async (name) => {
  await ensureCodec(codecIds[name]);
  const at = await openLookupWorld();
  const partition = await at.table('articles', 1, { 'compression.type': name });
  const timestampMs = at.world.clock.nowMs();
  const batch = batchOf(['a=1', 'b=1', 'a=2', 'c=1'], { timestampMs, codec: codecIds[name] });
  expectAppended(partition.append(batch, { origin: 'client' }));
  const large = 'x'.repeat(2_000);
  await at.done(at.lookups.put('articles', bytes('d'), bytes(large), { ifNoneMatch: '*' }));
  await at.done(at.lookups.put('articles', bytes('b'), null, { ifMatch: '*' }));
  const get = async (key: string, options = {}) =>
    answered(await at.done(at.lookups.get('articles', bytes(key), options)));
  expect(await get('a')).toBe('found 2 a=2');
  expect(await get('b')).toBe('deleted 5 b!');
  expect(await get('b', { asOfOffset: 4 })).toBe('found 1 b=1');
  expect(await get('d')).toBe(`found 4 d=${large}`);
  expect(partition.log.sizeBytes).toBeLessThan(1_500);
  const { records } = await at.done(at.lookups.page('articles'));
  const living = ['2 a=2', '3 c=1', `4 d=${large}`];
  expect(records.map(told)).toEqual(living);
  const history = await at.done(at.lookups.history('articles', bytes('a')));
  expect(history.records.map(told)).toEqual(['0 a=1', '2 a=2']);
  const stream = at.lookups.changes('articles')[Symbol.asyncIterator]();
  expect(await take(at, stream, 4)).toEqual([...living.map((line) => `s ${line}`), 'live']);
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});

it.each([0, 1] as const)('messages of magic %i that an old broker left are looked up too', async (magic) => {
  const at = await openLookupWorld();
  const { files, clock } = at.world;
  const message = (offset: number, key: string | null, value: string | null) => ({
    offset,
    timestampMs: clock.nowMs(),
    key: key === null ? null : bytes(key),
    value: value === null ? null : bytes(value),
  });
  const plain = buildMessages(magic, codecIds.none, [message(0, 'a', '1'), message(1, null, 'x')]);
  const wrapped = buildMessages(magic, codecIds.gzip, [
    message(2, 'a', '2'),
    message(3, 'b', '1'),
    message(4, 'b', null),
  ]);
  files.makeDirectorySync('/data/articles-0');
  const file = files.openSync('/data/articles-0/00000000000000000000.log', 'create-new');
  file.writeSync([plain, wrapped], 0);
  file.close();
  const partition = await at.table();
  expect(partition.endOffset).toBe(5);
  const page = await at.done(at.lookups.page('articles'));
  expect(page.records.map(told)).toEqual(['2 a=2']);
  expect(answered(await at.done(at.lookups.get('articles', bytes('b'))))).toBe('deleted 4 b!');
  const history = await at.done(at.lookups.history('articles', bytes('a')));
  expect(history.records.map(told)).toEqual(['0 a=1', '2 a=2']);
  await at.done(at.lookups.put('articles', bytes('b'), bytes('2'), { ifNoneMatch: '*' }));
  const stream = at.lookups.changes('articles', { prefix: bytes('b') })[Symbol.asyncIterator]();
  expect(await take(at, stream, 2)).toEqual(['s 5 b=2', 'live']);
  at.lookups.stop();
  await at.tables.stop();
  await at.stop();
});
