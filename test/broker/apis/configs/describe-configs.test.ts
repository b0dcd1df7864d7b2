import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../../../broker/index.ts';
import { errors } from '../../../../protocol/errors.ts';
import { describeConfigs } from '../../../../protocol/messages/configs/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../../protocol/messages/configs/incremental-alter-configs.ts';
import { createTopics } from '../../../../protocol/messages/topics/create-topics.ts';
import { Client } from '../../../../tools/client.ts';

const topicType = 2;
const brokerType = 4;

let broker: Broker;
let client: Client;
beforeEach(async () => {
  broker = await startBroker();
  client = await Client.connect('127.0.0.1', broker.port);
  await client.request(createTopics, 5, {
    topics: [
      {
        name: 'a',
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [{ name: 'retention.ms', value: '5' }],
      },
    ],
    validateOnly: false,
  });
});
afterEach(async () => {
  client.close();
  await broker.stop();
});

async function described(resourceName: string, configurationKeys: string[] | null) {
  const { results } = await client.request(describeConfigs, 4, {
    resources: [{ resourceType: topicType, resourceName, configurationKeys }],
    includeSynonyms: true,
  });
  return results[0]!;
}

test('chosen keys are described with their synonyms, unknown ones left out', async () => {
  const { errorCode, errorMessage, configs } = await described('a', ['retention.ms', 'no.such.key']);
  expect({ errorCode, errorMessage }).toEqual({ errorCode: 0, errorMessage: '' });
  expect(configs).toMatchObject([{ name: 'retention.ms', value: '5', configSource: 1 }]);
  expect(configs[0]!.synonyms.map(({ value }) => value)).toEqual(['5']);
});

test('no list of keys, and an empty one, mean all of them', async () => {
  const all = (await described('a', null)).configs.map(({ name }) => name);
  expect(all.length).toBeGreaterThan(20);
  expect((await described('a', [])).configs.map(({ name }) => name)).toEqual(all);
});

test('a topic that is not there is said to be unknown, without words', async () => {
  const { code } = errors.unknownTopicOrPartition;
  expect(await described('b', null)).toMatchObject({ errorCode: code, errorMessage: '', configs: [] });
});

test('how compressed batches are checked is a key of the topic, with a default of the broker’s', async () => {
  const name = 'kompakt.compressed.validation';
  const set = async (resourceType: number, resourceName: string, value: string) => {
    const configs = [{ name, configOperation: 0, value }];
    const resources = [{ resourceType, resourceName, configs }];
    const { responses } = await client.request(incrementalAlterConfigs, 1, {
      resources,
      validateOnly: false,
    });
    return responses[0]!;
  };
  expect((await described('a', [name])).configs).toMatchObject([{ value: 'records', configSource: 5 }]);
  expect(await set(brokerType, '', 'header')).toMatchObject({ errorCode: 0 });
  expect((await described('a', [name])).configs).toMatchObject([{ value: 'header', configSource: 3 }]);
  expect(await set(topicType, 'a', 'records')).toMatchObject({ errorCode: 0 });
  expect((await described('a', [name])).configs).toMatchObject([{ value: 'records', configSource: 1 }]);
  expect(await set(topicType, 'a', 'none')).toMatchObject({
    errorCode: errors.invalidConfig.code,
    errorMessage: expect.stringContaining(name),
  });
});
