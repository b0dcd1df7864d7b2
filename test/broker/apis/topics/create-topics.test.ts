import { expect, test } from 'vitest';
import { startBroker } from '../../../../broker/index.ts';
import { createTopics } from '../../../../protocol/messages/topics/create-topics.ts';
import { Client } from '../../../../tools/client.ts';

test('configs are shown as they were sent, the others as they are', async () => {
  const broker = await startBroker();
  const client = await Client.connect('127.0.0.1', broker.port);
  const configs = [
    { name: 'retention.ms', value: ' 1000 ' },
    { name: 'preallocate', value: 'TRUE' },
  ];
  const { topics } = await client.request(createTopics, 7, {
    topics: [{ name: 'a', numPartitions: 1, replicationFactor: 1, assignments: [], configs }],
    validateOnly: true,
  });
  const shown = topics[0]!.configs!.map(({ name, value }) => ({ name, value }));
  expect(shown).toEqual(expect.arrayContaining(configs));
  expect(shown).toContainEqual({ name: 'segment.bytes', value: '1073741824' });
  client.close();
  await broker.stop();
});
