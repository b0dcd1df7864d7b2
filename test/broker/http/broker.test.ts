/** HTTP over a whole broker: written with kafkajs, read over HTTP, and the other way round. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { notationOf } from '../../../broker/lookup/key-notation.ts';
import { quietPort } from '../../quiet-port.ts';
import { keepingLogger } from '../network/frames.ts';
import { rawConnection } from './port.ts';

let broker: Broker;
let kafka: Kafka;
beforeEach(async () => {
  broker = await startBroker({ http: {} });
  kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING });
});
afterEach(() => broker.stop());

const url = (path: string) => `${broker.httpUrl}/topics/articles${path}`;
const get = (path: string, init: RequestInit = {}) => fetch(url(path), init);
const put = (path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url(path), { method: 'PUT', body, headers });

async function createTopic(
  configs: Record<string, string> = { 'cleanup.policy': 'compact' },
  numPartitions = 1,
) {
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic: 'articles', numPartitions, configEntries }] });
  await admin.disconnect();
}

async function produce(messages: { key: string | Buffer; value: string | null; partition?: number }[]) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const sent = await producer.send({ topic: 'articles', messages });
  await producer.disconnect();
  return Number(sent[0]!.baseOffset);
}

/** Events of a stream, as they come; ends the request when it is no longer asked for more. */
async function* events(path: string, headers: Record<string, string> = {}) {
  const aborted = new AbortController();
  const answer = await get(path, { headers, signal: aborted.signal });
  expect(answer.status).toBe(200);
  let text = '';
  try {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => /^(\w*): ?(.*)$/.exec(line)!.slice(1)),
        );
        text = text.slice(end + 2);
        if (fields['data'] !== undefined)
          yield { id: fields['id'], event: fields['event'], data: JSON.parse(fields['data']) };
      }
    }
  } finally {
    aborted.abort();
  }
}

async function taken<Item>(stream: AsyncGenerator<Item>, count: number): Promise<Item[]> {
  const items: Item[] = [];
  while (items.length < count) items.push((await stream.next()).value as Item);
  return items;
}

test('what a producer wrote is read under its offset, by whoever waits for it', async () => {
  await createTopic();
  const offset = await produce([{ key: '4711', value: '{"price": 119.90}' }]);
  const answer = await get(`/keys/4711?min-offset=${offset}`);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('{"price": 119.90}');
  const etag = answer.headers.get('etag')!;
  expect(etag).toMatch(/^"[\w-]{22}-0-0"$/);
  expect(answer.headers.get('kompakt-offset')).toBe('0');
  expect((await get('/keys/4711', { headers: { 'if-none-match': etag } })).status).toBe(304);
  expect((await get('/keys/0815')).status).toBe(404);
  await produce([{ key: '4711', value: null }]);
  const deleted = await (await get('/keys/4711?min-offset=1')).json();
  expect(deleted).toMatchObject({ type: 'urn:kompakt:key-deleted', offset: 1 });
});

test('what is written over HTTP is read by consumers, on the partition that their own producers choose', async () => {
  await createTopic({ 'cleanup.policy': 'compact' }, 5);
  const keys = Array.from({ length: 20 }, (_, n) => `article ${n}`);
  for (const key of keys) {
    const headers = { 'kompakt-headers': '[["by","http"]]' };
    expect((await put(`/keys/${encodeURIComponent(key)}`, key, headers)).status).toBe(200);
  }
  await produce(keys.map((key) => ({ key, value: `${key}, changed` })));
  for (const key of keys) {
    const answer = await get(`/keys/${encodeURIComponent(key)}/history?wait-ms=5000`);
    const { records } = (await answer.json()) as {
      records: { partition: number; text: string; headers: object[] }[];
    };
    expect(records.map(({ text }) => text)).toEqual([key, `${key}, changed`]);
    expect(records[0]!.partition).toBe(records[1]!.partition);
    expect(records[0]!.headers).toEqual([{ name: 'by', value: 'http' }]);
  }
});

test('a key that clients put into several partitions is in all of them', async () => {
  await createTopic({ 'cleanup.policy': 'compact' }, 2);
  await produce([
    { key: 'k', value: 'zero', partition: 0 },
    { key: 'k', value: 'one', partition: 1 },
  ]);
  const answer = await get('/keys/k');
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({
    partitions: [0, 1],
    records: [{ text: 'zero' }, { text: 'one', partition: 1 }],
  });
  expect(await (await get('/keys/k?partition=1')).text()).toBe('one');
  expect((await put('/keys/k', 'three')).status).toBe(409);
  expect((await put('/keys/k?partition=1', 'three')).status).toBe(200);
});

test('of many who write on one condition at a time one wins, and no change is lost', async () => {
  await createTopic();
  await put('/keys/stock', '0');
  const sell = async () => {
    for (;;) {
      const current = await get('/keys/stock');
      const next = String(Number(await current.text()) + 1);
      const { status } = await put('/keys/stock', next, { 'if-match': current.headers.get('etag')! });
      if (status === 200) return;
      expect(status).toBe(412);
    }
  };
  await Promise.all(Array.from({ length: 20 }, sell));
  expect(await (await get('/keys/stock')).text()).toBe('20');
  const created = await Promise.all(
    Array.from({ length: 10 }, (_, n) => put('/keys/new', `${n}`, { 'if-none-match': '*' })),
  );
  expect(created.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
});

test("a stranger's open transaction hides what it wrote, and is named", async () => {
  await createTopic();
  await put('/keys/k', 'before');
  const producer = kafka.producer({ transactionalId: 'stranger', maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'articles', messages: [{ key: 'k', value: 'pending' }] });
  const blocked = await get('/keys/k?min-offset=1&wait-ms=10');
  expect(blocked.status).toBe(503);
  const problem = (await blocked.json()) as { blockedBy: string };
  expect(problem).toMatchObject({ type: 'urn:kompakt:not-yet', indexedOffset: 1 });
  expect(problem.blockedBy).toContain('stranger');
  expect(await (await get('/keys/k')).text()).toBe('before');
  const etag = (await get('/keys/k')).headers.get('etag')!;
  const unmet = await put('/keys/k', 'mine', { 'if-match': etag });
  expect(unmet.status).toBe(412);
  const pendingEtag = etag.replace(/0"$/, '1"');
  expect([unmet.headers.get('etag'), await unmet.json()]).toMatchObject([
    pendingEtag,
    { currentEtag: pendingEtag },
  ]);
  await transaction.commit();
  expect(await (await get('/keys/k?min-offset=1&wait-ms=10000')).text()).toBe('pending');
  const other = await producer.transaction();
  await other.send({ topic: 'articles', messages: [{ key: 'k', value: 'never' }] });
  expect((await put('/keys/k', 'mine', { 'if-match': pendingEtag })).status).toBe(412);
  await other.abort();
  // What was aborted has never been.
  expect((await put('/keys/k', 'mine', { 'if-match': pendingEtag })).status).toBe(200);
  await producer.disconnect();
});

test('a client that leaves while it waits is no error, and leaves nothing behind', async () => {
  const logger = keepingLogger();
  const watched = await startBroker({ http: {}, logger, config: { 'log.cleanup.policy': 'compact' } });
  const at = `${watched.httpUrl}/topics/articles/keys/k`;
  const admin = new Kafka({ brokers: watched.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'articles', numPartitions: 1 }] });
  await admin.disconnect();
  await fetch(at, { method: 'PUT', body: 'v' });
  const port = Number(new URL(at).port);
  const head = 'GET /topics/articles/keys/k?min-offset=7&wait-ms=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const { socket, closed } = rawConnection(port, head);
  // What is asked behind it on another connection is answered when the first is waiting.
  expect((await fetch(`${at}?min-offset=8&wait-ms=1`)).status).toBe(503);
  socket.destroy();
  await closed;
  await watched.stop();
  expect(logger.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
});

test('the past is told as far as compaction has left it', async () => {
  await createTopic();
  for (const value of ['one', 'two', 'three']) await put('/keys/k', value);
  expect(await (await get('/keys/k?as-of-offset=1')).text()).toBe('two');
  await broker.compact('articles', { includeActive: true });
  const gone = await get('/keys/k?as-of-offset=1');
  expect(gone.status).toBe(410);
  expect(await gone.json()).toMatchObject({ type: 'urn:kompakt:gone', earliestOffset: expect.any(Number) });
  expect(await (await get('/keys/k')).text()).toBe('three');
});

describe('a stream of changes', () => {
  test('begins with what is there, follows what happens, and goes on where it was left', async () => {
    await createTopic();
    await put('/keys/a', '1');
    await put('/keys/b', '2');
    const stream = events('/changes');
    const before = await taken(stream, 3);
    expect(before.map(({ event, data }) => [event, data.key])).toEqual([
      ['snapshot', 'a'],
      ['snapshot', 'b'],
      ['live', undefined],
    ]);
    await produce([{ key: 'a', value: '3' }]);
    await fetch(url('/keys/b'), { method: 'DELETE' });
    const changes = await taken(stream, 2);
    expect(changes).toMatchObject([
      { event: 'change', data: { key: 'a', text: '3', offset: 2 } },
      { event: 'change', data: { key: 'b', deleted: true, offset: 3 } },
    ]);
    await stream.return(undefined);
    await put('/keys/c', '4');
    const resumed = events('/changes', { 'last-event-id': changes[0]!.id! });
    expect(await taken(resumed, 2)).toMatchObject([
      { event: 'change', data: { key: 'b', deleted: true } },
      { event: 'change', data: { key: 'c', text: '4' } },
    ]);
    await resumed.return(undefined);
  });

  test('is of a key, or of keys that begin alike, where asked', async () => {
    await createTopic();
    for (const key of ['a1', 'a2', 'b1']) await put(`/keys/${key}`, 'v');
    const prefixed = events('/changes?prefix=a');
    expect((await taken(prefixed, 3)).map(({ data }) => data.key)).toEqual(['a1', 'a2', undefined]);
    const single = events('/changes?key=b1');
    expect((await taken(single, 2)).map(({ data }) => data.key)).toEqual(['b1', undefined]);
    await Promise.all([prefixed.return(undefined), single.return(undefined)]);
  });

  test('ends with the broker', async () => {
    await createTopic();
    const stream = events('/changes');
    expect((await stream.next()).value).toMatchObject({ event: 'live' });
    const last = stream.next();
    await broker.stop();
    expect((await last).value).toMatchObject({ event: 'end', data: { type: 'urn:kompakt:stopping' } });
  });

  test('is refused as what it is', async () => {
    expect((await get('/changes')).status).toBe(404);
    await createTopic({ 'cleanup.policy': 'delete' });
    expect((await get('/changes')).status).toBe(409);
    const wrong = await get('/changes', { headers: { 'last-event-id': 'nonsense' } });
    expect([400, 409]).toContain(wrong.status);
  });
});

test('pages and batches tell what single answers tell', async () => {
  await createTopic({ 'cleanup.policy': 'compact' }, 3);
  await produce(Array.from({ length: 50 }, (_, n) => ({ key: `k${n}`, value: `{"n":${n}}` })));
  const seen = new Map<string, number>();
  let next: string | null = null;
  do {
    const after: string = next === null ? '' : `&after=${encodeURIComponent(next)}`;
    const page = (await (await get(`/keys?limit=7&wait-ms=5000${after}`)).json()) as {
      records: { key: string; json: { n: number } }[];
      next: string | null;
    };
    for (const { key, json } of page.records) seen.set(key, json.n);
    next = page.next;
  } while (next !== null);
  expect(seen.size).toBe(50);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ keys: [...seen.keys(), 'none'] });
  const batch = await fetch(url('/keys:batch'), { method: 'POST', headers, body });
  const { answers } = (await batch.json()) as {
    answers: { kind: string; record?: { json: { n: number } } }[];
  };
  expect(answers.map(({ record }) => record?.json.n)).toEqual([...seen.values(), undefined]);
});

test('every route takes every key: as text, as bytes, and from page to page', async () => {
  await createTopic();
  const texts = [
    'x',
    'y'.repeat(100),
    'z'.repeat(101),
    'ü'.repeat(2_000),
    '',
    '.',
    '..',
    'a/b%c?d#e:f',
    'base64:AA',
    'hex:',
  ];
  const all = [
    ...texts.map((text) => Buffer.from(text)),
    Buffer.from([0xff, 0x00, 0xfe]),
    Buffer.alloc(4_000, 0x9f),
  ];
  for (const [n, key] of all.entries()) {
    // As the answers have it, where a URL can have it so; else with what says that it is text.
    const told = notationOf(key);
    const asked = encodeURIComponent(/^\.{0,2}$/.test(told) ? `text:${told}` : told);
    const type = { 'Content-Type': 'text/plain' };
    expect((await put(`/keys/${asked}`, `${n}`, type)).status, told).toBe(200);
    const head = await get(`/keys/${asked}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('kompakt-offset')], told).toEqual([200, `${n}`]);
    expect(await (await get(`/keys/${asked}`)).text(), told).toBe(`${n}`);
    const history = await (await get(`/keys/${asked}/history`)).json();
    expect(history, told).toMatchObject({ records: [{ key: told, text: `${n}` }] });
    const changes = events(`/changes?key=${asked}`);
    expect((await changes.next()).value, told).toMatchObject({ event: 'snapshot', data: { key: told } });
    await changes.return(undefined);
  }
  const keys = all.map(notationOf);
  const batch = await get('/keys:batch', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ keys }),
  });
  const { answers } = (await batch.json()) as { answers: { key: string; record: { text: string } }[] };
  expect(answers.map(({ key, record }) => [key, record.text])).toEqual(keys.map((key, n) => [key, `${n}`]));
  const seen: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page = await get(`/keys?limit=1${after === '' ? '' : `&after=${after}`}`);
    const { records, next } = (await page.json()) as { records: { key: string }[]; next: string | null };
    seen.push(...records.map(({ key }) => key));
    after = next;
  }
  expect(seen).toEqual(keys);
  for (const told of keys) {
    const asked = encodeURIComponent(/^\.{0,2}$/.test(told) ? `text:${told}` : told);
    expect((await get(`/keys/${asked}`, { method: 'DELETE' })).status, told).toBe(200);
    expect((await get(`/keys/${asked}`)).status, told).toBe(404);
  }
});

test.each(['', 'a/b%c?d#e', '..', 'base64:x', 'größe', 'ö'.repeat(2_000), 'x'.repeat(101)])(
  'the key %j goes round',
  async (key) => {
    await createTopic();
    await produce([{ key, value: 'by kafkajs' }]);
    const text = /^\.{1,2}$|^(text|hex|base64):/.test(key) ? `text:${key}` : key;
    const path = `/keys/${encodeURIComponent(text)}`;
    expect(await (await get(`${path}?min-offset=0`)).text()).toBe('by kafkajs');
    const hex = `/keys/hex:${Buffer.from(key).toString('hex')}`;
    expect((await put(hex, 'by http')).status).toBe(200);
    expect(await (await get(path)).text()).toBe('by http');
  },
);

test('a value beyond max.message.bytes is refused, whatever it is made of', async () => {
  await createTopic({ 'cleanup.policy': 'compact', 'max.message.bytes': '2000' });
  expect((await put('/keys/k', 'x'.repeat(2_001))).status).toBe(413);
  // The record around it has no room.
  expect((await put('/keys/k', 'x'.repeat(1_999))).status).toBe(413);
  expect((await put('/keys/k', 'x'.repeat(1_500))).status).toBe(200);
});

describe('the library', () => {
  test('serves HTTP only when asked', async () => {
    const quiet = await startBroker();
    expect(quiet.httpUrl).toBeNull();
    await quiet.stop();
    expect(broker.httpUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const home = await (await fetch(broker.httpUrl!)).json();
    expect(home).toMatchObject({ name: 'kompakt', tables: [] });
  });

  test('does not start where its port is taken, or where others could come in without a token', async () => {
    const port = Number(new URL(broker.httpUrl!).port);
    await expect(startBroker({ http: { port } })).rejects.toThrow(`127.0.0.1:${port}, for HTTP, is in use`);
    await expect(startBroker({ http: { host: '0.0.0.0' } })).rejects.toThrow(/needs kompakt\.http\.token/);
    await expect(startBroker({ http: { token: 'two words' } })).rejects.toThrow(/visible ASCII/);
    await expect(startBroker({ http: { corsOrigins: ['*'] } })).rejects.toThrow(/scheme:\/\/host/);
  });

  test('serves everywhere with a token', async () => {
    const port = await quietPort();
    const open = await startBroker({ http: { host: '0.0.0.0', port, token: 'secret' } });
    expect(open.httpUrl).toBe(`http://localhost:${port}`);
    const at = `http://127.0.0.1:${port}/`;
    expect((await fetch(at)).status).toBe(401);
    expect((await fetch(at, { headers: { authorization: 'Bearer secret' } })).status).toBe(200);
    await open.stop();
  });
});
