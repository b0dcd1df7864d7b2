import { describe, expect, it } from 'vitest';
import { bindListener } from '../../../broker/network/listeners.ts';
import { ListenError, type ListenOptions, type Transport } from '../../../broker/network/transport.ts';
import type { VirtualClock } from '../../simulation/virtual-clock.ts';
import { deferred, echo, frame, frameHandler, framesIn } from './frames.ts';
import { memoryNetwork } from './memory-network.ts';

describe('idle connections', () => {
  it('are closed after connections.max.idle.ms, half a frame or not', async () => {
    const { connect, clock, limits } = await memoryNetwork(echo);
    limits.idleMsMax = 10_000;
    const [half, silent, busy] = [connect(), connect(), connect()];
    half.send(frame('half a frame').subarray(0, 9));
    for (let seconds = 0; seconds < 13; seconds++) {
      busy.send(frame('still here'));
      await clock.advance(1000);
    }
    expect([half.isClosed, silent.isClosed, busy.isClosed]).toEqual([true, true, false]);
    await clock.advance(13_000);
    expect(busy.isClosed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('do not include one whose request waits', async () => {
    const poll = deferred<Buffer[]>();
    const { connect, clock, limits } = await memoryNetwork(frameHandler(() => poll.promise));
    limits.idleMsMax = 10_000;
    const client = connect();
    client.send(frame('join'));
    await clock.advance(60_000);
    expect(client.isClosed).toBe(false);
    poll.resolve([frame('joined')]);
    await clock.settle();
    expect(framesIn(client.take())).toEqual(['joined']);
    await clock.advance(13_000);
    expect(client.isClosed).toBe(true);
  });

  it('include one that does not take its answers', async () => {
    const { connect, clock, limits } = await memoryNetwork(frameHandler(() => [Buffer.alloc(2_000_000)]));
    limits.idleMsMax = 10_000;
    const client = connect();
    client.pause();
    client.send(frame('fetch'));
    await clock.advance(13_000);
    expect(client.isClosed).toBe(true);
  });

  it('are nobody with a negative limit', async () => {
    const { connect, clock, limits } = await memoryNetwork(echo);
    limits.idleMsMax = -1;
    const idleChecks = countTimers(clock);
    const client = connect();
    await clock.advance(3_600_000);
    expect(client.isClosed).toBe(false);
    expect(idleChecks()).toBeLessThan(1_000);
  });
});

/** How many are made from now on. */
function countTimers(clock: VirtualClock): () => number {
  let count = 0;
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (...timer) => {
    count++;
    return schedule(...timer);
  };
  return () => count;
}

describe('how many may connect', () => {
  it('closes one too many of an address at once, and says so once', async () => {
    const { connect, clock, limits, logger, counts } = await memoryNetwork(echo);
    limits.connectionsMaxPerHost = 2;
    limits.connectionsMaxPerHostOverrides = new Map([['10.0.0.9', 1]]);
    const clients = [
      connect(),
      connect(),
      connect(),
      connect('10.0.0.8'),
      connect('10.0.0.9'),
      connect('10.0.0.9'),
    ];
    await clock.settle();
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false, true, false, false, true]);
    expect(logger.lines.map(({ message }) => message)).toEqual([
      expect.stringContaining('refused a connection from 127.0.0.1'),
      expect.stringContaining('refused a connection from 10.0.0.9'),
    ]);
    expect(counts.connectionsRefused).toBe(2);
    clients[0]!.close();
    await clock.settle();
    const next = connect();
    next.send(frame('room again'));
    await clock.settle();
    expect(framesIn(next.take())).toEqual(['room again']);
  });

  it('lets those over max.connections wait, unread, until another goes', async () => {
    const { connect, clock, limits, network } = await memoryNetwork(echo);
    limits.connectionsMax = 1;
    const [first, second, third, gone] = [connect(), connect(), connect(), connect()];
    for (const client of [first, second, third, gone]) client.send(frame('hello'));
    await clock.settle();
    expect(framesIn(first.take())).toEqual(['hello']);
    expect([second.received.length, third.received.length, network.connectionCount]).toEqual([0, 0, 1]);
    gone.close();
    first.close();
    await clock.settle();
    expect(framesIn(second.take())).toEqual(['hello']);
    expect(third.received).toHaveLength(0);
    second.close();
    await clock.settle();
    expect(framesIn(third.take())).toEqual(['hello']);
    third.close();
    await clock.settle();
    expect(network.connectionCount).toBe(0);
  });
});

it('connections that come before there is somebody to serve them wait', async () => {
  const { connect, clock, network, logger } = await memoryNetwork(echo, { serves: false });
  const client = connect();
  client.send(frame('early'));
  await clock.settle();
  expect(client.received).toHaveLength(0);
  network.serve(echo);
  await clock.settle();
  expect(framesIn(client.take())).toEqual(['early']);
  expect(logger.lines).toEqual([]);
});

it('a raised max.connections lets waiting connections in', async () => {
  const { connect, clock, limits } = await memoryNetwork(echo);
  limits.connectionsMax = 1;
  const [, second] = [connect(), connect()];
  second.send(frame('hello'));
  await clock.settle();
  expect(second.received).toHaveLength(0);
  limits.connectionsMax = 2;
  await clock.advance(10_000);
  expect(framesIn(second.take())).toEqual(['hello']);
});

describe('stop', () => {
  it('closes everything and leaves no timer', async () => {
    const { connect, clock, network, limits } = await memoryNetwork(
      frameHandler(() => new Promise<never>(() => {})),
    );
    limits.connectionsMax = 2;
    const clients = [connect(), connect(), connect()];
    clients[0]!.send(frame('poll'));
    await clock.settle();
    const stopped = network.stop();
    await clock.settle();
    await stopped;
    expect(clients.every(({ isClosed }) => isClosed)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
    expect(() => connect()).toThrow('nobody listens');
  });
});

describe('listeners', () => {
  function scripted(
    answer: (host: string, port: number) => number | string,
  ): Transport & { asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      listenLocal: null,
      listen: async ({ host, port }: ListenOptions) => {
        asked.push(`${host} ${port}`);
        const given = answer(host, port);
        if (typeof given === 'string') throw new ListenError(given, `${host}:${port}`);
        return { local: { host, port: given }, close: async () => {} };
      },
    };
  }
  const bind = async (transport: Transport, host: string, port: number): Promise<string[]> => {
    const bound = await bindListener(transport, { name: 'PLAINTEXT', host, port }, { accept: () => null });
    return bound.map(({ local }) => `${local.host} ${local.port}`);
  };

  it('localhost is both loopback addresses on one port', async () => {
    let next = 5000;
    const both = scripted((_host, port) => (port === 0 ? next++ : port));
    expect(await bind(both, 'localhost', 9092)).toEqual(['127.0.0.1 9092', '::1 9092']);
    expect(await bind(both, 'localhost', 0)).toEqual(['127.0.0.1 5000', '::1 5000']);
  });

  it('localhost is the one address that exists', async () => {
    const v4 = scripted((host, port) => (host === '::1' ? 'EADDRNOTAVAIL' : port));
    expect(await bind(v4, 'localhost', 9092)).toEqual(['127.0.0.1 9092']);
    const v6 = scripted((host, port) => (host === '127.0.0.1' ? 'EADDRNOTAVAIL' : port));
    expect(await bind(v6, 'localhost', 9092)).toEqual(['::1 9092']);
  });

  it('port 0 tries another port when the first is taken on ::1, a given port does not', async () => {
    let next = 5000;
    const busy = scripted((_host, port) => (port === 0 ? next++ : port < 5002 ? 'EADDRINUSE' : port));
    expect(await bind(busy, 'localhost', 0)).toEqual(['127.0.0.1 5002', '::1 5002']);
    const taken = scripted((host, port) => (host === '::1' ? 'EADDRINUSE' : port));
    await expect(bind(taken, 'localhost', 9092)).rejects.toThrow('cannot listen on ::1:9092: EADDRINUSE');
  });

  it('an empty host is every interface of both families, or of IPv4 alone', async () => {
    expect(
      await bind(
        scripted((_host, port) => port),
        '',
        9092,
      ),
    ).toEqual([':: 9092']);
    const v4 = scripted((host, port) => (host === '::' ? 'EAFNOSUPPORT' : port));
    expect(await bind(v4, '', 9092)).toEqual(['0.0.0.0 9092']);
  });
});
