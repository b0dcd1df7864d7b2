/* Kompakt as a process of its own, as `kompakt serve` starts it: Kafka's protocol on one port, HTTP on another. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.mjs';

const program = fileURLToPath(new URL('../../dist/kompakt.js', import.meta.url));

export async function startKompakt(dataDir) {
  const httpPort = await freePort();
  const args = ['serve', '--host', '127.0.0.1', '--port', '0', '--http-port', String(httpPort)];
  const child = spawn(process.execPath, [program, ...args, '--data-dir', dataDir, '--log-level', 'warn'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => child.on('close', done));
  const port = await readyPort(child);
  return {
    pid: child.pid,
    brokers: [`127.0.0.1:${port}`],
    rest: `http://127.0.0.1:${httpPort}`,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function readyPort(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error('kompakt ended before it was ready');
}
