/** Reading, writing and deleting one key over HTTP. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from './app.ts';
import { expectProblem } from './expect-problem.ts';
import { topicId } from './fake-lookups.ts';

let app: TestApp;
beforeEach(async () => {
  app = await testApp();
});

const at = (key: string, query = '') => `/topics/articles/keys/${key}${query}`;
const get = (url: string, headers: Record<string, string> = {}) => app.ask('GET', url, { headers });

describe('a value', () => {
  test('comes as it is, with where it is in headers', async () => {
    app.lookups.add('other', '1');
    app.lookups.add('4711', '{"name":"trail shoe", "price": 119.90}', { timestampMs: 1_764_100_000_123 });
    const answer = await get(at('4711'));
    expect(answer).toMatchObject({ status: 200, body: '{"name":"trail shoe", "price": 119.90}' });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      etag: `"${topicId}-0-1"`,
      'kompakt-partition': '0',
      'kompakt-offset': '1',
      'kompakt-timestamp': '1764100000123',
      'kompakt-leader-epoch': '0',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, no-cache',
    });
    expect(answer.headers['content-security-policy']).toContain('sandbox');
    expect(answer.headers['kompakt-headers']).toBeUndefined();
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('is asked for by HEAD without coming', async () => {
    app.lookups.add('4711', 'text');
    const answer = await app.ask('HEAD', at('4711'));
    expect(answer).toMatchObject({ status: 200, body: '' });
    expect(answer.headers).toMatchObject({ 'content-length': '4', etag: `"${topicId}-0-0"` });
    expect(await app.ask('HEAD', at('0815'))).toMatchObject({ status: 404, body: '' });
  });

  test('may be empty, which is not deleted', async () => {
    app.lookups.add('4711', '');
    expect(await get(at('4711'))).toMatchObject({ status: 200, body: '' });
  });

  test.each([
    ['{"a":1}', 'application/json'],
    [' \n[1, 2]', 'application/json'],
    ['{"a":', 'text/plain; charset=utf-8'],
    ['119.90', 'text/plain; charset=utf-8'],
    ['größer', 'text/plain; charset=utf-8'],
    ['<script>alert(1)</script>', 'text/plain; charset=utf-8'],
    ['', 'text/plain; charset=utf-8'],
    [Buffer.from([0x00, 0x41]), 'application/octet-stream'],
    [Buffer.from([0xff, 0xfe]), 'application/octet-stream'],
  ])('%j is guessed to be %s', async (value, type) => {
    app.lookups.add('k', value);
    const answer = await get(at('k'));
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.bytes).toEqual(Buffer.from(value));
  });

  test.each([
    // What a browser says when somebody opens a link: the guess, never HTML.
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/plain; charset=utf-8'],
    ['text/*', 'text/plain; charset=utf-8'],
    ['*/*;q=0.1', 'text/plain; charset=utf-8'],
    ['text/html', 'text/html; charset=utf-8'],
    ['application/octet-stream', 'application/octet-stream'],
    ['image/png;q=0.5, application/xml', 'application/xml'],
    ['nonsense', 'text/plain; charset=utf-8'],
  ])('accepted as %s is sent as %s', async (accept, type) => {
    app.lookups.add('k', '<b>bold</b>');
    const answer = await get(at('k'), { accept });
    expect(answer).toMatchObject({ status: 200, body: '<b>bold</b>' });
    expect(answer.headers['content-type']).toBe(type);
    expect(answer.headers['content-security-policy']).toContain('sandbox');
  });

  test('is not acceptable as JSON when it is none', async () => {
    app.lookups.add('text', 'plain');
    app.lookups.add('number', '119.90');
    const accept = 'application/json';
    expectProblem(await get(at('text'), { accept }), 406, 'not-acceptable');
    expect((await get(at('number'), { accept })).headers['content-type']).toBe('application/json');
  });

  test('has its record headers told in ASCII, if they are not too long', async () => {
    const headers = [
      { name: 'trace', value: Buffer.from('größe "1"\r\nX: y') },
      { name: 'trace', value: Buffer.from([0xff, 0]) },
      { name: 'none', value: null },
    ];
    app.lookups.add('4711', 'v', { headers });
    const told = (await get(at('4711'))).headers['kompakt-headers']!;
    expect(told).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(told)).toEqual([
      ['trace', 'größe "1"\r\nX: y'],
      ['trace', 'base64:_wA'],
      ['none', null],
    ]);
    app.lookups.add('0815', 'v', { headers: [{ name: 'long', value: Buffer.alloc(9_000, 'x') }] });
    const long = await get(at('0815'));
    expect(long.headers).toMatchObject({ 'kompakt-headers-omitted': '1' });
    expect(long.headers).not.toHaveProperty('kompakt-headers');
  });
});

describe('a conditional read', () => {
  beforeEach(() => void app.lookups.add('4711', 'v'));
  const etag = `"${topicId}-0-0"`;

  test.each([[etag], [`W/${etag}`], [`"other", ${etag}`], ['*']])(
    'with If-None-Match %s is 304',
    async (tags) => {
      const answer = await get(at('4711'), { 'if-none-match': tags });
      expect(answer).toMatchObject({ status: 304, body: '' });
      expect(answer.headers['etag']).toBe(etag);
    },
  );

  test('sends what is new, and refuses what is no list of tags', async () => {
    expect((await get(at('4711'), { 'if-none-match': '"other"' })).status).toBe(200);
    expectProblem(await get(at('4711'), { 'if-none-match': 'bare' }), 400, 'bad-request');
    expect((await get(at('4711'), { 'if-match': etag })).status).toBe(200);
    const other = await get(at('4711'), { 'if-match': `"${topicId}-0-7"` });
    expectProblem(other, 412, 'precondition', { currentEtag: etag });
    expect((await get(at('nobody'), { 'if-none-match': '*' })).status).toBe(404);
  });
});

describe('what is not there', () => {
  test('and what is deleted are two answers', async () => {
    app.lookups.add('gone', 'v');
    app.lookups.add('gone', null, { timestampMs: 1_764_100_000_000 });
    expectProblem(await get(at('never')), 404, 'key-absent', { key: 'never' });
    const deleted = await get(at('gone'));
    const where = { partition: 0, offset: 1, timestampMs: 1_764_100_000_000 };
    expectProblem(deleted, 404, 'key-deleted', { ...where, etag: `"${topicId}-0-1"` });
    expect(deleted.headers).toMatchObject({ etag: `"${topicId}-0-1"`, 'kompakt-offset': '1' });
  });

  test('in one place, because it is in several, is told with all of them', async () => {
    app.lookups.add('4711', '{"a":1}', { partition: 0 });
    app.lookups.add('4711', 'two', { partition: 3 });
    const answer = await get(at('4711'));
    expectProblem(answer, 409, 'key-in-several-partitions', { partitions: [0, 3] });
    expect(answer.json.records).toMatchObject([
      { partition: 0, json: { a: 1 } },
      { partition: 3, text: 'two' },
    ]);
    expect(await get(at('4711', '?partition=3'))).toMatchObject({ status: 200, body: 'two' });
  });
});

describe('options', () => {
  test('reach the store', async () => {
    app.lookups.add('4711', 'v');
    await get(at('4711', '?partition=0&min-offset=12&wait-ms=250'));
    await get(at('4711', '?as-of-offset=12'));
    await get(at('4711', '?as-of=2026-11-28T10:00:00Z'));
    await get(at('4711', '?as-of=2026-11-28T11:00:00+01:00'));
    await get(at('4711', '?as-of=1764100000000'));
    const asked = app.lookups.asked as Record<string, unknown>[];
    expect(asked[0]).toMatchObject({ partition: 0, minOffset: 12, waitMs: 250 });
    expect(asked[1]).toMatchObject({ asOfOffset: 12 });
    const saturday = Date.UTC(2026, 10, 28, 10);
    expect(asked.slice(2).map(({ asOfMs }) => asOfMs)).toEqual([saturday, saturday, 1_764_100_000_000]);
  });

  test.each([
    '?partition=-1',
    '?partition=one',
    '?partition=1.5',
    '?partition=',
    '?partition=0&partition=1',
    '?min-offset=99999999999999999999',
    '?wait-ms=60001',
    '?as-of=yesterday',
    '?as-of=1&as-of-offset=1',
    '?at=no-slash',
    '?at=/a~2b',
    '?asof=1',
    '?__proto__=1',
    '?limit=5',
  ])('%s are refused', async (query) => {
    expectProblem(await get(at('4711', query)), 400, 'bad-request');
    expect(app.lookups.asked).toEqual([]);
  });
});

describe('JSON Pointer', () => {
  const value =
    '{ "skus": [ {"prices": {"14": 119.90, "15": 1e400} } ], "a/b": {"~": [] }, "": null, "a": 1, "a": 2 }';
  beforeEach(() => void app.lookups.add('4711', value));
  const part = (pointer: string) => get(at('4711', `?at=${encodeURIComponent(pointer)}`));

  test.each([
    ['', value],
    ['/skus/0/prices/14', '119.90'],
    ['/skus/0/prices/15', '1e400'],
    ['/skus/0/prices', '{"14": 119.90, "15": 1e400}'],
    ['/a~1b/~0', '[]'],
    ['/', 'null'],
    ['/a', '2'],
  ])('%j selects %s, as it is written', async (pointer, text) => {
    const answer = await part(pointer);
    expect(answer).toMatchObject({ status: 200, body: text });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'kompakt-offset': '0' });
  });

  test.each(['/skus/1', '/skus/00', '/skus/-', '/skus/length', '/nothing', '/a/b', '/__proto__'])(
    '%s selects nothing',
    async (pointer) => expectProblem(await part(pointer), 404, 'nothing-at-pointer'),
  );

  test('says when the value is no JSON', async () => {
    app.lookups.add('text', 'plain');
    app.lookups.add('bytes', Buffer.from([0xff]));
    for (const key of ['text', 'bytes'])
      expectProblem(await get(at(key, '?at=/a')), 404, 'nothing-at-pointer', {
        detail: 'the value is not JSON',
      });
  });
});

describe('a write', () => {
  const put = (key: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    app.ask('PUT', at(key), { body, headers: { 'content-type': 'application/json', ...headers } });

  test('answers with where it went', async () => {
    app.lookups.add('other', 'v');
    const answer = await put('4711', '{"price": 1.0}');
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ partition: 0, offset: 1, etag: `"${topicId}-0-1"` });
    expect(answer.headers).toMatchObject({
      etag: `"${topicId}-0-1"`,
      'kompakt-partition': '0',
      'kompakt-offset': '1',
      'kompakt-timestamp': `${answer.json.timestampMs}`,
    });
    expect((await get(at('4711'))).body).toBe('{"price": 1.0}');
    const deleted = await app.ask('DELETE', at('4711'));
    expect(deleted).toMatchObject({ status: 200, json: { offset: 2 } });
    expectProblem(await get(at('4711')), 404, 'key-deleted', { offset: 2 });
  });

  test('takes any bytes under any type but those of forms, and no coding', async () => {
    const bytes = Buffer.from([0, 0xff, 0x0d, 0x0a]);
    for (const type of ['application/octet-stream', 'text/plain', 'image/png', 'application/json'])
      expect((await put('k', bytes, { 'content-type': type })).status).toBe(200);
    expect((await app.ask('PUT', at('k'), { body: bytes })).status).toBe(200);
    expect(app.lookups.log.map(({ value }) => value)).toEqual(Array(5).fill(bytes));
    const forms = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'Multipart/Mixed'];
    for (const type of forms)
      expectProblem(await put('k', 'a=1', { 'content-type': type }), 415, 'unsupported-content');
    expectProblem(await put('k', 'x', { 'content-encoding': 'gzip' }), 415, 'unsupported-content');
    expect(app.lookups.log).toHaveLength(5);
  });

  test('may be of nothing at all, which is a value', async () => {
    expect((await app.ask('PUT', at('k'))).status).toBe(200);
    expect(app.lookups.log[0]!.value).toEqual(Buffer.alloc(0));
  });

  test('has conditions', async () => {
    const first = (await put('4711', 'a')).json.etag;
    const second = (await put('4711', 'b', { 'if-match': first })).json.etag;
    const late = await put('4711', 'c', { 'if-match': first });
    expectProblem(late, 412, 'precondition', { currentEtag: second, partition: 0, offset: 1 });
    expect(late.headers).toMatchObject({ etag: second, 'kompakt-offset': '1' });
    expect((await put('4711', 'c', { 'if-match': `"foreign", ${second}` })).status).toBe(200);
    expectProblem(await put('4711', 'd', { 'if-match': `W/${second}` }), 412, 'precondition');
    expectProblem(await put('4711', 'd', { 'if-none-match': '*' }), 412, 'precondition');
    const fresh = await put('0815', 'd', { 'if-match': '*' });
    expectProblem(fresh, 412, 'precondition', { currentEtag: null });
    expect((await put('0815', 'd', { 'if-none-match': '*' })).status).toBe(200);
    expectProblem(await put('0815', 'e', { 'if-none-match': '"x"' }), 400, 'bad-request');
    expectProblem(await put('0815', 'e', { 'if-match': 'x' }), 400, 'bad-request');
    const removed = await app.ask('DELETE', at('0815'), { headers: { 'if-match': '"x"' } });
    expectProblem(removed, 412, 'precondition');
  });

  test('carries record headers and a time', async () => {
    const headers = [
      ['trace', 'größe'],
      ['trace', 'hex:ff00'],
      ['none', null],
    ];
    const answer = await put('4711', 'v', {
      'kompakt-headers': JSON.stringify(headers).replaceAll('ö', '\\u00f6').replaceAll('ß', '\\u00df'),
      'kompakt-timestamp': '2026-11-28T10:00:00Z',
    });
    expect(answer.json.timestampMs).toBe(Date.UTC(2026, 10, 28, 10));
    expect(app.lookups.log[0]!.headers).toEqual([
      { name: 'trace', value: Buffer.from('größe') },
      { name: 'trace', value: Buffer.from([0xff, 0]) },
      { name: 'none', value: null },
    ]);
    for (const wrong of ['nonsense', '{"a":"b"}', '[["a"]]', '[["a",1]]', '[["a","hex:f"]]'])
      expectProblem(await put('4711', 'v', { 'kompakt-headers': wrong }), 400, 'bad-request');
    expectProblem(await put('4711', 'v', { 'kompakt-timestamp': 'noon' }), 400, 'bad-request');
  });

  test("is bounded by its topic's max.message.bytes", async () => {
    expect((await put('k', Buffer.alloc(1_000, 'x'))).status).toBe(200);
    const large = await put('k', Buffer.alloc(1_001, 'x'));
    expectProblem(large, 413, 'too-large');
    expect(large.json.detail).toContain('1000 bytes (max.message.bytes)');
    app.state.messageBytesMax = 5_000_000;
    expect((await put('k', Buffer.alloc(4_000_000, 'x'))).status).toBe(200);
    const elsewhere = await app.ask('PUT', '/topics/nowhere/keys/k', { body: 'x' });
    expectProblem(elsewhere, 404, 'unknown-topic');
  });

  test('is no DELETE with a body', async () => {
    expectProblem(await app.ask('DELETE', at('k'), { body: 'x' }), 400, 'bad-request');
    expect(app.lookups.log).toEqual([]);
  });
});

describe('keys', () => {
  const keyAsked = (): Buffer => (app.lookups.asked.at(-1) as { key: Buffer }).key;

  test.each([
    ['', ''],
    ['a', 'a'],
    ['%2F', '/'],
    ['a%2Fhistory', 'a/history'],
    ['%25', '%'],
    ['%252F', '%2F'],
    ['%3Fx%23y', '?x#y'],
    ['a:b', 'a:b'],
    ['a;b=c,d&e+f', 'a;b=c,d&e+f'],
    ['..%2F..', '../..'],
    ['text:..', '..'],
    ['text:base64:AA', 'base64:AA'],
    ['text:text:', 'text:'],
    ['text:', ''],
    ['hex:', ''],
    ['Hex:00', 'Hex:00'],
    ['history', 'history'],
    ['%F0%9F%A5%BE', '🥾'],
    ['keys:batch', 'keys:batch'],
  ])('/%s is %j', async (path, key) => {
    expectProblem(await get(at(path)), 404, 'key-absent');
    expect(keyAsked().toString()).toBe(key);
  });

  test('of any bytes are asked for in hexadecimal and base64', async () => {
    for (const path of ['hex:00ff', 'hex:00FF', 'base64:AP8', 'base64:AP8=', 'base64%3AAP8%3D']) {
      await get(at(path));
      expect(keyAsked()).toEqual(Buffer.from([0, 0xff]));
    }
    for (const path of ['hex:0', 'hex:0g', 'base64:A', 'base64:A!', 'base64:AP8%3D%3D', '%FF', '%F0%9F'])
      expectProblem(await get(at(path)), 400, 'bad-request');
  });

  test.each([1, 100, 101, 4_000])('of %i bytes fit, in every notation', async (bytes) => {
    const key = Buffer.alloc(bytes, 0xe9);
    app.lookups.add(key, 'v');
    for (const text of [`hex:${key.toString('hex')}`, `base64:${key.toString('base64url')}`])
      expect((await get(at(text))).status).toBe(200);
    const umlauts = 'ö'.repeat(bytes / 2);
    app.lookups.add(umlauts, 'v');
    expect((await get(at(encodeURIComponent(umlauts)))).status).toBe(200);
  });

  test('that are text come back from the path as they went in', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 30 }), async (text) => {
        const segment = /^\.{1,2}$|^(text|hex|base64):/.test(text) ? `text:${text}` : text;
        await get(at(encodeURIComponent(segment)));
        expect(keyAsked()).toEqual(Buffer.from(text));
        await get(at(`${encodeURIComponent(segment)}/history`));
        expect(keyAsked()).toEqual(Buffer.from(text));
      }),
    ));
});
