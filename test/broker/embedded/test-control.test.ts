/** What a test in any language does to a broker over HTTP: all of it, and that who asks is answered though the broker ends over it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Broker, type BrokerOptions, startBroker } from '../../../broker/index.ts';

let directory: string;
let broker: Broker;
let consumer: Consumer | null = null;
const brokers: Broker[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

async function start(options: BrokerOptions = {}): Promise<Broker> {
  const started = await startBroker({ http: { testControl: true }, ...options });
  brokers.push(started);
  return started;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt-'));
  broker = await start();
});
afterEach(async () => {
  await consumer?.disconnect();
  consumer = null;
  await Promise.all(brokers.splice(0).map((one) => one.stop()));
  rmSync(directory, { recursive: true });
});

// biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
type Answer = { status: number; json: any };

async function post(path: string, body?: object, signal?: AbortSignal): Promise<Answer> {
  const answer = await fetch(`${broker.httpUrl}${path}`, {
    method: 'POST',
    ...(signal === undefined ? {} : { signal }),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, json: await answer.json() };
}

/** On one connection that is kept. */
function postOn(one: Agent, path: string): Promise<{ status: number; localPort: number }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${broker.httpUrl}${path}`, { method: 'POST', agent: one }, (answer) => {
      const { localPort } = answer.socket;
      answer.resume().once('end', () => resolve({ status: answer.statusCode!, localPort: localPort! }));
    });
    asked.once('error', reject).end();
  });
}

const clientOf = ({ brokers: addresses }: Broker) =>
  new Kafka({ brokers: addresses, logLevel: logLevel.NOTHING });

async function send(topic: string, ...messages: { key?: string; value: string | null }[]): Promise<void> {
  const producer = clientOf(broker).producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

async function topicsOf(one: Broker): Promise<string[]> {
  const admin = clientOf(one).admin();
  await admin.connect();
  const topics = await admin.listTopics();
  await admin.disconnect();
  return topics;
}

describe('reset', () => {
  it('answers who asked, on a connection that stays', async () => {
    await broker.createTopics(['orders']);
    const first = await postOn(agent, '/test/reset');
    const second = await postOn(agent, '/test/reset');
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.localPort).toBe(first.localPort);
    expect(await topicsOf(broker)).toEqual([]);
  });

  it('ends what is asked of the broker that goes, and no connection on which nothing is', async () => {
    const other = new Agent({ keepAlive: true });
    const { localPort } = await postOn(other, '/test/reset');
    await broker.createTopics([{ topic: 'prices', config: { 'cleanup.policy': 'compact' } }]);
    const changes = await fetch(`${broker.httpUrl}/topics/prices/changes`);
    await postOn(agent, '/test/reset');
    await changes.text().catch(() => {});
    expect((await postOn(other, '/test/reset')).localPort).toBe(localPort);
    other.destroy();
  });

  it('of many at a time answers each', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => post('/test/reset')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it('tells who waited for something that it was', async () => {
    await broker.createTopics(['orders']);
    const waiting = post('/test/topics/orders/records', { atLeast: 1, timeoutMs: 60_000 });
    // The wait is under way when a second request, behind it on the server, has been answered.
    await post('/test/topics/orders/records', { atLeast: 0 });
    await broker.reset();
    expect(await waiting).toMatchObject({
      status: 409,
      json: { type: 'urn:kompakt:broker-gone', reason: 'reset', detail: /was reset/ },
    });
  });

  it('that fails says why, and the broker has stopped', async () => {
    const from = join(directory, 'source');
    await broker.snapshot(from);
    broker = await start({ from });
    rmSync(from, { recursive: true });
    const { status, json } = await post('/test/reset');
    expect([status, json.type]).toEqual([500, 'urn:kompakt:reset-failed']);
    expect(json.detail).toContain('there is no directory');
    await expect(post('/test/reset')).rejects.toThrow();
  });
});

describe('snapshot', () => {
  it('of a broker in memory goes into a directory, and another broker begins with it', async () => {
    await broker.createTopics(['orders']);
    const into = join(directory, 'taken');
    expect(await post('/test/snapshots', { directory: into })).toEqual({
      status: 200,
      json: { directory: into },
    });
    const fork = await start({ from: into });
    expect(await topicsOf(fork)).toEqual(['orders']);
    await fork.createTopics(['more']);
    broker = fork;
    await post('/test/reset');
    expect(await topicsOf(fork)).toEqual(['orders']);
  });

  it('names what is wrong', async () => {
    writeFileSync(join(directory, 'file'), '');
    const full = await post('/test/snapshots', { directory });
    expect([full.status, full.json.option]).toEqual([400, 'directory']);
    expect(full.json.detail).toContain('not empty');
    const below = await post('/test/snapshots', { directory: join(directory, 'file', 'below') });
    expect(below).toMatchObject({ status: 507, json: { type: 'urn:kompakt:no-snapshot' } });
    expect((await post('/test/snapshots', {})).json.option).toBe('directory');
    expect((await post('/test/snapshots', { directory: '' })).json.option).toBe('directory');
    expect(readdirSync(directory)).toEqual(['file']);
  });
});

describe('the clock', () => {
  it('moves when it is virtual, forwards alone', async () => {
    broker = await start({ clock: { kind: 'virtual', startMs: 1_000 } });
    expect(await post('/test/clock/advance', { by: '8d' })).toEqual({
      status: 200,
      json: { kind: 'virtual', nowMs: 1_000 + 8 * 86_400_000 },
    });
    for (const by of ['-1d', -5, 'soon', 1.5, null])
      expect(await post('/test/clock/advance', { by })).toMatchObject({
        status: 400,
        json: { option: expect.stringMatching(/^(clock\.advance|by)$/) },
      });
    const { json } = await post('/test/reset');
    expect(json).toEqual({ kind: 'virtual', nowMs: 1_000 });
  });

  it('is moved no more when the broker is reset', async () => {
    broker = await start({ clock: { kind: 'virtual', startMs: 0 } });
    const moving = Promise.all([
      post('/test/clock/advance', { by: '3650d' }),
      post('/test/clock/advance', { by: '1h' }),
    ]);
    while (broker.clock.nowMs() === 0) await post('/test/topics/none/records');
    await broker.reset();
    expect((await moving).map(({ status, json }) => [status, json.reason])).toEqual([
      [409, 'reset'],
      [409, 'reset'],
    ]);
    expect(broker.clock.nowMs()).toBe(0);
  });

  it('that is real is not moved', async () => {
    const { status, json } = await post('/test/clock/advance', { by: 5 });
    expect([status, json.option]).toEqual([400, 'clock']);
    expect(json.detail).toContain('--clock virtual');
    expect(await (await fetch(`${broker.httpUrl}/test/clock`)).json()).toMatchObject({ kind: 'real' });
  });
});

describe('waiting', () => {
  it('for records has them as they are', async () => {
    await broker.createTopics(['orders']);
    const waiting = post('/test/topics/orders/records', { atLeast: 3 });
    await send('orders', { key: 'a', value: '{"n": 1.0}' }, { value: null }, { key: 'hex:', value: 'text' });
    const { json } = await waiting;
    expect(json.records).toMatchObject([
      { offset: 0, key: 'a', json: { n: 1 } },
      { offset: 1, key: null, deleted: true },
      { offset: 2, key: 'text:hex:', text: 'text' },
    ]);
  });

  it('for a group, for its commits, and for compaction', async () => {
    await broker.createTopics([{ topic: 'orders', config: { 'cleanup.policy': 'compact' } }]);
    await send('orders', { key: 'a', value: '1' }, { key: 'a', value: '2' });
    const stable = post('/test/groups/the%20shop/stable', { members: 1 });
    const committed = post('/test/groups/the%20shop/committed', { topics: ['orders'] });
    consumer = clientOf(broker).consumer({ groupId: 'the shop', maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    await consumer.run({ eachMessage: async () => {} });
    expect((await stable).json).toMatchObject({
      groupId: 'the shop',
      members: [{ clientId: 'kafkajs', partitions: [{ topic: 'orders', partition: 0 }] }],
    });
    expect((await committed).json).toEqual({
      partitions: [{ topic: 'orders', partition: 0, offset: 2, endOffset: 2 }],
    });
    expect((await post('/test/topics/orders/compacted')).json).toEqual({
      partitions: [{ topic: 'orders', partition: 0, cleanUpToOffset: 2, endOffset: 2 }],
    });
    expect((await post('/test/topics/orders/records')).json.records).toMatchObject([
      { offset: 1, text: '2' },
    ]);
  });

  it('that is over tells what it saw', async () => {
    await broker.createTopics(['orders']);
    const late = await post('/test/topics/orders/records', { timeoutMs: 5 });
    expect(late).toMatchObject({
      status: 409,
      json: {
        type: 'urn:kompakt:wait-failed',
        saw: 'there are 0',
        detail: 'waited 5 ms for 1 records in orders: there are 0',
      },
    });
    expect((await post('/test/groups/none/stable', { timeoutMs: 5 })).json.saw).toBe(
      'there is no such group',
    );
  });

  it('ends when who waits has gone', async () => {
    await broker.createTopics(['orders']);
    const gone = new AbortController();
    const waiting = post('/test/topics/orders/records', { timeoutMs: 60_000 }, gone.signal);
    gone.abort();
    await expect(waiting).rejects.toThrow();
  });

  it.each<[string, string, object]>([
    ['members', '/test/groups/g/stable', { members: 0 }],
    ['members', '/test/groups/g/stable', { members: '1' }],
    ['memers', '/test/groups/g/stable', { memers: 1 }],
    ['signal', '/test/groups/g/stable', { signal: {} }],
    ['fetching', '/test/groups/g/stable', { fetching: 'no' }],
    ['timeoutMs', '/test/groups/g/committed', { timeoutMs: -1 }],
    ['topics', '/test/groups/g/committed', { topics: 'orders' }],
    ['topic', '/test/groups/g/committed', { topics: ['none'] }],
    ['topic', '/test/topics/none/records', {}],
    ['atLeast', '/test/topics/orders/records', { atLeast: -1 }],
    ['partition', '/test/topics/orders/records', { partition: 9 }],
    ['topic', '/test/topics/none/compacted', {}],
    ['timeoutMs', '/test/topics/orders/compacted', { timeoutMs: 1e99 }],
    ['includeActve', '/test/topics/orders/compact', { includeActve: true }],
  ])('names %s when it makes no sense: %s %j', async (option, path, body) => {
    await broker.createTopics(['orders']);
    const { status, json } = await post(path, body);
    expect([status, json.option]).toEqual([400, option]);
    expect(json.detail).toContain(option === 'memers' ? 'did you mean members' : option);
  });
});
