/* A port of this machine that nobody listens on at the moment. */
import { createServer } from 'node:net';

export function freePort() {
  const server = createServer();
  return new Promise((done, fail) => {
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
