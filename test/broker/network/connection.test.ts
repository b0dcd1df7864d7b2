import { describe, expect, it } from 'vitest';
import {
  type Connection,
  hangUp,
  maxInFlightRequests,
  type Reply,
} from '../../../broker/network/connection.ts';
import { CountedRegion, deferred, echo, frame, frameHandler, framesIn } from './frames.ts';
import { memoryNetwork } from './memory-network.ts';

describe('order', () => {
  it('answers in arrival order, however long each handler takes', async () => {
    const started: string[] = [];
    const slow = deferred<Reply>();
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => {
        started.push(text);
        return text === 'slow' ? slow.promise : [frame(text)];
      }),
    );
    const client = connect();
    client.send(Buffer.concat([frame('a'), frame('slow'), frame('b'), frame('c')]));
    await clock.settle();
    expect(started).toEqual(['a', 'slow', 'b', 'c']);
    expect(framesIn(client.take())).toEqual(['a']);
    slow.resolve([frame('slow')]);
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['slow', 'b', 'c']);
  });

  it('begins nothing behind a request that holds the connection, until that lets go, whatever comes of it', async () => {
    const started: string[] = [];
    const asked = { first: deferred<void>(), second: deferred<void>() };
    const failed = asked.second.promise.then(() => Promise.reject(new Error('no')));
    const reply = deferred<Reply>();
    const { connect, clock } = await memoryNetwork(
      frameHandler((text, connection) => {
        started.push(text);
        if (text !== 'holds') return [frame(text)];
        connection.hold(asked.first.promise);
        connection.hold(failed);
        return reply.promise;
      }),
    );
    const [client, other] = [connect(), connect()];
    client.send(Buffer.concat([frame('a'), frame('holds'), frame('b')]));
    client.send(frame('c'));
    other.send(frame('other'));
    await clock.settle();
    expect(started).toEqual(['a', 'holds', 'other']);
    asked.first.resolve();
    await clock.settle();
    expect(started).toEqual(['a', 'holds', 'other']);
    asked.second.resolve();
    await clock.settle();
    expect(started).toEqual(['a', 'holds', 'other', 'b', 'c']);
    expect(framesIn(client.take())).toEqual(['a']);
    reply.resolve(null);
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['b', 'c']);
  });

  it('a request without an answer leaves no gap', async () => {
    const slow = deferred<Reply>();
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => (text === 'slow' ? slow.promise : text === 'mute' ? null : [frame(text)])),
    );
    const client = connect();
    client.send(Buffer.concat([frame('mute'), frame('slow'), frame('mute'), frame('b')]));
    await clock.settle();
    slow.resolve(null);
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['b']);
  });

  it('cuts frames out of whatever pieces arrive', async () => {
    const { connect, clock } = await memoryNetwork(echo);
    const client = connect();
    for (const byte of Buffer.concat([frame('hello'), frame(''), frame('world')]))
      client.send(Buffer.of(byte));
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['hello', '', 'world']);
  });
});

describe('limits', () => {
  it('starts no more requests than may wait, and goes on when one is answered', async () => {
    const waiting: ((reply: Reply) => void)[] = [];
    const { connect, clock } = await memoryNetwork(
      frameHandler(() => {
        const { promise, resolve } = deferred<Reply>();
        waiting.push(resolve);
        return promise;
      }),
    );
    const client = connect();
    const sent = maxInFlightRequests + 5;
    for (let index = 0; index < sent; index++) client.send(frame(`${index}`));
    await clock.settle();
    expect(waiting).toHaveLength(maxInFlightRequests);
    waiting[1]!([frame('1')]);
    await clock.settle();
    expect(waiting).toHaveLength(maxInFlightRequests);
    waiting[0]!([frame('0')]);
    await clock.settle();
    expect(waiting).toHaveLength(maxInFlightRequests + 2);
    for (let index = 2; index < sent; index++) {
      waiting[index]!([frame(`${index}`)]);
      await clock.settle();
    }
    expect(framesIn(client.take())).toEqual(Array.from({ length: sent }, (_, index) => `${index}`));
  });

  it('a held frame survives the read buffer it came in', async () => {
    const first = deferred<Reply>();
    const seen: string[] = [];
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => {
        seen.push(text);
        return seen.length <= maxInFlightRequests ? first.promise : null;
      }),
    );
    const client = connect();
    const frames = Array.from({ length: maxInFlightRequests + 3 }, (_, index) => frame(`frame ${index}`));
    client.send(Buffer.concat(frames));
    await clock.settle();
    first.resolve(null);
    await clock.settle();
    expect(seen.slice(-3)).toEqual(['frame 100', 'frame 101', 'frame 102']);
  });

  it('handles nothing more for a client that does not take its answers', async () => {
    let handled = 0;
    const answer = Buffer.alloc(300_000, 'x');
    const { connect, clock } = await memoryNetwork(
      frameHandler(() => {
        handled += 1;
        return [frame(answer)];
      }),
    );
    const client = connect();
    client.pause();
    for (let index = 0; index < 20; index++) {
      client.send(frame('more'));
      await clock.settle();
    }
    expect(handled).toBe(4);
    client.resume();
    await clock.settle();
    expect(handled).toBe(20);
    expect(client.take()).toHaveLength(20 * 300_004);
  });

  it('lets others have their turn when its requests take long', async () => {
    let nowMs = 0;
    const order: string[] = [];
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => {
        nowMs += 6;
        order.push(text);
        return null;
      }),
      { monotonicMs: () => nowMs },
    );
    const [greedy, modest] = [connect(), connect()];
    greedy.send(Buffer.concat(['g1', 'g2', 'g3', 'g4', 'g5'].map(frame)));
    modest.send(frame('m1'));
    await clock.settle();
    expect(order).toEqual(['g1', 'g2', 'm1', 'g3', 'g4', 'g5']);
  });
});

describe('what is no frame', () => {
  const http = Buffer.from('GET / HTTP/1.1\r\nHost: localhost:9092\r\n\r\n');
  const tls = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
  const oversized = Buffer.from([0x06, 0x40, 0x00, 0x01, 0x00]);
  const negative = Buffer.from([0xff, 0xff, 0xff, 0xff]);

  it.each([
    ['an HTTP request', http, /HTTP request/],
    ['a TLS handshake', tls, /TLS handshake/],
    ['an oversized frame', oversized, /104857601 bytes: 104857600 are allowed/],
    ['a negative length', negative, /a frame of -1 bytes/],
  ])('names %s in one line and closes', async (_name, bytes, line) => {
    const { connect, clock, logger } = await memoryNetwork(echo);
    const client = connect();
    client.send(bytes);
    await clock.settle();
    expect(client.isClosed).toBe(true);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]!.message).toMatch(line);
    expect(logger.lines[0]!.message).toMatch(/^closed the connection from 127\.0\.0\.1:\d+: /);
  });

  it('closes that connection alone, and answers what came before', async () => {
    const { connect, clock } = await memoryNetwork(echo);
    const [good, bad] = [connect(), connect()];
    bad.send(Buffer.concat([frame('asked'), negative]));
    good.send(frame('asked too'));
    await clock.settle();
    expect(framesIn(good.take())).toEqual(['asked too']);
    expect([good.isClosed, bad.isClosed]).toEqual([false, true]);
  });

  it('logs a flood of it once, with a count later', async () => {
    const { connect, clock, logger } = await memoryNetwork(echo);
    for (let index = 0; index < 50; index++) connect().send(http);
    await clock.settle();
    expect(logger.lines).toHaveLength(1);
    await clock.advance(10_000);
    connect().send(http);
    await clock.settle();
    expect(logger.lines.at(-1)!.message).toMatch(/\(and 49 more like it\)$/);
  });
});

describe('closing', () => {
  it('tells those who asked, once, and who closed', async () => {
    let connection: Connection | null = null;
    const { connect, clock } = await memoryNetwork(
      frameHandler((text, from) => {
        connection = from;
        return text === 'bye' ? hangUp : null;
      }),
    );
    const told: boolean[] = [];
    const client = connect();
    client.send(frame('hello'));
    await clock.settle();
    connection!.onClose((byUs) => told.push(byUs));
    connection!.onClose(() => told.push(true))();
    expect(connection!.isClosed).toBe(false);
    client.close();
    await clock.settle();
    expect(connection!.isClosed).toBe(true);
    expect(told).toEqual([false]);

    const other = connect();
    other.send(frame('hello'));
    await clock.settle();
    connection!.onClose((byUs) => told.push(byUs));
    other.send(frame('bye'));
    await clock.settle();
    expect(told).toEqual([false, true]);
    expect(other.isClosed).toBe(true);
  });

  it('handles no frame behind the one that made us hang up', async () => {
    const seen: string[] = [];
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => {
        seen.push(text);
        return text === 'bad' ? hangUp : null;
      }),
    );
    connect().send(Buffer.concat([frame('ok'), frame('bad'), frame('later')]));
    await clock.settle();
    expect(seen).toEqual(['ok', 'bad']);
  });
});

describe('what cannot be answered', () => {
  const waitingFor = (slow: Promise<Reply>) =>
    frameHandler((text) => {
      if (text === 'slow') return slow;
      return text === 'bad' ? hangUp : [frame(text)];
    });

  it('ends the connection behind the answers to what came before it', async () => {
    const { connect, clock } = await memoryNetwork(waitingFor(new Promise(() => {})));
    const client = connect();
    client.send(Buffer.concat([frame('a'), frame('b'), frame('bad'), frame('c')]));
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['a', 'b']);
    expect(client.isClosed).toBe(true);
  });

  it.each([
    ['a frame', frame('bad')],
    ['a size', Buffer.from('ffffffff', 'hex')],
  ])('waits for its turn: %s', async (_what, bad) => {
    const slow = deferred<Reply>();
    const { connect, clock } = await memoryNetwork(waitingFor(slow.promise));
    const client = connect();
    client.send(Buffer.concat([frame('slow'), frame('a'), bad]));
    client.send(frame('b'));
    await clock.settle();
    expect(client.isClosed).toBe(false);
    slow.resolve([frame('slow')]);
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['slow', 'a']);
    expect(client.isClosed).toBe(true);
  });

  it('waits for requests that were held back', async () => {
    const waiting: ((reply: Reply) => void)[] = [];
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => {
        if (!text.startsWith('slow')) return [frame(text)];
        const { promise, resolve } = deferred<Reply>();
        waiting.push(resolve);
        return promise;
      }),
    );
    const client = connect();
    const slow = Array.from({ length: maxInFlightRequests }, () => frame('slow'));
    client.send(Buffer.concat([...slow, frame('held'), Buffer.from('ffffffff', 'hex')]));
    await clock.settle();
    for (const answer of waiting) answer([frame('slow')]);
    await clock.settle();
    expect(framesIn(client.take()).slice(-2)).toEqual(['slow', 'held']);
    expect(client.isClosed).toBe(true);
  });

  it('found late, lets go of what would have been answered behind it', async () => {
    const slow = deferred<Reply>();
    const region = new CountedRegion(Buffer.alloc(10));
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => (text === 'slow' ? slow.promise : [region])),
    );
    const client = connect();
    client.send(Buffer.concat([frame('slow'), frame('behind')]));
    await clock.settle();
    slow.resolve(hangUp);
    await clock.settle();
    expect(client.take().length).toBe(0);
    expect(client.isClosed).toBe(true);
    expect(region.releases).toBe(1);
  });
});

describe('file regions', () => {
  const bytes = Buffer.alloc(700_000, 'r');
  const head = frame(bytes).subarray(0, 4);

  it('are sent whole and released once', async () => {
    const region = new CountedRegion(bytes);
    const { connect, clock } = await memoryNetwork(frameHandler(() => [head, region]));
    const client = connect();
    client.send(frame('fetch'));
    await clock.settle();
    expect(client.take().equals(frame(bytes))).toBe(true);
    expect(region.releases).toBe(1);
  });

  it('are released when the client goes in the middle', async () => {
    const regions = [new CountedRegion(bytes), new CountedRegion(bytes), new CountedRegion(bytes)];
    const { connect, clock } = await memoryNetwork(frameHandler(() => regions));
    const client = connect();
    client.pause();
    client.send(frame('fetch'));
    await clock.settle();
    client.close();
    await clock.settle();
    expect(regions.map(({ releases }) => releases)).toEqual([1, 1, 1]);
  });

  it('are released when the answer comes after the client went, or waits behind another', async () => {
    const [first, second] = [new CountedRegion(bytes), new CountedRegion(bytes)];
    const late = deferred<Reply>();
    const { connect, clock } = await memoryNetwork(
      frameHandler((text) => (text === 'late' ? late.promise : Promise.resolve([second]))),
    );
    const client = connect();
    client.send(Buffer.concat([frame('late'), frame('behind')]));
    await clock.settle();
    client.close();
    await clock.settle();
    expect([first.releases, second.releases]).toEqual([0, 1]);
    late.resolve([first]);
    await clock.settle();
    expect([first.releases, second.releases]).toEqual([1, 1]);
  });

  it('that end early close the connection, for half an answer is out', async () => {
    const region = new CountedRegion(bytes);
    region.readSync = () => 10;
    const { connect, clock } = await memoryNetwork(frameHandler(() => [head, region]));
    const client = connect();
    client.send(frame('fetch'));
    await clock.settle();
    expect(client.isClosed).toBe(true);
    expect(region.releases).toBe(1);
  });
});
