/** Ports for tests that close one and open it again, or that hand one to another program. */
import { createServer } from 'node:net';

/** Below all ranges from which systems give ports to those who ask for any (Linux from 32768, others from 49152). */
const first = 20_000;
const count = 12_000;

/** A free port of 127.0.0.1 whose neighbour is free too, and which nobody gets who does not ask for it by its number. */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = first + 2 * Math.floor((Math.random() * count) / 2);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

export function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
