/** A consumer that has read what a crash took away again is told so, by the leader epoch that the start after it raises (KIP-320). */
import { spawn } from 'node:child_process';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { produce } from '../../../protocol/messages/data/produce.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { buildBatch } from '../../../protocol/records/batch-builder.ts';
import { Client } from '../../../tools/client.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory, runNode } from '../../tools/program.ts';
import { hasJava, kafkaLibs } from './apache-kafka.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'Truncated.java');

async function serve(directory: string, port: number) {
  const program = runNode([
    ...[
      'dist/kompakt.js',
      'serve',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--data-dir',
      directory,
      '--no-http',
    ],
  ]);
  const line = await program.firstLine;
  return { program, port: Number(/:(\d+),/.exec(line)![1]) };
}

test('a Java consumer sees that the end of its log is gone', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = freshDirectory();
  const first = await serve(directory.path, 0);
  const client = await Client.connect('127.0.0.1', first.port);
  await client.request(createTopics, 5, {
    topics: [{ name: 'cut', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    validateOnly: false,
  });
  for (let batch = 0; batch < 3; batch++) {
    const value = Buffer.from(`batch ${batch}`);
    const records = Array.from({ length: 10 }, () => ({
      timestampMs: 1_700_000_000_000,
      key: null,
      value,
      headers: [],
    }));
    const topicData = [{ name: 'cut', partitionData: [{ index: 0, records: buildBatch({ records }) }] }];
    await client.request(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
  }
  client.close();
  const java = spawn(
    'java',
    ['-cp', join(kafkaLibs(), '*'), source, `127.0.0.1:${first.port}`, 'cut', '30'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const lines = createInterface({ input: java.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('read 30');
  first.program.signal('SIGKILL');
  await first.program.ended;
  // As after a power cut: the last batch has not reached the disk whole.
  const partition = join(directory.path, 'cut-0');
  const log = join(partition, readdirSync(partition).find((name) => name.endsWith('.log'))!);
  truncateSync(log, statSync(log).size - 5);
  const second = await serve(directory.path, first.port);
  expect((await lines.next()).value).toBe('truncated to 20');
  java.kill('SIGKILL');
  second.program.signal('SIGTERM');
  await second.program.ended;
  directory.remove();
});
