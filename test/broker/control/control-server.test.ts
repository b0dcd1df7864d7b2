import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ControlFolder, ControlServer } from '../../../broker/control/control-server.ts';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import type { ControlStatus } from '../../../protocol/control/messages.ts';
import { type ControlFile, controlFrame, controlProtocol } from '../../../protocol/control/service.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { ControlClient } from '../../../tools/control-client.ts';
import { findBroker } from '../../../tools/find-broker.ts';
import { FakeLookups } from '../lookup/fake-lookups.ts';
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
  httpUrl: 'http://127.0.0.1:9080',
  lookupAddress: '127.0.0.1:9081',
  topics: 3,
  partitions: 12,
  connections: 0,
  requests: 6_000_000_000,
  unforeseenErrors: 0,
  offline: false,
  cleaner: {
    isEnabled: true,
    threads: 2,
    running: [
      {
        topic: 'articles',
        partition: 3,
        progress: { phase: 'rewrite', bytesDone: 5e9, bytesTotal: 6e9 },
      },
      { topic: 'articles', partition: 4, progress: null },
    ],
    troubles: [
      { topic: 'ünter', partition: 0, why: 'damaged', failures: 2, sinceMs: 1.7e12, retryMs: 1.8e12 },
    ],
    troubleCount: 1,
    runsIn: null,
    counts: { passes: 7, failures: 2, discarded: 1, recordsRemoved: 6e9, bytesRemoved: 7e12 },
  },
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

interface Place {
  readonly directory: string | null;
  readonly folder: ControlFolder | null;
}

async function open(place: Partial<Place> = {}): Promise<ControlServer> {
  const server = await ControlServer.open({
    transport: new NodeTransport(),
    environment: createNodeEnvironment(),
    directory,
    folder: null,
    ...place,
    processId: 4711,
    listeners: status.listeners,
    actions: {
      status: () => status,
      gaps: { list: () => [], others: 0 },
      stop: () => {
        stops += 1;
      },
      compactions: { receipts: nothing, explanations: nothing },
    },
    lookup: { lookups: new FakeLookups(), callBytesMax: 1024, logger: keepingLogger() },
    logger: keepingLogger(),
  });
  return server!;
}

async function* nothing(): AsyncGenerator<never> {}

const connect = (): Promise<ControlClient> => findBroker({ dataDir: directory });

it('answers status and stop to whoever can read the control file', async () => {
  const server = await open();
  expect(statSync(join(directory, 'kompakt.control')).mode & 0o777).toBe(0o600);
  const client = await connect();
  expect(client.pid).toBe(4711);
  expect(await client.status()).toEqual(status);
  await client.stop();
  expect(stops).toBe(1);
  const closed = server.close();
  await client.closed;
  await closed;
  expect(existsSync(join(directory, 'kompakt.control'))).toBe(false);
  await expect(connect()).rejects.toThrow(`no broker is running on ${directory}`);
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
  const client = await connect();
  expect((await client.status()).version).toBe('0.1.0');
  await server.close();
});

it('replaces what a killed process left', async () => {
  writeFileSync(join(directory, 'kompakt.control'), '{"pid":1,"address":"/nowhere","token":"x"}');
  await expect(connect()).rejects.toThrow('no broker is running');
  const server = await open();
  const client = await connect();
  expect((await client.status()).pid).toBe(4711);
  await server.close();
});

it('is in the folder alone where there is no data directory, and in both where there is one', async () => {
  const published: ControlFile[] = [];
  let isHidden = false;
  const folder: ControlFolder = {
    socketPath: (random) => join(directory, `${random.slice(0, 4)}.sock`),
    publish: (file) => {
      published.push(file);
      return () => {
        isHidden = true;
      };
    },
  };
  const inMemory = await open({ directory: null, folder });
  expect(published[0]).toMatchObject({ pid: 4711, listeners: status.listeners });
  expect(existsSync(join(directory, 'kompakt.control'))).toBe(false);
  const client = (await ControlClient.connect(published[0]!))!;
  expect((await client.status()).version).toBe('0.1.0');
  await inMemory.close();
  expect(isHidden).toBe(true);
  expect(await ControlClient.connect(published[0]!)).toBeNull();
  const onDisk = await open({ folder });
  expect(published[1]).toEqual(JSON.parse(readFileSync(join(directory, 'kompakt.control'), 'utf8')));
  await onDisk.close();
});

it('does without the folder where the data directory has it all', async () => {
  const socketPath = () => join(directory, 'x.sock');
  const publish = () => {
    throw new Error('the folder belongs to somebody else');
  };
  const server = await open({ folder: { socketPath, publish } });
  expect((await (await connect()).status()).pid).toBe(4711);
  await server.close();
  expect(await open({ directory: null, folder: { socketPath, publish } })).toBeNull();
  expect(existsSync(socketPath())).toBe(false);
});
