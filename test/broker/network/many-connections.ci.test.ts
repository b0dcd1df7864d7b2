/** Thousands of clients, which live in a second process, so that each process needs one descriptor for a connection. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, type BrokerOptions, startBroker } from '../../../broker/index.ts';
import { apiVersions } from '../../../protocol/messages/cluster/api-versions.ts';
import { encodeRequest } from '../../../protocol/wire/headers.ts';
import { skipUnless } from '../../skip.ts';

const script = fileURLToPath(new URL('connect-many.mjs', import.meta.url));
const request = Buffer.concat(
  encodeRequest(
    apiVersions,
    0,
    { correlationId: 1, clientId: 'many' },
    { clientSoftwareName: '', clientSoftwareVersion: '' },
  ) as Buffer[],
);

let broker: Broker | null;
let clients: ChildProcessWithoutNullStreams | null;

beforeEach(() => {
  broker = null;
  clients = null;
});
afterEach(async () => {
  if (clients !== null && clients.exitCode === null) {
    clients.kill('SIGKILL');
    await once(clients, 'close');
  }
  await broker?.stop();
});

/** Starts a broker and so many clients; what it gives sends a command and resolves with the line that answers it. */
async function connect(
  count: number,
  config: BrokerOptions['config'] = {},
): Promise<(command: string) => Promise<string>> {
  broker = await startBroker({ config });
  const child = spawn(process.execPath, [script, `${broker.port}`, `${count}`, request.toString('hex')]);
  clients = child;
  child.stderr.pipe(process.stderr);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value as string;
  expect(await next()).toBe('opened');
  return (command) => {
    child.stdin.write(`${command}\n`);
    return next();
  };
}

function descriptorLimit(): number {
  if (process.platform === 'win32') return Number.POSITIVE_INFINITY;
  const said = spawnSync('sh', ['-c', 'ulimit -n']).stdout.toString().trim();
  return said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said);
}

test('10,000 connections are answered, and again when they have been idle', async (context) => {
  skipUnless(context, descriptorLimit() >= 10_500, 'needs 10,500 open files (ulimit -n)');
  const tell = await connect(10_000);
  expect(await tell('wait 10000 0')).toBe('10000 answered, 0 closed');
  expect(await tell('ask')).toBe('10000 answered, 0 closed');
});

test('over the limit of an address they are closed at once', async () => {
  const tell = await connect(300, { 'max.connections.per.ip': 100 });
  expect(await tell('wait 100 200')).toBe('100 answered, 200 closed');
});

test('over max.connections they wait until others go', async () => {
  const tell = await connect(300, { 'max.connections': 200 });
  expect(await tell('wait 200 0')).toBe('200 answered, 0 closed');
  expect(await tell('close 100')).toMatch(/ 0 closed$/);
  expect(await tell('wait 200 0')).toBe('200 answered, 0 closed');
});
