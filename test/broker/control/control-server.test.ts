import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ControlServer } from '../../../broker/control/control-server.ts';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import { type ControlStatus, controlFrame, controlProtocol } from '../../../protocol/control/service.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { ControlClient } from '../../../tools/control-client.ts';
import { keepingLogger } from '../network/frames.ts';
import { tcpClient } from '../network/tcp-client.ts';

const status: ControlStatus = {
  version: '0.1.0',
  pid: 4711,
  uptimeMs: 1234.5,
  dataDirectory: '/data/ünter',
  clusterId: 'abc',
  nodeId: 1,
  listeners: ['127.0.0.1:9092', '[::1]:9092'],
  topics: 3,
  partitions: 12,
  connections: 0,
  requests: 6_000_000_000,
  unforeseenErrors: 0,
  offline: false,
};

let directory: string;
let stops: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt test ü-'));
  stops = 0;
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function open(): Promise<ControlServer> {
  const server = await ControlServer.open({
    transport: new NodeTransport(),
    environment: createNodeEnvironment(),
    directory,
    processId: 4711,
    actions: {
      status: () => status,
      stop: () => {
        stops += 1;
      },
    },
    logger: keepingLogger(),
  });
  return server!;
}

it('answers status and stop to whoever can read the control file', async () => {
  const server = await open();
  expect(statSync(join(directory, 'kompakt.control')).mode & 0o777).toBe(0o600);
  const client = await ControlClient.connect(directory);
  expect(client.pid).toBe(4711);
  expect(await client.status()).toEqual(status);
  await client.stop();
  expect(stops).toBe(1);
  const closed = server.close();
  await client.closed;
  await closed;
  expect(existsSync(join(directory, 'kompakt.control'))).toBe(false);
  await expect(ControlClient.connect(directory)).rejects.toThrow(`no broker is running on ${directory}`);
});

it('hangs up on a wrong token and on nonsense', async () => {
  const server = await open();
  const { call } = await controlProtocol();
  const path = join(directory, 'kompakt.sock');
  for (const bytes of [
    controlFrame(call, { id: 1, token: 'guessed', method: 'Stop' }),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 3, 255, 255, 255]),
  ]) {
    const client = await tcpClient({ path });
    client.send(bytes);
    await client.closed;
  }
  expect(stops).toBe(0);
  const client = await ControlClient.connect(directory);
  expect((await client.status()).version).toBe('0.1.0');
  await server.close();
});

it('replaces what a killed process left', async () => {
  writeFileSync(join(directory, 'kompakt.control'), '{"pid":1,"address":"/nowhere","token":"x"}');
  await expect(ControlClient.connect(directory)).rejects.toThrow('no broker is running');
  const server = await open();
  const client = await ControlClient.connect(directory);
  expect((await client.status()).pid).toBe(4711);
  await server.close();
});
