/** The Lookup service from end to end: what a client in another process gets is what `Lookups` gives. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LookupConnectionError } from '../../../broker/lookup/connection-error.ts';
import {
  type Change,
  type KeyAnswer,
  type LookupRefusal,
  LookupRefused,
} from '../../../broker/lookup/lookup.ts';
import {
  lookupCallsMax,
  lookupProtocol,
  lookupStreamsMax,
  streamWindowBytes,
} from '../../../protocol/lookup/service.ts';
import { deferred } from '../network/frames.ts';
import { fakeTopicId } from './fake-lookups.ts';
import { callFrame, rpcWorld, takeFrame } from './rpc-world.ts';

const key = Buffer.from('4711');
const text = (value: string) => Buffer.from(value);
type Found = Extract<KeyAnswer, { kind: 'found' }>;
const hashOf = ({ value }: { value: Buffer | null }) => createHash('sha1').update(value!).digest('hex');

describe('each call answers as the store does', () => {
  it('get: found, deleted, absent, several', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const headers = [
      { name: 'from', value: text('erp') },
      { name: 'empty', value: Buffer.alloc(0) },
      { name: 'null', value: null },
    ];
    lookups.add('4711', text('shoe'), { headers });
    lookups.add('4712', text('gone'));
    lookups.add('4712', null, { offset: 2 ** 52, leaderEpoch: -1, timestampMs: -1 });
    lookups.add(Buffer.from([0, 255]), Buffer.alloc(0));
    lookups.add('both', text('0'), { partition: 0 });
    lookups.add('both', text('1'), { partition: 1 });
    for (const one of [key, text('4712'), text('never'), Buffer.from([0, 255]), text('both')]) {
      expect(await remote.get('articles', one)).toEqual(await lookups.get('articles', one));
      expect(await remote.get('articles', one, { partition: 1 })).toEqual(
        await lookups.get('articles', one, { partition: 1 }),
      );
    }
    const keys = ['both', '4711', 'never', '4712'].map(text);
    expect(await remote.getMany('articles', keys)).toEqual(await lookups.getMany('articles', keys));
  });

  it('page, history, put, tables', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    for (let i = 0; i < 25; i++) lookups.add(`k${i % 20}`, i === 24 ? null : text(`${i}`));
    for (const options of [{}, { limit: 7 }, { limit: 7, after: '14' }, { prefix: text('k1') }])
      expect(await remote.page('articles', options)).toEqual(await lookups.page('articles', options));
    expect(await remote.history('articles', text('k4'))).toEqual(
      await lookups.history('articles', text('k4')),
    );
    const written = await remote.put('articles', text('new'), text('value'), {
      timestampMs: 5,
      partition: 2,
    });
    expect(written).toEqual({ topicId: fakeTopicId, partition: 2, offset: 0, timestampMs: 5 });
    await remote.put('articles', text('new'), null, { partition: 2 });
    expect(await lookups.get('articles', text('new'))).toMatchObject({
      kind: 'deleted',
      record: { offset: 1 },
    });
    expect(await remote.tables()).toEqual(lookups.status());
  });

  it('with every option that was given, and no other', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const get = { partition: 0, minOffset: 0, asOfOffset: 2 ** 50, asOfMs: 0, waitMs: 0 };
    const page = { partition: 1, prefix: text('p'), after: '0', limit: 1, waitMs: 3 };
    const id = { topicId: fakeTopicId, partition: 0, offset: 5 };
    const headers = [{ name: 'h', value: null }];
    await remote.get('articles', key);
    await remote.get('articles', key, get);
    await remote.getMany('articles', [key], get);
    await remote.page('articles', page);
    await remote.history('articles', key, { partition: 0, limit: 9, waitMs: 1 });
    await remote.put('articles', key, null, {
      partition: 3,
      headers,
      timestampMs: 0,
      ifMatch: [id],
      waitMs: 4,
    });
    await remote.put('articles', key, null, { ifMatch: [] });
    await remote.put('articles', key, null, { ifMatch: '*' });
    await remote.put('articles', key, null, { ifNoneMatch: '*' });
    const changes = {
      partition: 0,
      key: text('k'),
      prefix: text(''),
      after: '1',
      bufferBytesMax: 9,
      waitMs: 2,
    };
    const stream = remote.changes('articles', changes)[Symbol.asyncIterator]();
    await stream.next();
    await stream.return!(undefined);
    const signal = expect.any(AbortSignal);
    expect(lookups.seen.map(({ options }) => options)).toEqual([
      { signal },
      { ...get, signal },
      { ...get, signal },
      { ...page, signal },
      { partition: 0, limit: 9, waitMs: 1, signal },
      { partition: 3, headers, timestampMs: 0, ifMatch: [id], waitMs: 4, signal },
      { headers: [], ifMatch: [], signal },
      { headers: [], ifMatch: '*', signal },
      { headers: [], ifNoneMatch: '*', signal },
      { ...changes, signal },
    ]);
  });
});

describe('a refusal comes with its fields', () => {
  const record = {
    ...{ topic: 'articles', topicId: fakeTopicId, partition: 4, offset: 9, leaderEpoch: 0, timestampMs: 1 },
    ...{ key, value: text('v'), headers: [] },
  };
  const refusals: LookupRefusal[] = [
    { reason: 'unknown-topic' },
    { reason: 'unknown-partition' },
    { reason: 'not-a-table' },
    { reason: 'bad-request' },
    { reason: 'loading', progress: { offsetsDone: 0, offsetsTotal: 5e9 } },
    { reason: 'not-yet', indexedOffset: 0, blockedBy: null },
    { reason: 'not-yet', indexedOffset: 7, blockedBy: 'the transaction of producer 8' },
    { reason: 'gone', earliestOffset: 12, earliestMs: 1.7e12 },
    { reason: 'gone', earliestOffset: 12, earliestMs: null },
    { reason: 'several', records: [record, { ...record, partition: 5 }] },
    { reason: 'precondition', current: null },
    { reason: 'precondition', current: { topicId: fakeTopicId, partition: 0, offset: 0 } },
    { reason: 'too-large' },
    { reason: 'too-many' },
    { reason: 'too-slow' },
    { reason: 'stopping' },
    { reason: 'memory', limitBytes: 6e9 },
    { reason: 'storage' },
  ];

  it.each(refusals)('$reason', async (refusal) => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    lookups.failure = new LookupRefused(refusal, `because of ${refusal.reason}`);
    const calls = [
      remote.get('articles', key),
      remote.getMany('articles', [key]),
      remote.page('articles'),
      remote.history('articles', key),
      remote.put('articles', key, null),
      remote.changes('articles', { reconnectMs: 0 })[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) {
      const told = await call.catch((error: unknown) => error);
      // A stream of changes takes a broker that stops for a lost connection.
      const error = told instanceof LookupConnectionError ? told.cause : told;
      expect(error).toBeInstanceOf(LookupRefused);
      expect((error as LookupRefused).refusal).toEqual(refusal);
      expect((error as LookupRefused).message).toBe(`because of ${refusal.reason}`);
    }
  });

  it('and what nobody expected comes as an error, with a line in the log', async () => {
    const { lookups, client, logger } = await rpcWorld();
    const remote = await client();
    lookups.failure = new Error('a bug');
    await expect(remote.get('articles', key)).rejects.toThrow('the lookup failed unexpectedly: a bug');
    expect(logger.lines).toMatchObject([{ level: 'error', message: 'a lookup failed' }]);
  });
});

describe('large and many', () => {
  it('values of several MiB go both ways, in as many replies as that takes', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const large = Buffer.alloc(5 * 1024 * 1024, 'x');
    await remote.put('articles', text('large'), large);
    for (let i = 0; i < 40; i++) lookups.add(`m${i}`, Buffer.alloc(100_000, i));
    // Compared as hashes: vitest would look at each byte.
    const hashed = (answers: readonly KeyAnswer[]) =>
      answers.map((answer) => hashOf((answer as Found).record));
    expect(hashed([await remote.get('articles', text('large'))])).toEqual([hashOf({ value: large })]);
    const page = await remote.page('articles');
    expect(page.records.map(hashOf)).toEqual((await lookups.page('articles')).records.map(hashOf));
    expect(page.records).toHaveLength(41);
    const keys = page.records.map((record) => record.key);
    expect(hashed(await remote.getMany('articles', keys))).toEqual(
      hashed(await lookups.getMany('articles', keys)),
    );
  });

  it('a call that is too large is refused by itself', async () => {
    const { client } = await rpcWorld({ callBytesMax: 10_000 });
    const remote = await client();
    const error = await remote.put('articles', key, Buffer.alloc(10_000)).catch((error: unknown) => error);
    expect((error as LookupRefused).refusal).toEqual({ reason: 'too-large' });
    await remote.put('articles', key, Buffer.alloc(9_000));
  });

  it('any number of calls at a time, of which the broker sees as many as it takes', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    for (let i = 0; i < 100; i++) lookups.add(`k${i}`, text(`v${i}`));
    const gate = deferred<void>();
    lookups.gate = gate.promise;
    const answers = Array.from({ length: 5_000 }, (_, i) => remote.get('articles', text(`k${i % 100}`)));
    // Another client's: those are under way, the others wait at home.
    const other = await client();
    await other.put('articles', text('other'), text('x'));
    while (lookups.running < lookupCallsMax) await other.tables();
    gate.resolve();
    const values = (await Promise.all(answers)).map((answer) => (answer as Found).record.value.toString());
    expect(values).toEqual(Array.from({ length: 5_000 }, (_, i) => `v${i % 100}`));
    expect(lookups.mostRunning).toBeLessThanOrEqual(lookupCallsMax + 1);
  });

  it('more calls than it takes are refused, and those under way go on', async () => {
    const { lookups, admitted } = await rpcWorld();
    const gate = deferred<void>();
    lookups.gate = gate.promise;
    lookups.add('4711', text('shoe'));
    const client = await admitted();
    const frames = Array.from({ length: lookupCallsMax + 1 }, (_, i) =>
      callFrame({ id: i + 1, get: { topic: 'articles', key } }),
    );
    client.send(Buffer.concat(await Promise.all(frames)));
    const { reply } = await lookupProtocol();
    const refused = reply.decode(await takeFrame(client)) as never;
    expect(refused).toMatchObject({ id: lookupCallsMax + 1, refused: { reason: 'too-many' } });
    gate.resolve();
    for (let i = 0; i < lookupCallsMax; i++)
      expect(reply.decode(await takeFrame(client))).toMatchObject({ answer: { kind: 1 } });
    for (let i = 0; i <= lookupStreamsMax; i++)
      client.send(await callFrame({ id: i + 1, changes: { topic: 'articles', after: '0' } }));
    const firsts = new Map<number, unknown>();
    while (firsts.size <= lookupStreamsMax) {
      const message = reply.decode(await takeFrame(client)) as unknown as {
        id: number;
        refused: object | null;
      };
      if (!firsts.has(message.id)) firsts.set(message.id, message.refused);
    }
    expect([...firsts.values()].filter((refused) => refused !== null)).toMatchObject([
      { reason: 'too-many' },
    ]);
  });
});

describe('changes', () => {
  const read = async (stream: AsyncIterator<Change>, count: number): Promise<Change[]> => {
    const changes: Change[] = [];
    while (changes.length < count) changes.push((await stream.next()).value);
    return changes;
  };

  it('come one after the other: what is there, then what happens', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const first = lookups.add('a', text('1'));
    const stream = remote.changes('articles')[Symbol.asyncIterator]();
    expect(await read(stream, 2)).toEqual([
      { kind: 'record', position: '0', isSnapshot: true, record: first },
      { kind: 'live', position: '1' },
    ]);
    const second = lookups.add('a', null);
    expect(await read(stream, 1)).toEqual([
      { kind: 'record', position: '1', isSnapshot: false, record: second },
    ]);
    await stream.return!(undefined);
    while (lookups.openStreams > 0) await remote.tables();
  });

  it('wait for a reader that is slow, and nobody else does', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const count = 100;
    for (let i = 0; i < count; i++) lookups.add(`k${i}`, Buffer.alloc(20_000, i));
    const stream = remote.changes('articles')[Symbol.asyncIterator]();
    await stream.next();
    // As many questions as it takes for the stream to stand still.
    for (let given = -1; given !== lookups.changesGiven; ) {
      given = lookups.changesGiven;
      for (let i = 0; i < 20; i++)
        expect(await remote.get('articles', text('k1'))).toMatchObject({ kind: 'found' });
    }
    expect(lookups.changesGiven * 20_000).toBeLessThan(streamWindowBytes + 2 * 20_100);
    const rest = await read(stream, count);
    expect(rest.at(-2)).toMatchObject({ record: { key: text('k99') } });
    expect(rest.at(-1)).toEqual({ kind: 'live', position: `${count}` });
  });

  it('end at the broker when their signal, or their client, ends', async () => {
    const { lookups, client } = await rpcWorld();
    const [remote, other] = [await client(), await client()];
    const abort = new AbortController();
    const stream = remote.changes('articles', { signal: abort.signal })[Symbol.asyncIterator]();
    const others = other.changes('articles')[Symbol.asyncIterator]();
    await Promise.all([stream.next(), others.next()]);
    expect(lookups.openStreams).toBe(2);
    const next = stream.next();
    abort.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
    while (lookups.openStreams > 1) await remote.tables();
    const gone = others.next();
    other.close();
    await expect(gone).rejects.toThrow('the connection to here is closed');
    while (lookups.openStreams > 0) await remote.tables();
  });
});

it('a signal takes back a call, at the broker too', async () => {
  const { lookups, client } = await rpcWorld();
  const remote = await client();
  lookups.gate = new Promise(() => {});
  const abort = new AbortController();
  const waiting = remote.get('articles', key, { signal: abort.signal });
  while (lookups.running === 0) await remote.tables();
  abort.abort(new Error('not needed'));
  await expect(waiting).rejects.toThrow('not needed');
  while (lookups.running > 0) await remote.tables();
  await expect(remote.get('articles', key, { signal: abort.signal })).rejects.toThrow('not needed');
  lookups.gate = null;
  expect(await remote.get('articles', key, { signal: new AbortController().signal })).toEqual({
    kind: 'absent',
  });
});
