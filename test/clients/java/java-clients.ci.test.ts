/** Java's Producer, Consumer and AdminClient, from Kafka's own jars (Clients.java). */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { freshDirectory } from '../../tools/program.ts';
import { hasJava, runJavaSource } from './apache-kafka.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'Clients.java');

test('producers, consumers, groups and administration', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const directory = freshDirectory();
  const broker = await startBroker({ dataDir: directory.path });
  const { status, stdout, stderr } = await runJavaSource(source, [broker.bootstrapServers]);
  await broker.stop();
  directory.remove();
  expect(stdout + stderr).not.toContain('failed');
  expect(status, stderr).toBe(0);
  expect(stdout.match(/^ok /gm)).toHaveLength(16);
});
