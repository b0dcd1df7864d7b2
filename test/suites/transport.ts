/** What every Transport promises: run against TCP (both ways of reading) and against the one in memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  ConnectionEvents,
  Endpoint,
  Listener,
  OutboundRegion,
  Transport,
  TransportConnection,
} from '../../broker/network/transport.ts';

/** The other end of a connection, as a test drives it. */
export interface TransportClient {
  send(bytes: Uint8Array): void;
  /** Resolves with the first `count` bytes that have come and have not been taken before. */
  take(count: number): Promise<Buffer>;
  pause(): void;
  resume(): void;
  close(): void;
  readonly closed: Promise<void>;
}

export interface TransportFixture {
  readonly transport: Transport;
  connect(endpoint: Endpoint): Promise<TransportClient>;
}

interface Accepted {
  readonly connection: TransportConnection;
  readonly closed: Promise<{ byUs: boolean }>;
}

/** A region over memory that counts how often it is let go. */
class Region implements OutboundRegion {
  readonly #bytes: Buffer;
  releases = 0;
  bytesRead = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  readSync(target: Uint8Array, targetStart: number, length: number, start: number): number {
    if (this.releases > 0) throw new Error('read after release');
    target.set(this.#bytes.subarray(start, start + length), targetStart);
    this.bytesRead += length;
    return length;
  }

  release(): void {
    this.releases += 1;
  }
}

function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed) & 0xff;
  return bytes;
}

export function transportSuite(name: string, open: () => TransportFixture): void {
  describe(name, () => {
    let fixture: TransportFixture;
    let listeners: Listener[];
    let accepted: Accepted[];
    let onAccept: ((accepted: Accepted) => void)[];

    beforeEach(() => {
      fixture = open();
      listeners = [];
      accepted = [];
      onAccept = [];
    });

    afterEach(async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
      for (const { connection } of accepted) connection.destroy();
      await Promise.all(accepted.map(({ closed }) => closed));
    });

    type Handlers = Partial<Omit<ConnectionEvents, 'closed' | 'received'>> & {
      received?: (bytes: Buffer, connection: TransportConnection) => void;
      accepted?: (connection: TransportConnection) => void;
    };

    async function listen(handlers: Handlers = {}): Promise<Listener> {
      const listener = await fixture.transport.listen({
        host: '127.0.0.1',
        port: 0,
        accept: (connection) => {
          let tell!: (how: { byUs: boolean }) => void;
          const closed = new Promise<{ byUs: boolean }>((resolve) => {
            tell = resolve;
          });
          handlers.accepted?.(connection);
          const entry = { connection, closed };
          accepted.push(entry);
          onAccept.shift()?.(entry);
          return {
            readInto: handlers.readInto ?? (() => null),
            received: (bytes) => handlers.received?.(bytes, connection),
            drained: handlers.drained ?? (() => {}),
            closed: (byUs) => tell({ byUs }),
          };
        },
      });
      listeners.push(listener);
      return listener;
    }

    /** A client and the broker's end of it. */
    async function pair(listener: Listener): Promise<{ client: TransportClient; end: Accepted }> {
      const arrived = new Promise<Accepted>((resolve) => onAccept.push(resolve));
      const client = await fixture.connect(listener.local);
      return { client, end: await arrived };
    }

    it('carries bytes both ways, in order, whatever their size', async () => {
      const listener = await listen({
        received: (bytes, connection) => connection.send([Buffer.from(bytes)]),
      });
      const { client } = await pair(listener);
      const sent = pattern(3_000_000, 1);
      client.send(sent.subarray(0, 5));
      client.send(sent.subarray(5));
      expect((await client.take(sent.length)).equals(sent)).toBe(true);
    });

    it('keeps small writes in order when the peer takes none for a while', async () => {
      const listener = await listen();
      const { client, end } = await pair(listener);
      client.pause();
      const parts = Array.from({ length: 700 }, (_, index) => pattern(10_000, index));
      for (const part of parts) end.connection.send([part.subarray(0, 100), part.subarray(100)], true);
      client.resume();
      const expected = Buffer.concat(parts);
      expect((await client.take(expected.length)).equals(expected)).toBe(true);
    });

    it('knows both addresses', async () => {
      const listener = await listen();
      const { end } = await pair(listener);
      expect(end.connection.local).toEqual(listener.local);
      expect(end.connection.remote.host).toBe('127.0.0.1');
      expect(end.connection.remote.port).toBeGreaterThan(0);
    });

    it('keeps memory and regions in order, and releases each region once', async () => {
      const listener = await listen();
      const { client, end } = await pair(listener);
      const sizes = [10, 700_000, 5, 0, 300, 40_000, 262_144, 1, 20_000, 100_000];
      const parts = sizes.map((size, index) => pattern(size, index));
      const chunks = parts.map((bytes, index) => (index % 2 === 1 ? new Region(bytes) : bytes));
      end.connection.send(chunks.slice(0, 4));
      end.connection.send(chunks.slice(4));
      const expected = Buffer.concat(parts);
      expect((await client.take(expected.length)).equals(expected)).toBe(true);
      for (const chunk of chunks) if (chunk instanceof Region) expect(chunk.releases).toBe(1);
    });

    it('says when a slow client has too much waiting, and when there is room again', async () => {
      let tellDrained!: () => void;
      const drained = new Promise<void>((resolve) => {
        tellDrained = resolve;
      });
      const listener = await listen({ drained: () => tellDrained() });
      const { client, end } = await pair(listener);
      client.pause();
      const bytes = pattern(8_000_000, 3);
      const region = new Region(pattern(8_000_000, 4));
      expect(end.connection.send([bytes.subarray(0, 10)])).toBe(true);
      expect(end.connection.send([bytes.subarray(10), region])).toBe(false);
      client.resume();
      await drained;
      expect((await client.take(16_000_000)).subarray(0, 8_000_000).equals(bytes)).toBe(true);
      expect(region.releases).toBe(1);
      expect(end.connection.send([Buffer.from('more')])).toBe(true);
      expect((await client.take(4)).toString()).toBe('more');
    });

    it('releases regions that a closed connection will not send', async () => {
      const listener = await listen();
      const { client, end } = await pair(listener);
      client.pause();
      const regions = [new Region(pattern(20_000_000, 1)), new Region(pattern(10, 2))];
      end.connection.send(regions);
      end.connection.destroy();
      await end.closed;
      expect(regions.map(({ releases }) => releases)).toEqual([1, 1]);
      const late = new Region(pattern(10, 3));
      expect(end.connection.send([late])).toBe(false);
      expect(late.releases).toBe(1);
      client.close();
    });

    it('reads no further for a client that went away without reading', async () => {
      const listener = await listen();
      const { client, end } = await pair(listener);
      client.pause();
      const region = new Region(pattern(64 * 1024 * 1024, 1));
      end.connection.send([region]);
      // Some of it is under way, which makes the end a reset.
      await new Promise((resolve) => setImmediate(resolve));
      client.close();
      await end.closed;
      expect(region.releases).toBe(1);
      expect(region.bytesRead).toBeLessThan(32 * 1024 * 1024);
    });

    it('delivers nothing while paused, and all of it afterwards', async () => {
      const seen: Buffer[] = [];
      let tell!: () => void;
      const done = new Promise<void>((resolve) => {
        tell = resolve;
      });
      let isPaused = false;
      const listener = await listen({
        received: (bytes, connection) => {
          expect(isPaused).toBe(false);
          seen.push(Buffer.from(bytes));
          if (seen.length % 2 === 1) {
            isPaused = true;
            connection.pause();
            setImmediate(() => {
              isPaused = false;
              connection.resume();
            });
          }
          if (Buffer.concat(seen).length === 2_000_000) tell();
        },
      });
      const { client } = await pair(listener);
      const sent = pattern(2_000_000, 9);
      client.send(sent);
      await done;
      expect(Buffer.concat(seen).equals(sent)).toBe(true);
    });

    it('can be paused before it is read at all', async () => {
      const seen: string[] = [];
      let tell!: () => void;
      const done = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const listener = await listen({
        accepted: (connection) => connection.pause(),
        received: (bytes) => {
          seen.push(bytes.toString());
          tell();
        },
      });
      const { client, end } = await pair(listener);
      client.send(Buffer.from('early'));
      await new Promise((resolve) => setImmediate(resolve));
      expect(seen).toEqual([]);
      end.connection.resume();
      await done;
      expect(seen).toEqual(['early']);
    });

    it('reads into the memory it is given', async () => {
      const target = Buffer.allocUnsafeSlow(100_000);
      let filled = 0;
      let tell!: () => void;
      const done = new Promise<void>((resolve) => {
        tell = resolve;
      });
      let inPlace = 0;
      const listener = await listen({
        readInto: () => (filled < target.length ? target.subarray(filled) : null),
        received: (bytes) => {
          if (bytes.buffer === target.buffer) {
            expect(bytes.byteOffset).toBe(filled);
            inPlace += bytes.length;
          } else {
            target.set(bytes, filled);
          }
          filled += bytes.length;
          if (filled === target.length) tell();
        },
      });
      const { client } = await pair(listener);
      const sent = pattern(100_000, 5);
      client.send(sent);
      await done;
      expect(target.equals(sent)).toBe(true);
      expect(inPlace === 0 || inPlace > 30_000).toBe(true);
    });

    it('tells who closed', async () => {
      const listener = await listen();
      const [one, other] = [await pair(listener), await pair(listener)];
      one.client.close();
      expect(await one.end.closed).toEqual({ byUs: false });
      other.end.connection.destroy();
      other.end.connection.destroy();
      expect(await other.end.closed).toEqual({ byUs: true });
      await other.client.closed;
    });

    it('ends after what is queued', async () => {
      const listener = await listen();
      const { client, end } = await pair(listener);
      const region = new Region(pattern(3_000_000, 6));
      end.connection.send([Buffer.from('last words '), region]);
      end.connection.end();
      expect((await client.take(3_000_011)).subarray(0, 11).toString()).toBe('last words ');
      await client.closed;
      expect(await end.closed).toEqual({ byUs: true });
      expect(region.releases).toBe(1);
    });

    it('closes at once what is not accepted', async () => {
      const listener = await fixture.transport.listen({ host: '127.0.0.1', port: 0, accept: () => null });
      listeners.push(listener);
      const client = await fixture.connect(listener.local);
      await client.closed;
    });

    it('refuses a port that is taken, and frees it when closed', async () => {
      const listener = await listen();
      const again = { ...listener.local, accept: () => null };
      await expect(fixture.transport.listen(again)).rejects.toMatchObject({
        name: 'ListenError',
        code: 'EADDRINUSE',
      });
      const { client, end } = await pair(listener);
      await listeners.shift()!.close();
      listeners.push(await fixture.transport.listen(again));
      // What was accepted before stays.
      end.connection.send([Buffer.from('still here')]);
      expect((await client.take(10)).toString()).toBe('still here');
    });
  });
}
