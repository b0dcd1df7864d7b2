/** Kompakt for the lookup bench: the command, with HTTP beside Kafka's port, on one directory that is opened again and again. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quietPort } from '../../test/quiet-port.ts';
import { end, start, until } from './processes.ts';

const program = join(dirname(fileURLToPath(import.meta.url)), '../../dist/kompakt.js');

export interface RunningKompakt {
  readonly pid: number;
  readonly port: number;
  readonly httpPort: number;
  readonly rpcPort: number;
  stop(): Promise<void>;
}

export async function startKompakt(dataDirectory: string): Promise<RunningKompakt> {
  const [port, httpPort, rpcPort] = [await quietPort(), await quietPort(), await quietPort()];
  const listening = ['--host', '127.0.0.1', '--port', String(port), '--http-port', String(httpPort)];
  const rpc = ['--set', `kompakt.lookup.rpc.port=${rpcPort}`];
  const args = [program, 'serve', ...listening, ...rpc, '--data-dir', dataDirectory, '--log-level', 'error'];
  const child = start(process.execPath, args);
  await until('kompakt', child, async () => (await fetch(`http://127.0.0.1:${httpPort}/topics`)).status > 0);
  return { pid: child.pid!, port, httpPort, rpcPort, stop: () => end(child) };
}

/** A table is read from its log when it is first asked for; until it is there. */
export async function untilRead({ httpPort }: RunningKompakt, topic: string): Promise<void> {
  const asked = `http://127.0.0.1:${httpPort}/topics/${topic}/keys/none?wait-ms=60000`;
  const { status } = await fetch(asked);
  if (status !== 404) throw new Error(`${asked} answers ${status}`);
}
