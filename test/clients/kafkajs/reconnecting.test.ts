/** Consumers whose connections are cut in mid-session stay in their group: kafkajs with its own defaults. */
import { Kafka, logLevel } from 'kafkajs';
// Under NODE_ENV=test it has others.
// @ts-expect-error: not typed
import retry from 'kafkajs/src/retry/defaults.js';
import { expect, test } from 'vitest';
import { CuttableBroker, cutGroup, cutTopic, expectNoRebalance, graceMs } from '../cut-connections.ts';
import { eventually } from '../eventually.ts';

test.each(['all', 'group'] as const)('kafkajs, %s connections cut', async (what) => {
  const broker = await CuttableBroker.start();
  const kafka = new Kafka({
    clientId: 'k',
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: logLevel.NOTHING,
    retry,
  });
  const consumer = kafka.consumer({ groupId: cutGroup });
  await consumer.connect();
  await consumer.subscribe({ topics: [cutTopic], fromBeginning: true });
  const seen: string[] = [];
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(message.value!.toString()) });
  await broker.send('first');
  await eventually(() => expect(seen).toEqual(['first']));
  await expectNoRebalance(broker, what, seen);
  // Its disconnect would wait for the fetch under way.
  await Promise.all([consumer.disconnect(), broker.send('last')]);
  await broker.stop();
});

test('kafkajs waits less than the grace before it connects again', () => {
  expect(retry.initialRetryTime * (1 + retry.factor)).toBeLessThan(graceMs);
});
