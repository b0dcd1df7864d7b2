/** Many keys at once, page by page, a key's history; and what every refusal of the store becomes. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { LookupRefusal } from '../../../broker/lookup/lookup.ts';
import { type AskOptions, type TestApp, testApp } from './app.ts';
import { expectProblem } from './expect-problem.ts';
import { topicId } from './fake-lookups.ts';

let app: TestApp;
beforeEach(async () => {
  app = await testApp();
});

const json = { 'content-type': 'application/json' };
const batch = (body: unknown, options: AskOptions = {}) =>
  app.ask('POST', '/topics/articles/keys:batch', {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: json,
    ...options,
  });

describe('a batch', () => {
  test('answers each key in its place', async () => {
    app.lookups.add('a', '{"price":\n1.0}', { headers: [{ name: 'h', value: Buffer.from('x') }] });
    app.lookups.add('b', null);
    app.lookups.add('hex:', Buffer.from([0xff]));
    app.lookups.add('d', 'one', { partition: 0 });
    app.lookups.add('d', 'two', { partition: 1 });
    const answer = await batch({ keys: ['a', 'never', 'b', 'text:hex:', 'd', 'a'] });
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('"json":{"price":\n1.0}');
    expect(answer.headers['content-type']).toBe('application/json');
    const [a, never, b, hex, d, again] = answer.json.answers;
    expect(a).toEqual({
      key: 'a',
      kind: 'found',
      record: {
        key: 'a',
        partition: 0,
        offset: 0,
        etag: `"${topicId}-0-0"`,
        timestampMs: 1_700_000_000_000,
        leaderEpoch: 0,
        headers: [{ name: 'h', value: 'x' }],
        json: { price: 1 },
      },
    });
    expect(never).toEqual({ key: 'never', kind: 'absent' });
    expect(b).toMatchObject({ kind: 'deleted', record: { offset: 1, deleted: true } });
    expect(hex).toMatchObject({ key: 'text:hex:', kind: 'found', record: { base64: '/w==' } });
    expect(d).toMatchObject({ kind: 'several', records: [{ text: 'one' }, { text: 'two', partition: 1 }] });
    expect(again).toEqual(a);
  });

  test('takes keys that no URL could hold', async () => {
    const key = 'x'.repeat(100_000);
    app.lookups.add(key, 'long');
    expect((await batch({ keys: [key] })).json.answers[0].record.text).toBe('long');
    expect((await batch({ keys: [] })).json).toEqual({ answers: [] });
  });

  test.each([
    ['no JSON', '{"keys":['],
    ['nothing', ''],
    ['no object', '["a"]'],
    ['no keys', '{}'],
    ['other members', '{"keys":[],"__proto__":1}'],
    ['keys that are no text', '{"keys":[1]}'],
    ['keys that cannot be read', '{"keys":["hex:0"]}'],
    ['more than 1,000 keys', JSON.stringify({ keys: Array(1_001).fill('a') })],
  ])('of %s is refused', async (_, body) => {
    expectProblem(await batch(body), 400, 'bad-request');
    expect(app.lookups.asked).toEqual([]);
  });

  test('is neither too large nor anything but JSON, which a form of a web page cannot send', async () => {
    expectProblem(await batch({ keys: ['x'.repeat(7_000_000)] }), 413, 'too-large');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])
      expectProblem(
        await batch('{"keys":[]}', { headers: { 'content-type': type } }),
        415,
        'unsupported-content',
      );
    expectProblem(await batch('{"keys":[]}', { headers: {} }), 415, 'unsupported-content');
  });
});

describe('pages', () => {
  test('lead from one to the next until null', async () => {
    for (const n of [1, 2, 3, 4, 5]) app.lookups.add(`a${n}`, `v${n}`);
    app.lookups.add('b', 'other');
    app.lookups.add('a2', null);
    const read: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const after: string = next === '' ? '' : `&after=${encodeURIComponent(next)}`;
      const answer = await app.ask('GET', `/topics/articles/keys?prefix=a&limit=2${after}`);
      expect(answer.status).toBe(200);
      read.push(...answer.json.records.map(({ key }: { key: string }) => key));
      next = answer.json.next;
    }
    expect(read).toEqual(['a1', 'a3', 'a4', 'a5']);
  });

  test('take a prefix of any bytes, and refuse what is no page', async () => {
    await app.ask('GET', '/topics/articles/keys?prefix=hex:ff&partition=3&wait-ms=5');
    expect(app.lookups.asked[0]).toMatchObject({ prefix: Buffer.from([0xff]), partition: 3, waitMs: 5 });
    for (const query of ['limit=0', 'limit=10001', 'prefix=hex:f', 'prefix=%FF', 'min-offset=1'])
      expectProblem(await app.ask('GET', `/topics/articles/keys?${query}`), 400, 'bad-request');
  });
});

test('the history of a key is all that the log still has', async () => {
  for (const value of ['one', null, 'three']) app.lookups.add('a', value);
  const all = await app.ask('GET', '/topics/articles/keys/a/history');
  expect(all.json).toMatchObject({
    records: [{ offset: 0, text: 'one' }, { deleted: true }, { text: 'three' }],
    isCut: false,
    completeFrom: [{ partition: 0, offset: 0 }],
  });
  const last = await app.ask('GET', '/topics/articles/keys/a/history?limit=1');
  expect(last.json).toMatchObject({ records: [{ text: 'three' }], isCut: true });
});

describe('a refusal of the store', () => {
  const records = [] as const;
  const progress = { offsetsDone: 10, offsetsTotal: 40 };
  const current = { topicId, partition: 2, offset: 9 };
  const blockedBy = 'an open transaction of producer 7';
  const cases: [LookupRefusal, number, string, object][] = [
    [{ reason: 'unknown-topic' }, 404, 'unknown-topic', {}],
    [{ reason: 'unknown-partition' }, 404, 'unknown-partition', {}],
    [{ reason: 'not-a-table' }, 409, 'not-a-table', {}],
    [{ reason: 'bad-request' }, 400, 'bad-request', {}],
    [{ reason: 'loading', progress }, 503, 'loading', { progress }],
    [{ reason: 'not-yet', indexedOffset: 4, blockedBy }, 503, 'not-yet', { indexedOffset: 4, blockedBy }],
    [{ reason: 'gone', earliestOffset: 7, earliestMs: 8 }, 410, 'gone', { earliestOffset: 7, earliestMs: 8 }],
    [{ reason: 'several', records }, 409, 'key-in-several-partitions', { records, partitions: [] }],
    [{ reason: 'precondition', current }, 412, 'precondition', { partition: 2, offset: 9 }],
    [{ reason: 'too-large' }, 413, 'too-large', {}],
    [{ reason: 'too-many' }, 429, 'too-many', {}],
  ];

  test.each(cases)('%j is %i', async (refusal, status, kind, fields) => {
    app.lookups.refuse(refusal, 'in words');
    const answers = [
      await app.ask('GET', '/topics/articles/keys/a'),
      await batch({ keys: ['a'] }),
      await app.ask('GET', '/topics/articles/keys'),
      await app.ask('GET', '/topics/articles/keys/a/history'),
      await app.ask('GET', '/topics/articles/changes'),
      await app.ask('PUT', '/topics/articles/keys/a', { body: 'v' }),
      await app.ask('DELETE', '/topics/articles/keys/a'),
    ];
    for (const answer of answers) {
      expectProblem(answer, status, kind, { detail: 'in words', ...fields });
      if (status === 503 || status === 429) expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
  });

  test('about the storage is another one for writes', async () => {
    app.lookups.refuse({ reason: 'storage' });
    expectProblem(await app.ask('GET', '/topics/articles/keys/a'), 503, 'storage-unreadable');
    expectProblem(await batch({ keys: ['a'] }), 503, 'storage-unreadable');
    expectProblem(await app.ask('PUT', '/topics/articles/keys/a', { body: 'v' }), 507, 'storage-unwritable');
  });

  test('that nobody has foreseen tells its story to the log alone', async () => {
    app.lookups.refusal = new Error('secret path') as never;
    const answer = await app.ask('GET', '/topics/articles/keys/a');
    expectProblem(answer, 500, 'unforeseen', { detail: 'the broker logs why' });
    expect(answer.body).not.toContain('secret');
    expect(app.errors).toEqual(['a request over HTTP failed']);
  });
});
