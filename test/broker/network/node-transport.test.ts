import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import { transportSuite } from '../../suites/transport.ts';
import { tcpClient } from './tcp-client.ts';

for (const reading of ['onread', 'data-event'] as const) {
  transportSuite(`TCP, reading by ${reading}`, () => ({
    transport: new NodeTransport({ reading }),
    connect: ({ host, port }) => tcpClient({ host, port }),
  }));
}

it('reads by onread on this version of Node, not by the fallback', async () => {
  const buffers = new Set<ArrayBufferLike>();
  let left = 2;
  let tell!: () => void;
  const done = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const listener = await new NodeTransport().listen({
    host: '127.0.0.1',
    port: 0,
    accept: (connection) => ({
      readInto: () => null,
      received: (bytes) => {
        buffers.add(bytes.buffer);
        connection.destroy();
        if (--left === 0) tell();
      },
      drained: () => {},
      closed: () => {},
    }),
  });
  const clients = [await tcpClient(listener.local), await tcpClient(listener.local)];
  for (const client of clients) client.send(Buffer.from('hello'));
  await done;
  await listener.close();
  // Both connections read into the one buffer.
  expect(buffers.size).toBe(1);
});

describe.skipIf(process.platform === 'win32')('a Unix socket', () => {
  const accept = () => null;

  it('is for its owner alone, replaces a dead one, and goes when closed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kompakt-socket-'));
    const path = join(directory, 'control.sock');
    try {
      const transport = new NodeTransport();
      // A socket file as a killed process leaves it: bound once, nobody listens.
      const dead = net.createServer();
      await new Promise<void>((resolve) => dead.listen(join(directory, 'other.sock'), resolve));
      const first = await transport.listenLocal({ path, accept });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const second = await transport.listenLocal({ path, accept });
      await (await tcpClient({ path })).closed;
      await second.close();
      await first.close();
      dead.close();
      expect(existsSync(path)).toBe(false);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('does not remove a file that is no socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kompakt-socket-'));
    try {
      const path = join(directory, 'file');
      writeFileSync(path, 'precious');
      await expect(new NodeTransport().listenLocal({ path, accept })).rejects.toMatchObject({
        code: 'EADDRINUSE',
      });
      expect(existsSync(path)).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
