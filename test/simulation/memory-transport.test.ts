import type { TransportClient } from '../suites/transport.ts';
import { transportSuite } from '../suites/transport.ts';
import { type MemoryClient, MemoryTransport } from './memory-transport.ts';

transportSuite('in memory', () => {
  const transport = new MemoryTransport((callback) => setImmediate(callback));
  return { transport, connect: async (endpoint) => waiting(transport.connect(endpoint)) };
});

function waiting(client: MemoryClient): TransportClient {
  let wake = (): void => {};
  let tellClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    tellClosed = resolve;
  });
  client.onBytes = () => wake();
  client.onClose = () => tellClosed();
  if (client.isClosed) tellClosed();
  let rest = Buffer.alloc(0);
  return {
    send: (bytes) => client.send(bytes),
    pause: () => client.pause(),
    resume: () => client.resume(),
    close: () => client.close(),
    closed,
    take: async (count) => {
      for (;;) {
        rest = Buffer.concat([rest, client.take()]);
        if (rest.length >= count) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = rest.subarray(0, count);
      rest = rest.subarray(count);
      return taken;
    },
  };
}
