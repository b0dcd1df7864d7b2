/** A TCP (or Unix socket) client for tests. */
import net from 'node:net';
import type { TransportClient } from '../../suites/transport.ts';

export async function tcpClient(
  target: net.NetConnectOpts,
): Promise<TransportClient & { socket: net.Socket }> {
  const socket = net.connect(target);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  let received: Buffer[] = [];
  let total = 0;
  let wake: (() => void) | null = null;
  let isClosed = false;
  socket.on('data', (bytes) => {
    received.push(bytes as Buffer);
    total += bytes.length;
    wake?.();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true;
      wake?.();
      resolve();
    });
  });
  return {
    socket,
    closed,
    send: (bytes) => socket.write(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.destroy(),
    take: async (count) => {
      while (total < count) {
        if (isClosed) throw new Error(`closed after ${total} of ${count} bytes`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const all = Buffer.concat(received);
      received = [all.subarray(count)];
      total -= count;
      return all.subarray(0, count);
    },
  };
}
