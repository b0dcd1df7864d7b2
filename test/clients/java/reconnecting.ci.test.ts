/** Java consumers whose connections are cut in mid-session stay in their group. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { skipUnless } from '../../skip.ts';
import { cutConsumer, graceMs } from '../cut-connections.ts';
import { hasJava, kafkaLibs } from './apache-kafka.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'Reading.java');

beforeEach((context) => skipUnless(context, hasJava(), 'there is no java'));

test.each(['all', 'group'] as const)('Java, %s connections cut', async (what) => {
  const lines = await cutConsumer(what, 'java', ['-Xmx256m', '-cp', join(kafkaLibs(), '*'), source]);
  const [, reconnectMs, retryMs] = lines[0]!.split(' ').map(Number);
  // Each with the 20% that Java adds at most; it waits for one, then for the other.
  expect(1.2 * (reconnectMs! + retryMs!)).toBeLessThan(graceMs);
});
