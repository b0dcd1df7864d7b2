/** Who gets in, and what it costs to talk nonsense: the sender's connection, and nobody else anything. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectLookup } from '../../../broker/connect-lookup.ts';
import { LookupConnectionError } from '../../../broker/lookup/connection-error.ts';
import { lookupConnectionsMax, openingBytesMax, openingMsMax } from '../../../broker/lookup/rpc-listener.ts';
import { controlProtocol } from '../../../protocol/control/service.ts';
import { decode } from '../../../protocol/protobuf.ts';
import { VirtualClock } from '../../simulation/virtual-clock.ts';
import { frame } from '../network/frames.ts';
import { tcpClient } from '../network/tcp-client.ts';
import { callFrame, openingFrame, rpcWorld, takeFrame } from './rpc-world.ts';

const key = Buffer.from('4711');
const token = 'a token of the shop';

describe('the token', () => {
  it('lets in who has it, and says to others that it is wrong', async () => {
    const { client, logger } = await rpcWorld({ token });
    expect(await (await client(token)).get('articles', key)).toEqual({ kind: 'absent' });
    for (const wrong of ['', 'guessed', `${token} `, token.slice(1)])
      await expect(client(wrong)).rejects.toThrow(new LookupConnectionError('here: the token is wrong'));
    expect(logger.lines).toMatchObject([
      { level: 'warn', message: 'a connection for lookups had a wrong token' },
    ]);
  });

  it('is not needed where there is none', async () => {
    const { client } = await rpcWorld();
    expect(await (await client('whatever')).get('articles', key)).toEqual({ kind: 'absent' });
  });
});

describe('before it is let in, a connection is closed', () => {
  it.each([
    ['after what is no frame', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['after a frame that is no call', frame(Buffer.from([255, 255, 255]))],
    ['after a frame that is too large', Buffer.from([0, 0, (openingBytesMax >> 8) & 255, 1])],
  ])('%s', async (_, bytes) => {
    const { stranger } = await rpcWorld();
    const client = await stranger();
    client.send(bytes);
    await client.closed;
  });

  it('after a call before it is let in, and after a call of something else', async () => {
    const { stranger } = await rpcWorld();
    const [hasty, other] = [await stranger(), await stranger()];
    hasty.send(Buffer.concat([await openingFrame(), await callFrame({ id: 2, tables: {} })]));
    await hasty.closed;
    other.send(await openingFrame('', 'Stop'));
    const { reply } = await controlProtocol();
    expect(decode(reply, await takeFrame(other))).toMatchObject({
      error: 'only OpenLookup is to be called here',
    });
    await other.closed;
  });

  it('when it takes too long', async () => {
    const clock = new VirtualClock();
    const { stranger, admitted } = await rpcWorld({ clock });
    const silent = await stranger();
    const inside = await admitted();
    await clock.advance(openingMsMax);
    await silent.closed;
    inside.send(await callFrame({ id: 1, tables: {} }));
    await takeFrame(inside);
  });

  it('when there are too many', async () => {
    const { port, stranger, logger } = await rpcWorld();
    const all = await Promise.all(Array.from({ length: lookupConnectionsMax }, stranger));
    const oneMore = await tcpClient({ port, host: '127.0.0.1' });
    await oneMore.closed;
    expect(logger.lines).toMatchObject([{ level: 'warn' }]);
    all[0]!.close();
    await all[0]!.closed;
  });
});

const manyKeys = (count: number) => Array.from({ length: count }, () => Buffer.alloc(0));

describe('inside', () => {
  it('as many elements as anybody needs are no reason to hang up', async () => {
    const { client } = await rpcWorld();
    expect(await (await client()).getMany('articles', manyKeys(9_000))).toHaveLength(9_000);
  });

  it.each([
    ['what is no call', async () => frame(Buffer.from([255, 255, 255]))],
    ['a negative size', async () => Buffer.from([255, 255, 255, 255])],
    [
      'millions of keys in a small call',
      async () => callFrame({ id: 1, getMany: { topic: 'articles', keys: manyKeys(10_001) } }),
    ],
    [
      'two calls of one id',
      async () =>
        Buffer.concat(
          await Promise.all([1, 1].map((id) => callFrame({ id, changes: { topic: 'articles' } }))),
        ),
    ],
  ])('%s costs the connection, and nobody else anything', async (_, bytes) => {
    const { lookups, admitted, client } = await rpcWorld();
    const [broken, other] = [await admitted(), await client()];
    lookups.gate = new Promise(() => {});
    const waiting = other.get('articles', key, { waitMs: 1 });
    const lost = expect(waiting).rejects.toThrow('the connection to here is closed');
    broken.send(await callFrame({ id: 9, get: { topic: 'articles', key } }));
    while (lookups.running < 2) await other.tables();
    broken.send(await bytes());
    await broken.closed;
    while (lookups.running > 1) await other.tables();
    other.close();
    await lost;
  });

  it('a call that this broker does not know is answered', async () => {
    const { admitted } = await rpcWorld();
    const client = await admitted();
    // A field 15 with an empty message, as a later version may have one.
    client.send(frame(Buffer.from([0x08, 7, 0x7a, 0])));
    expect((await takeFrame(client)).toString()).toContain('this broker knows no such call');
  });

  it('an empty key may be left out, as other languages do', async () => {
    const { lookups, admitted } = await rpcWorld();
    lookups.add('', Buffer.from('of nothing'));
    const client = await admitted();
    for (const call of [{ get: { topic: 'articles' } }, { history: { topic: 'articles' } }]) {
      client.send(await callFrame({ id: 7, ...call }));
      expect((await takeFrame(client)).toString()).toContain('of nothing');
    }
    client.send(await callFrame({ id: 8, put: { topic: 'articles', value: Buffer.from('more') } }));
    await takeFrame(client);
    expect(lookups.records.at(-1)).toMatchObject({ key: Buffer.alloc(0), value: Buffer.from('more') });
    client.send(await callFrame({ id: 9, put: { topic: 'articles' } }));
    await takeFrame(client);
    expect(lookups.records.at(-1)).toMatchObject({ key: Buffer.alloc(0), value: null });
  });

  it('a caller that reads nothing is read no more, and one that comes later is served', async () => {
    const { lookups, admitted, client } = await rpcWorld();
    lookups.add('4711', Buffer.alloc(200_000));
    const deaf = await admitted();
    deaf.pause();
    for (let id = 1; id <= 1_000; id++) deaf.send(await callFrame({ id, get: { topic: 'articles', key } }));
    const other = await client();
    for (let seen = -1; seen !== lookups.seen.length; ) {
      seen = lookups.seen.length;
      for (let i = 0; i < 50; i++) await other.tables();
    }
    // Some 64 KiB wait at the broker, a few MB in the sockets, and what was begun at once before that was known.
    expect(lookups.seen.length).toBeLessThan(200);
    deaf.resume();
    for (let id = 1; id <= 1_000; id++) await takeFrame(deaf);
  });

  it('answers that may be large are made a few at a time', async () => {
    const { lookups, client } = await rpcWorld();
    const remote = await client();
    const pages = Promise.all(Array.from({ length: 100 }, () => remote.page('articles')));
    const others = Promise.all(Array.from({ length: 100 }, () => remote.getMany('articles', [key])));
    expect(await pages).toHaveLength(100);
    expect(await others).toHaveLength(100);
    expect(lookups.mostRunning).toBeLessThanOrEqual(4);
  });
});

describe('a client', () => {
  it('says that nobody is there', async () => {
    const { port, close } = await rpcWorld();
    await close();
    await expect(connectLookup({ port })).rejects.toThrow(`nobody listens on 127.0.0.1:${port}`);
    await expect(connectLookup({ dataDir: '/nowhere/at all' })).rejects.toThrow(
      'no kompakt serve is running on ',
    );
  });

  it('says that somebody else is there', async () => {
    const server = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    await expect(connectLookup({ port })).rejects.toThrow(LookupConnectionError);
    await new Promise((done) => server.close(done));
  });

  it('connects again after its broker has', async () => {
    const first = await rpcWorld();
    const remote = await first.client();
    expect(await remote.get('articles', key)).toEqual({ kind: 'absent' });
    first.lookups.gate = new Promise(() => {});
    const lost = expect(remote.get('articles', key)).rejects.toThrow('the connection to here is closed');
    while (first.lookups.running === 0) await remote.tables();
    await first.close();
    await lost;
    await expect(remote.get('articles', key)).rejects.toThrow('nobody listens on here');
    await rpcWorld({ port: first.port });
    expect(await Promise.all([1, 2].map(() => remote.get('articles', key)))).toEqual([
      { kind: 'absent' },
      { kind: 'absent' },
    ]);
    remote.close();
    await expect(remote.get('articles', key)).rejects.toThrow('this client is closed');
  });
});
