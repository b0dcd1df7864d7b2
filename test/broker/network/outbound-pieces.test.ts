/** The memory that regions pass through: large pieces while there are some, and none of them lost, however a connection ends. */
import { beforeEach, expect, test } from 'vitest';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import {
  givePiece,
  largePieceBytes,
  largePiecesMax,
  smallPieceBytes,
  takePiece,
} from '../../../broker/network/outbound-pieces.ts';
import { OutboundQueue } from '../../../broker/network/outbound-queue.ts';
import type { OutboundRegion } from '../../../broker/network/transport.ts';
import { CountedRegion } from './frames.ts';
import { tcpClient } from './tcp-client.ts';

const pattern = Buffer.alloc(3 * largePieceBytes + 77, 'a pattern of 17 b');

/** A socket that takes nothing until the test says so. */
function stuckQueue() {
  const sent: Buffer[] = [];
  const waiting: (() => void)[] = [];
  const failures: Error[] = [];
  const queue = new OutboundQueue({
    write: (bytes, written) => {
      sent.push(Buffer.from(bytes));
      if (written !== null) waiting.push(written);
    },
    waitingBytes: () => 0,
    fail: (error) => failures.push(error),
  });
  const takeAll = (): void => {
    while (waiting.length > 0) waiting.shift()!();
  };
  return { queue, sent, failures, takeAll };
}

/** Large pieces that could be had now. */
function largeThere(): number {
  const taken = Array.from({ length: largePiecesMax + 1 }, () => takePiece(largePieceBytes));
  for (const piece of taken) givePiece(piece);
  return taken.filter(({ length }) => length === largePieceBytes).length;
}

/** All connections of the process share them, and a test elsewhere may have ended with a socket that never took its own. */
let atFirst = 0;
beforeEach(() => {
  atFirst = largeThere();
  expect(atFirst).toBeGreaterThanOrEqual(4);
});

test('what waits is written a MiB at a time, two at once, and small chunks go along', () => {
  const { queue, sent, takeAll } = stuckQueue();
  const region = new CountedRegion(pattern);
  queue.send([Buffer.from('head'), region, Buffer.from('tail'), new CountedRegion(Buffer.from('another'))]);
  expect(sent.map(({ length }) => length)).toEqual([4, largePieceBytes, largePieceBytes]);
  takeAll();
  expect(sent.slice(3).map(({ length }) => length)).toEqual([largePieceBytes, 77 + 11]);
  expect(
    Buffer.concat(sent).equals(Buffer.concat([Buffer.from('head'), pattern, Buffer.from('tailanother')])),
  ).toBe(true);
  expect(region.releases).toBe(1);
});

test('little needs no large piece', () => {
  const stuck = stuckQueue();
  stuck.queue.send([new CountedRegion(pattern.subarray(0, smallPieceBytes))]);
  expect(largeThere()).toBe(atFirst);
  stuck.takeAll();
});

test('connections that take nothing keep the large pieces from nobody but themselves and those after them, who use small ones', () => {
  const stuck = Array.from({ length: largePiecesMax / 2 }, stuckQueue);
  for (const { queue } of stuck) queue.send([new CountedRegion(pattern)]);
  expect(largeThere()).toBe(0);
  const late = stuckQueue();
  late.queue.send([new CountedRegion(pattern)]);
  expect(late.sent.map(({ length }) => length)).toEqual([smallPieceBytes, smallPieceBytes]);
  for (const { queue, takeAll } of stuck) {
    queue.destroy();
    takeAll();
  }
  late.takeAll();
  expect(Buffer.concat(late.sent).equals(pattern)).toBe(true);
  expect(Math.max(...late.sent.map(({ length }) => length))).toBe(largePieceBytes);
  expect(largeThere()).toBe(atFirst);
});

test('a region that cannot be read gives its piece back', () => {
  const broken: OutboundRegion = {
    byteLength: pattern.length,
    readSync: () => {
      throw new Error('no such file any more');
    },
    release: () => {},
  };
  for (let n = 0; n <= largePiecesMax; n++) {
    const { queue, failures } = stuckQueue();
    queue.send([broken]);
    expect(failures).toHaveLength(1);
  }
  expect(largeThere()).toBe(atFirst);
});

test('sockets that end while the system still has their pieces give them back', async () => {
  const closed: Promise<void>[] = [];
  const ends: (() => void)[] = [];
  const listener = await new NodeTransport().listen({
    host: '127.0.0.1',
    port: 0,
    accept: (connection) => {
      closed.push(
        new Promise((resolve) => {
          ends.push(resolve);
        }),
      );
      const isClosed = ends.at(-1)!;
      return {
        readInto: () => null,
        received: () => {
          // More than the buffers of both ends hold.
          connection.send(Array.from({ length: 64 }, () => new CountedRegion(pattern)));
          if (closed.length % 2 === 0) connection.destroy();
        },
        drained: () => {},
        closed: () => isClosed(),
      };
    },
  });
  const clients = [];
  for (let n = 0; n < 4; n++) {
    const client = await tcpClient(listener.local);
    client.pause();
    client.send(Buffer.from('more'));
    clients.push(client);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (closed.length < 4) await new Promise((resolve) => setImmediate(resolve));
  for (const client of clients) client.close();
  await Promise.all(closed);
  await listener.close();
  expect(largeThere()).toBe(atFirst);
});
