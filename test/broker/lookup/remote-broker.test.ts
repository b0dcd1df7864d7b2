/** A program and a broker: tables in its process and over TCP, on a real store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, expect, it } from 'vitest';
import { type Broker, connectLookup, LookupRefused, startBroker } from '../../../broker/index.ts';

let broker: Broker | null = null;
afterEach(async () => {
  await broker?.stop();
  broker = null;
});

const compacted = { 'log.cleanup.policy': 'compact', 'num.partitions': 2 };

async function topic(name: string, { brokers }: Broker): Promise<void> {
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: name }] });
  await admin.disconnect();
}

it('reads, writes and watches the same table from within and from outside', async () => {
  broker = await startBroker({ config: { ...compacted, 'kompakt.lookup.rpc.port': 0 } });
  await topic('articles', broker);
  const inside = broker.table<{ price: number }>('articles');
  await using client = await connectLookup({ port: broker.lookupPort! });
  const outside = client.table<{ price: number }>('articles');
  const written = await inside.put('4711', { price: 79.9 });
  expect(
    await outside.getRecord('4711', { minOffset: written.offset, partition: written.partition }),
  ).toEqual(await inside.getRecord('4711'));
  const changes = outside.changes();
  expect((await changes.next()).value).toMatchObject({
    isSnapshot: true,
    record: { value: { price: 79.9 } },
  });
  expect((await changes.next()).value).toMatchObject({ kind: 'live' });
  const changed = await outside.put('4711', { price: 69.9 }, { ifMatch: [written] });
  expect(changed).toMatchObject({ partition: written.partition, offset: written.offset + 1 });
  expect((await changes.next()).value).toMatchObject({
    isSnapshot: false,
    record: { value: { price: 69.9 } },
  });
  await changes.return(undefined);
  const late = await outside
    .put('4711', { price: 0 }, { ifMatch: [written] })
    .catch((error: unknown) => error);
  expect(late).toBeInstanceOf(LookupRefused);
  const { topicId, partition, offset } = changed;
  expect(late).toMatchObject({
    refusal: { reason: 'precondition', current: { topicId, partition, offset } },
  });
  const { records } = await outside.history('4711');
  expect(records.map(({ value }) => value?.price)).toEqual([79.9, 69.9]);
  await outside.delete('4711');
  expect(await inside.lookup('4711')).toMatchObject({ kind: 'deleted', record: { offset: 2 } });
  const many = Array.from({ length: 3_000 }, (_, i) => `k${i}`);
  await Promise.all(many.map((key, i) => outside.put(key, { price: i })));
  const seen = new Set<string>();
  for await (const { key, value } of outside.scan({ prefix: 'k' })) seen.add(`${key} ${value.price}`);
  expect(seen).toEqual(new Set(many.map((key, i) => `${key} ${i}`)));
  expect(await outside.getMany(many)).toEqual(many.map((_, i) => ({ price: i })));
  expect((await client.tables()).reduce((sum, { keys }) => sum + keys, 0)).toBe(3_001);
  await expect(client.table('nothing').get('4711')).rejects.toMatchObject({
    refusal: { reason: 'unknown-topic' },
  });
});

it('a stream of changes goes on with the broker that is started again', async (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'kompakt-changes-'));
  context.onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const start = (port: number) =>
    startBroker({ dataDir, config: { ...compacted, 'kompakt.lookup.rpc.port': port } });
  broker = await start(0);
  await topic('articles', broker);
  const port = broker.lookupPort!;
  await using client = await connectLookup({ port });
  const articles = client.table('articles', { values: 'text' });
  await articles.put('4711', 'red');
  const lost: unknown[] = [];
  const changes = articles.changes({ onLost: ({ position }) => lost.push(position) });
  await changes.next();
  const { value } = await changes.next();
  await broker.stop();
  const next = changes.next();
  broker = await start(port);
  await broker.table('articles', { values: 'text' }).put('4711', 'blue');
  expect((await next).value).toMatchObject({ isSnapshot: false, record: { value: 'blue' } });
  expect(lost).toEqual([(value as { position: string }).position]);
  await changes.return(undefined);
  const once = articles.changes({ reconnectMs: 0 });
  await once.next();
  await once.next();
  const ended = { name: 'LookupConnectionError', position: expect.any(String) };
  const last = expect(once.next()).rejects.toMatchObject(ended);
  await broker.stop();
  broker = null;
  await last;
});

it('a value is as large as the topic allows, over TCP too', async () => {
  const config = { ...compacted, 'message.max.bytes': 6_000_000, 'kompakt.lookup.rpc.port': 0 };
  broker = await startBroker({ config });
  await topic('articles', broker);
  await using client = await connectLookup({ port: broker.lookupPort! });
  const articles = client.table('articles', { values: 'text' });
  const large = 'x'.repeat(5_000_000);
  await articles.put('large', large);
  expect((await articles.get('large')) === large).toBe(true);
  await expect(articles.put('larger', 'x'.repeat(6_100_000))).rejects.toMatchObject({
    refusal: { reason: 'too-large' },
  });
});

it('has no port unless it is asked, and needs a token beyond this machine', async () => {
  broker = await startBroker();
  expect(broker.lookupPort).toBeNull();
  const open = { 'kompakt.lookup.rpc.port': 0, 'kompakt.lookup.rpc.host': '0.0.0.0' };
  const needsToken =
    'kompakt.lookup.rpc.host=0.0.0.0 is beyond this machine, which needs kompakt.lookup.rpc.token, of at least 16 characters';
  await expect(startBroker({ config: open })).rejects.toThrow(needsToken);
  await expect(startBroker({ config: { ...open, 'kompakt.lookup.rpc.token': 'short' } })).rejects.toThrow(
    needsToken,
  );
  await broker.stop();
  const token = 'sixteen and some more';
  broker = await startBroker({ config: { ...open, ...compacted, 'kompakt.lookup.rpc.token': token } });
  const port = broker.lookupPort!;
  await expect(connectLookup({ port })).rejects.toThrow(`127.0.0.1:${port}: the token is wrong`);
  await topic('articles', broker);
  await using client = await connectLookup({ host: '127.0.0.1', port, token });
  expect(await client.table('articles').get('4711')).toBeUndefined();
});

it('does not start where its port is taken', async () => {
  broker = await startBroker({ config: { 'kompakt.lookup.rpc.port': 0 } });
  const config = { 'kompakt.lookup.rpc.port': broker.lookupPort! };
  await expect(startBroker({ config })).rejects.toThrow(
    `127.0.0.1:${broker.lookupPort} is in use by another program`,
  );
});

it('any number may wait, without a warning of Node', async () => {
  const warnings: Error[] = [];
  const heard = (warning: Error) => warnings.push(warning);
  process.on('warning', heard);
  broker = await startBroker({ config: { ...compacted, 'kompakt.lookup.rpc.port': 0 } });
  await topic('articles', broker);
  await using client = await connectLookup({ port: broker.lookupPort! });
  const articles = client.table('articles');
  const { partition } = await articles.put('4711', 1);
  const waiting = Array.from({ length: 50 }, () =>
    articles.get('4711', { partition, minOffset: 1, waitMs: 60_000 }),
  );
  await articles.put('4711', 2, { partition });
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([2]));
  process.off('warning', heard);
  expect(warnings).toEqual([]);
});
