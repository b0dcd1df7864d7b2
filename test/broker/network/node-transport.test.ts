import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
  const rest = { random: 'r4nd0m', previousAddress: null, accept };
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kompakt-socket-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('is for its owner alone, replaces a dead one, and goes when closed', async () => {
    const path = join(directory, 'control.sock');
    const transport = new NodeTransport();
    const first = await transport.listenLocal({ path, ...rest });
    expect(first.local.host).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const second = await transport.listenLocal({ path, ...rest });
    await (await tcpClient({ path })).closed;
    await second.close();
    expect(existsSync(path)).toBe(false);
    await first.close();
  });

  it('whose path would be too long is in a folder of its owner, and the next start cleans up', async () => {
    const path = join(directory, 'ünter '.repeat(20), 'control.sock');
    const transport = new NodeTransport();
    const left = await transport.listenLocal({ path, ...rest });
    const address = left.local.host;
    expect(statSync(dirname(address)).mode & 0o777).toBe(0o700);
    await (await tcpClient({ path: address })).closed;
    const next = await transport.listenLocal({ path, ...rest, previousAddress: address });
    expect(existsSync(dirname(address))).toBe(false);
    await next.close();
    expect(existsSync(dirname(next.local.host))).toBe(false);
    await left.close();
  });

  it('does not remove a file that is no socket', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'precious');
    await expect(new NodeTransport().listenLocal({ path, ...rest })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(existsSync(path)).toBe(true);
  });
});
