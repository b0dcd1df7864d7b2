/** Kafka's own kafka-transactions: what is listed and described, and how a transaction that hangs is found and aborted. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../broker/index.ts';
import { createTopics } from '../../../protocol/messages/topics/create-topics.ts';
import { skipUnless } from '../../skip.ts';
import { hasJava, runKafkaClass } from '../java/apache-kafka.ts';
import { CodesClient, settled, topic } from '../java/codes-client.ts';
import { Requests } from '../killed/requests.ts';

const isThere = hasJava();
let broker: Broker;
let requests: Requests;

beforeAll(async () => {
  // Without the question to the coordinator a transaction can hang, as it could on a Kafka before KIP-890.
  broker = await startBroker({ config: { 'transaction.partition.verification.enable': false } });
  requests = new Requests(Number(broker.bootstrapServers.split(':').at(-1)));
});
afterAll(async () => {
  requests.close();
  await broker.stop();
});
beforeEach((context) => skipUnless(context, isThere, 'there is no java'));

async function tool(...args: string[]): Promise<string[][]> {
  const all = ['--bootstrap-server', broker.bootstrapServers, ...args];
  const { status, stdout, stderr } = await runKafkaClass('org.apache.kafka.tools.TransactionsCommand', all);
  expect(status, stdout + stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
}

test('lists, describes, finds what hangs, and aborts it', async () => {
  const client = new CodesClient(requests, 'tx-open');
  const asked = { name: topic, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.ask(createTopics, 5, { topics: [asked], validateOnly: false });
  await client.find();
  await settled(() => client.init());
  expect(await client.send(12, 0)).toBe('NONE');
  const [, listed] = await tool('list');
  expect(listed).toEqual(['tx-open', '1', String(client.producerId), 'Ongoing']);
  const [, described] = await tool('describe', '--transactional-id', 'tx-open');
  expect(described).toEqual(expect.arrayContaining(['1', 'tx-open', 'Ongoing', `${topic}-0`]));
  const [, producer] = await tool('describe-producers', '--topic', topic, '--partition', '0');
  expect(producer!.slice(0, 2)).toEqual([String(client.producerId), '0']);

  const hanging = new CodesClient(requests, 'tx-hangs');
  await hanging.find();
  await settled(() => hanging.init());
  expect(await hanging.send(9, 0)).toBe('NONE');
  const found = await tool('find-hanging', '--broker-id', '1', '--max-transaction-timeout', '0');
  expect(found.slice(1).map(([name, partition, id]) => [name, partition, id])).toEqual([
    [topic, '0', String(hanging.producerId)],
  ]);
  const startOffset = found[1]!.find((_, n) => found[0]![n] === 'StartOffset') ?? found[1]![4]!;
  await tool('abort', '--topic', topic, '--partition', '0', '--start-offset', startOffset);
  expect(await tool('find-hanging', '--broker-id', '1', '--max-transaction-timeout', '0')).toHaveLength(1);
  expect(await client.end(5, true)).toBe('NONE');
});
