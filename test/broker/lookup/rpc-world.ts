/** The Lookup service over TCP, on a fake store, with clients of all kinds. */
import { afterEach } from 'vitest';
import { connectLookup, openRemoteLookups } from '../../../broker/connect-lookup.ts';
import type { RemoteLookups } from '../../../broker/lookup/remote-lookups.ts';
import { LookupListener, type LookupListenerOptions } from '../../../broker/lookup/rpc-listener.ts';
import { NodeTransport } from '../../../broker/network/node-transport.ts';
import { controlFrame, controlProtocol } from '../../../protocol/control/service.ts';
import { lookupProtocol, lookupReplyBytesMax } from '../../../protocol/lookup/service.ts';
import { createNodeEnvironment } from '../../../storage/environment/node.ts';
import { keepingLogger } from '../network/frames.ts';
import { tcpClient } from '../network/tcp-client.ts';
import { FakeLookups } from './fake-lookups.ts';

const opened: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

export interface RpcWorld {
  readonly lookups: FakeLookups;
  readonly port: number;
  readonly logger: ReturnType<typeof keepingLogger>;
  client(token?: string): Promise<RemoteLookups>;
  /** As a program has it. */
  program(token?: string): ReturnType<typeof connectLookup>;
  /** Says nothing by itself. */
  stranger(): ReturnType<typeof tcpClient>;
  /** One that the broker has let in. */
  admitted(): ReturnType<typeof tcpClient>;
  close(): Promise<void>;
}

export async function rpcWorld(options: Partial<LookupListenerOptions> = {}): Promise<RpcWorld> {
  const lookups = new FakeLookups();
  const logger = keepingLogger();
  const listener = await LookupListener.open({
    transport: new NodeTransport(),
    clock: createNodeEnvironment().clock,
    lookups,
    logger,
    host: '127.0.0.1',
    port: 0,
    token: null,
    callBytesMax: 8 * 1024 * 1024,
    ...options,
  });
  opened.push(() => listener.close());
  const { port } = listener.local;
  const stranger = async () => {
    const client = await tcpClient({ port, host: '127.0.0.1' });
    opened.push(() => client.close());
    return client;
  };
  return {
    lookups,
    port,
    logger,
    stranger,
    close: () => listener.close(),
    async client(token = '') {
      const client = await openRemoteLookups(() => ({
        to: { host: '127.0.0.1', port },
        token,
        where: 'here',
      }));
      opened.push(() => client.close());
      return client;
    },
    async program(token = '') {
      const client = await connectLookup({ port, token });
      opened.push(() => client.close());
      return client;
    },
    async admitted() {
      const client = await stranger();
      client.send(await openingFrame());
      await takeFrame(client);
      return client;
    },
  };
}

export async function openingFrame(token = '', method = 'OpenLookup'): Promise<Buffer> {
  const { call } = await controlProtocol();
  return controlFrame(call, { id: 1, token, method });
}

export async function takeFrame(client: { take(count: number): Promise<Buffer> }): Promise<Buffer> {
  const size = (await client.take(4)).readInt32BE();
  if (size > lookupReplyBytesMax) throw new Error(`a frame of ${size} bytes`);
  return client.take(size);
}

export async function callFrame(message: object): Promise<Buffer> {
  const { call } = await lookupProtocol();
  const body = call.encode(message).finish();
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length);
  frame.set(body, 4);
  return frame;
}
