/** Tests in other languages control a broker over HTTP: Python with librdkafka, Go with kafka-go. */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';

const here = dirname(fileURLToPath(import.meta.url));

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const broker = await startBroker({
    http: { testControl: true },
    config: { 'log.cleanup.policy': 'compact' },
  });
  const child = spawn(command, [...args, broker.bootstrapServers, broker.httpUrl!], { cwd });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  await broker.stop();
  expect(status, output).toBe(0);
  return output;
}

test('a test in Python', async (context) => {
  const isThere = spawnSync('python3', ['-c', 'import confluent_kafka']).status === 0;
  skipUnless(context, isThere, 'there is no python3 with confluent-kafka');
  const output = await run('python3', [join(here, 'test_control.py')], here);
  expect(output.match(/^ok /gm)).toHaveLength(4);
});

test('a test in Go', async (context) => {
  skipUnless(context, spawnSync('go', ['version']).status === 0, 'there is no go');
  const output = await run('go', ['run', '.'], join(here, 'go'));
  expect(output.match(/^ok /gm)).toHaveLength(4);
});
