/** Incremental fetch sessions (KIP-227), through the Fetch handler. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FetchSessions } from '../../../broker/partitions/fetch-sessions.ts';
import type { Partition } from '../../../broker/partitions/partition.ts';
import { errors } from '../../../protocol/errors.ts';
import { type Asked, type FetchOptions, fetching, fetchNow, told } from '../apis/data/fetch-client.ts';
import { appendNow, World } from '../world.ts';

let world: World;
let orders: Partition;
beforeEach(async () => {
  world = await World.open();
  orders = await world.topic('orders', 3);
});
afterEach(async () => {
  expect(world.regions).toMatchObject({ open: 0, releasedTwice: 0 });
  await world.stop();
});

const all: Asked = { 'orders-0': 0, 'orders-1': 0, 'orders-2': 0 };
const partition = (index: number): Partition => world.partitions.get('orders', index)!;

/** A client that keeps its session as clients do. */
class SessionClient {
  id = 0;
  epoch = 0;
  readonly options: FetchOptions;

  constructor(options: FetchOptions = {}) {
    this.options = options;
  }

  async fetch(asked: Asked = {}, options: FetchOptions = {}): Promise<Record<string, string>> {
    const session = [this.id, this.epoch] as const;
    const answer = await fetchNow(world, asked, { ...this.options, ...options, session });
    if (answer.errorCode !== 0) return { error: String(answer.errorCode) };
    this.id = answer.sessionId;
    this.epoch = this.epoch === 0x7fffffff ? 1 : this.epoch + 1;
    return told(world, answer);
  }
}

describe('a session', () => {
  test.each([12, 13])('tells what is new and nothing else, at version %i', async (version) => {
    const client = new SessionClient({ version });
    appendNow(orders, 'a');
    expect(await client.fetch(all)).toEqual({ 'orders-0': 'a', 'orders-1': '', 'orders-2': '' });
    expect(client.id).toBeGreaterThan(0);
    expect(await client.fetch({ 'orders-0': 1 })).toEqual({});
    appendNow(partition(2), 'b');
    expect(await client.fetch()).toEqual({ 'orders-2': 'b' });
    // The client has not moved on: the records are there again.
    expect(await client.fetch()).toEqual({ 'orders-2': 'b' });
    expect(await client.fetch({ 'orders-2': 1 })).toEqual({});
    // A moved log start is news, too.
    await orders.log.deleteRecordsBefore(1);
    expect(await client.fetch()).toEqual({ 'orders-0': '' });
    expect(await client.fetch()).toEqual({});
  });

  test('begins with what is there', async () => {
    const client = new SessionClient();
    appendNow(orders, 'a');
    const first = await client.fetch({ 'orders-3': 0, 'orders-0': 1, 'orders-1': 0 });
    expect(Object.keys(first)).toEqual(['orders-0', 'orders-1', 'orders-3']);
    await world.cluster.controller.createPartitions([{ name: 'orders', count: 4, assignments: null }], {
      validateOnly: false,
    });
    for (const index of [0, 3]) appendNow(partition(index), 'b');
    expect(Object.keys(await client.fetch())).toEqual(['orders-0', 'orders-3']);
  });

  test('takes in partitions and forgets them', async () => {
    const client = new SessionClient();
    for (const index of [0, 1, 2]) appendNow(partition(index), `${index}`);
    expect(await client.fetch({ 'orders-0': 1 })).toEqual({ 'orders-0': '' });
    expect(await client.fetch({ 'orders-1': 0 })).toEqual({ 'orders-1': '1' });
    expect(await client.fetch({ 'orders-2': 0 }, { forget: ['orders-1'] })).toEqual({ 'orders-2': '2' });
    expect(await client.fetch({}, { forget: ['orders-9', 'orders-1'] })).toEqual({ 'orders-2': '2' });
    expect(world.services.fetchSessions.size).toBe(1);
    // Without partitions it is over.
    expect(await client.fetch({}, { forget: ['orders-0', 'orders-2'] })).toEqual({});
    expect([client.id, world.services.fetchSessions.size]).toEqual([0, 0]);
  });

  test('gives every partition its turn when the limit is tight', async () => {
    const client = new SessionClient({ maxBytes: 1 });
    for (const index of [0, 1, 2]) appendNow(partition(index), `${index}`);
    const turns: string[] = [];
    await client.fetch(all);
    for (let n = 0; n < 6; n++) {
      const answer = await client.fetch();
      turns.push(...Object.keys(answer).filter((name) => answer[name] !== ''));
    }
    // The first answer came from partition 0, and with it the others told their watermarks.
    expect(turns).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders-0', 'orders-1', 'orders-2']);
  });

  test('repeats an error until it is over, and then says that it is', async () => {
    const client = new SessionClient();
    const out = `error ${errors.offsetOutOfRange.code}`;
    expect(await client.fetch({ 'orders-0': 5, 'orders-1': 0 })).toEqual({
      'orders-0': out,
      'orders-1': '',
    });
    expect(await client.fetch()).toEqual({ 'orders-0': out });
    expect(await client.fetch({ 'orders-0': 0 })).toEqual({ 'orders-0': '' });
    expect(await client.fetch()).toEqual({});
  });

  test('tells of a divergence every time, as Kafka does, and of nothing afterwards', async () => {
    const client = new SessionClient();
    appendNow(orders, 'a');
    appendNow(orders, 'b');
    await client.fetch({ 'orders-0': 2 });
    await orders.log.truncateTo(1);
    orders.beginLeaderEpoch(3);
    appendNow(orders, 'c');
    const diverging = { 'orders-0': { offset: 2, lastFetchedEpoch: 0 } };
    expect(await client.fetch(diverging)).toEqual({ 'orders-0': '' });
    expect(await client.fetch()).toEqual({ 'orders-0': '' });
    expect(await client.fetch({ 'orders-0': { offset: 1, lastFetchedEpoch: 0 } })).toEqual({
      'orders-0': 'c',
    });
    expect(await client.fetch({ 'orders-0': { offset: 2, lastFetchedEpoch: 3 } })).toEqual({});
  });

  test('of names sees a new topic of the same name with new eyes; one of ids does not see it', async () => {
    const byName = new SessionClient({ version: 12 });
    const byId = new SessionClient();
    appendNow(orders, 'a');
    await byName.fetch({ 'orders-0': 1 });
    await byId.fetch({ 'orders-0': 1 });
    await world.deleteTopic('orders');
    expect(await byName.fetch()).toEqual({ 'orders-0': `error ${errors.unknownTopicOrPartition.code}` });
    expect(await byId.fetch()).toEqual({ '?-0': `error ${errors.unknownTopicId.code}` });
    await byName.fetch();
    const again = await world.topic('orders', 3);
    appendNow(again, 'x');
    // The same watermark as before, of another topic.
    expect(await byName.fetch()).toEqual({ 'orders-0': '' });
    expect(await byId.fetch()).toEqual({ '?-0': `error ${errors.unknownTopicId.code}` });
    expect(await byId.fetch({ 'orders-0': 0 })).toMatchObject({ 'orders-0': 'x' });
  });

  test('deleted and made again between two fetches is news', async () => {
    const client = new SessionClient({ version: 12 });
    appendNow(orders, 'a');
    await client.fetch({ 'orders-0': 1 });
    await world.deleteTopic('orders');
    appendNow(await world.topic('orders', 3), 'x');
    expect(await client.fetch()).toEqual({ 'orders-0': '' });
  });
});

describe('requests out of order', () => {
  const ask = (id: number, epoch: number, asked: Asked = {}, options: FetchOptions = {}) =>
    fetchNow(world, asked, { ...options, session: [id, epoch] });

  test('are refused with the words of KIP-227', async () => {
    const { sessionId } = await ask(0, 0, all);
    const code = async (...args: Parameters<typeof ask>) => {
      const answer = await ask(...args);
      expect(answer.responses).toEqual([]);
      return answer.errorCode;
    };
    expect(await code(sessionId + 1, 1)).toBe(errors.fetchSessionIdNotFound.code);
    expect(await code(sessionId, 2)).toBe(errors.invalidFetchSessionEpoch.code);
    expect(await code(sessionId, -7)).toBe(errors.invalidFetchSessionEpoch.code);
    expect(await code(sessionId, 1, {}, { version: 12 })).toBe(errors.fetchSessionTopicIdError.code);
    expect(await code(sessionId, 1)).toBe(0);
    expect(await code(sessionId, 1)).toBe(errors.invalidFetchSessionEpoch.code);
    expect(await code(sessionId, 2)).toBe(0);
  });

  test('that overtake a waiting one end it', async () => {
    const { sessionId } = await ask(0, 0, all);
    const waiting = fetching(world, {}, { session: [sessionId, 1], maxWaitMs: 1_000 });
    await world.clock.settle();
    await ask(sessionId, 2);
    appendNow(orders, 'a');
    const answer = await waiting.promise;
    expect(answer).toMatchObject({
      errorCode: errors.invalidFetchSessionEpoch.code,
      sessionId,
      responses: [],
    });
  });

  test('that forget a partition meanwhile keep its records out of the answer', async () => {
    const { sessionId } = await ask(0, 0, all);
    const waiting = fetching(world, {}, { session: [sessionId, 1], maxWaitMs: 1_000 });
    await world.clock.settle();
    // The epochs of a client run through all numbers; this one has come round.
    const session = world.services.fetchSessions.begin({
      sessionId,
      sessionEpoch: 2,
      byTopicId: true,
      targets: [],
      forgotten: [{ topic: '', topicId: world.idOf('orders'), partition: 0 }],
    });
    expect('errorCode' in session).toBe(false);
    appendNow(orders, 'a');
    expect((await waiting.promise)!.errorCode).toBe(errors.invalidFetchSessionEpoch.code);
  });

  test('a full one closes the session that it names', async () => {
    const first = await ask(0, 0, all);
    const second = await ask(first.sessionId, 0, all);
    expect(second.sessionId).not.toBe(first.sessionId);
    expect(world.services.fetchSessions.size).toBe(1);
    const without = await ask(second.sessionId, -1, all);
    expect([without.sessionId, world.services.fetchSessions.size]).toEqual([0, 0]);
  });
});

describe('the cache', () => {
  const minuteMs = 60_000;
  beforeEach(() => {
    world.settings['max.incremental.fetch.session.cache.slots'] = 2;
  });
  const some = (count: number): Asked => Object.fromEntries(Object.entries(all).slice(0, count)) as Asked;
  const open = async (count: number): Promise<SessionClient> => {
    const client = new SessionClient();
    await client.fetch(some(count));
    return client;
  };
  const lives = async (client: SessionClient): Promise<boolean> => (await client.fetch()).error === undefined;

  test('has its limit: a newcomer goes on without a session', async () => {
    const [a, b, c] = [await open(3), await open(3), await open(3)];
    expect([a.id > 0, b.id > 0, c.id]).toEqual([true, true, 0]);
  });

  test('gives up what has not been used for two minutes', async () => {
    const [a, b] = [await open(3), await open(3)];
    await world.clock.advance(2 * minuteMs);
    expect(await lives(b)).toBe(true);
    expect((await open(1)).id).toBe(0);
    await world.clock.advance(1);
    const c = await open(1);
    expect(c.id).toBeGreaterThan(0);
    expect([await lives(a), await lives(b)]).toEqual([false, true]);
  });

  test('remembers only so many partitions, of however few sessions', async () => {
    const { environment, cluster } = world.services;
    const sessions = new FetchSessions(environment, cluster, () => 100, 5);
    Object.assign(world.services, { fetchSessions: sessions });
    const [a, b] = [await open(3), await open(1)];
    expect((await open(2)).id).toBe(0);
    // It grows with each request; where it cannot, its client begins again.
    expect(await b.fetch({ 'orders-1': 0, 'orders-2': 0 })).toEqual({ error: '70' });
    expect(sessions.size).toBe(1);
    await world.clock.advance(2 * minuteMs + 1);
    expect((await open(3)).id).toBeGreaterThan(0);
    expect(await lives(a)).toBe(false);
  });

  test('prefers larger ones, once the others have had their two minutes', async () => {
    const [small, large] = [await open(1), await open(3)];
    expect((await open(2)).id).toBe(0);
    await world.clock.advance(2 * minuteMs);
    await Promise.all([lives(small), lives(large)]);
    await world.clock.advance(1);
    // Of age only at their next use.
    expect((await open(2)).id).toBe(0);
    expect([await lives(small), await lives(large)]).toEqual([true, true]);
    expect((await open(1)).id).toBe(0);
    expect((await open(2)).id).toBeGreaterThan(0);
    expect([await lives(small), await lives(large)]).toEqual([false, true]);
  });
});
