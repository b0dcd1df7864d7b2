/** Java's Producer and Consumer get over what faults do to them, and lose and double nothing. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { skipUnless } from '../../skip.ts';
import { makeTrouble } from '../recovery.ts';
import { hasJava, runJavaSource } from './apache-kafka.ts';

const source = join(dirname(fileURLToPath(import.meta.url)), 'Recovery.java');

test('Java recovers from faults', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  const broker = await startBroker();
  const unmet = makeTrouble(broker);
  const { status, stdout, stderr } = await runJavaSource(source, [broker.bootstrapServers]);
  await broker.stop();
  expect(status, stderr).toBe(0);
  expect(stdout.match(/^ok /gm)).toHaveLength(3);
  expect(unmet()).toEqual([]);
});
