/** Tests in other languages control a broker of `kompakt exec` over HTTP: Python with librdkafka, Go with kafka-go. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { buildProgram } from '../../tools/program.ts';

const here = dirname(fileURLToPath(import.meta.url));
const tests = ['faults', 'requests', 'group', 'waits', 'compaction', 'clock', 'snapshot', 'reset'];

let built: { path: string; remove(): void };
let directory: string;
/** A snapshot to begin with. */
let seed: string;

beforeAll(async () => {
  built = await buildProgram('test-control');
  directory = mkdtempSync(join(tmpdir(), 'kompakt-'));
  seed = join(directory, 'seed');
  await using broker = await startBroker();
  await broker.createTopics(['seed']);
  const producer = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  await producer.send({ topic: 'seed', messages: [{ key: 'k', value: 'seed' }] });
  await producer.disconnect();
  await broker.snapshot(seed);
});
afterAll(() => {
  built.remove();
  rmSync(directory, { recursive: true });
});

/** What holds, in their order. */
async function run(name: string, command: readonly string[], cwd: string): Promise<string[]> {
  const into = join(directory, name);
  const options = [
    '--test-control',
    '--clock',
    'virtual',
    '--from',
    seed,
    '--set',
    'log.cleanup.policy=compact',
  ];
  const args = [built.path, 'exec', ...options, '--', ...command, into];
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(status, output).toBe(0);
  expect(existsSync(join(into, 'orders-0')), output).toBe(true);
  // The fork beside it went with its broker.
  expect(readdirSync(directory).filter((one) => one.includes('.fork-'))).toEqual([]);
  return [...output.matchAll(/^ok (.*)$/gm)].map(([, what]) => what!);
}

test('a test in Python', async (context) => {
  const isThere = spawnSync('python3', ['-c', 'import confluent_kafka']).status === 0;
  skipUnless(context, isThere, 'there is no python3 with confluent-kafka');
  expect(await run('python', ['python3', join(here, 'test_control.py')], here)).toEqual(tests);
});

test('a test in Go', async (context) => {
  skipUnless(context, spawnSync('go', ['version']).status === 0, 'there is no go');
  expect(await run('go', ['go', 'run', '.'], join(here, 'go'))).toEqual(tests);
});
