/** Java's transactional Producer and read_committed Consumer, from Kafka's own jars (Transactions.java), and the kafka-transactions tool. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory } from '../../tools/program.ts';
import { hasJava, runJavaSource } from './apache-kafka.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'Transactions.java');

test('transactions, their offsets, fencing, time-outs and administration', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = freshDirectory();
  const broker = await startBroker({
    dataDir: directory.path,
    config: { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200 },
  });
  const { status, stdout, stderr } = await runJavaSource(source, [broker.bootstrapServers]);
  await broker.stop();
  directory.remove();
  expect(stdout + stderr).not.toContain('failed');
  expect(status, stderr).toBe(0);
  expect(stdout.match(/^ok /gm)).toHaveLength(9);
});
