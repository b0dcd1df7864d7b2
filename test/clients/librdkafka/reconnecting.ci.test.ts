/** librdkafka's consumers, by way of Python's confluent-kafka, whose connections are cut in mid-session stay in their group. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, test } from 'vitest';
import { skipUnless } from '../../skip.ts';
import { cutConsumer } from '../cut-connections.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'read.py');
const isThere = spawnSync('python3', ['-c', 'import confluent_kafka']).status === 0;

beforeEach((context) => skipUnless(context, isThere, 'there is no python3 with confluent-kafka'));

test.each(['all', 'group'] as const)('librdkafka, %s connections cut', async (what) => {
  await cutConsumer(what, 'python3', [source]);
});
