/** The codes of transactions that go wrong, from the same steps against Apache Kafka and against this broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startBroker } from '../../../broker/index.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { quietPort } from '../../quiet-port.ts';
import { skipUnless } from '../../skip.ts';
import { comparedVersion } from '../differential/brokers.ts';
import { Requests } from '../killed/requests.ts';
import { hasJava, startKafka } from './apache-kafka.ts';
import { CodesClient, settled, topic } from './codes-client.ts';
import { steps } from './transaction-codes.ts';

/** So that an id expires while the test runs; those that are used do not. */
const quick = {
  'transactional.id.expiration.ms': 4_000,
  'transaction.remove.expired.transaction.cleanup.interval.ms': 500,
};

async function answers(port: number): Promise<Record<string, unknown>> {
  const requests = new Requests(port);
  const first = new CodesClient(requests, 'first');
  await first.ask(createTopics, 5, {
    topics: [{ name: topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
    validateOnly: false,
  });
  await first.find();
  // Kafka fetches its block of producer ids when the first is asked for, and says "not now" meanwhile.
  await settled(() => first.init());
  const found: Record<string, unknown> = {};
  for (const [name, step] of Object.entries(steps)) {
    const client = new CodesClient(requests, name);
    await client.find();
    found[name] = await step(client);
  }
  requests.close();
  return found;
}

test('are those of Apache Kafka', async (context) => {
  skipUnless(context, hasJava(), 'there is no java');
  // Java takes file names in the locale's encoding: plain letters, whatever that is.
  const directory = mkdtempSync(join(tmpdir(), 'transaction-codes-'));
  const port = await quietPort();
  const properties = Object.fromEntries(Object.entries(quick).map(([name, value]) => [name, String(value)]));
  const kafka = await startKafka(directory, port, properties, { version: comparedVersion });
  const broker = await startBroker({ config: quick });
  try {
    const theirs = await answers(port);
    const ours = await answers(Number(broker.bootstrapServers.split(':').at(-1)));
    expect(ours).toEqual(theirs);
  } finally {
    await Promise.all([kafka.stop(), broker.stop()]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
});
