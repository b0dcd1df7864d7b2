/** librdkafka gets over what faults do to it, and loses and doubles nothing; by way of Python's confluent-kafka (recovery.py). */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { makeTrouble } from '../recovery.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'recovery.py');
const isThere = spawnSync('python3', ['-c', 'import confluent_kafka']).status === 0;

test('librdkafka recovers from faults', async (context) => {
  skipUnless(context, isThere, 'there is no python3 with confluent-kafka');
  const broker = await startBroker();
  const unmet = makeTrouble(broker);
  const child = spawn('python3', [source, broker.bootstrapServers]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  await broker.stop();
  expect(status, output).toBe(0);
  expect(output.match(/^ok /gm)).toHaveLength(3);
  expect(unmet()).toEqual([]);
});
