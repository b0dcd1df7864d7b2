import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { onTestFinished, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { keyTableFile } from '../../../broker/lookup/table-checkpoint.ts';
import type { Logger } from '../../../broker/observe/logger.ts';

/** Keeps what is said. */
function listening(): { logger: Logger; said: string[] } {
  const said: string[] = [];
  const say = (message: string): void => void said.push(message);
  const logger: Logger = { debug: say, info: say, warn: say, error: say, named: () => logger };
  return { logger, said };
}

test('a broker that stops leaves its tables beside their logs, and the next one takes them', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'stored-tables-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const { logger, said } = listening();
  {
    await using broker = await startBroker({ dataDir });
    const admin = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
    await admin.createTopics({ topics: [{ topic: 'articles', numPartitions: 1, configEntries }] });
    await admin.disconnect();
    for (let n = 0; n < 50; n++)
      await broker.lookups.put('articles', Buffer.from(`key ${n % 20}`), Buffer.from(`value ${n}`));
    // Until the table has it.
    await broker.lookups.get('articles', Buffer.from('key 9'), { minOffset: 49 });
  }
  assert.ok(readdirSync(join(dataDir, 'articles-0')).includes(keyTableFile));
  await using broker = await startBroker({ dataDir, logger });
  const answer = await broker.lookups.get('articles', Buffer.from('key 7'));
  assert.equal(answer.kind === 'found' && answer.record.value.toString(), 'value 47');
  assert.equal(broker.lookups.status()[0]!.keys, 20);
  assert.ok(!said.some((line) => line.startsWith('a stored key table is not used')), said.join('\n'));
});
