/**
 * A consumer of @platformatic/kafka whose group connection is cut stays in its group. (With all connections cut it waits a second
 * before it connects again, longer than the grace, and joins anew: see KEYS.md.)
 */
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { CuttableBroker, cutGroup, cutTopic, expectNoRebalance } from '../cut-connections.ts';
import { eventually } from '../eventually.ts';

test('@platformatic/kafka, group connections cut', async () => {
  const broker = await CuttableBroker.start();
  const consumer = new Consumer({
    groupId: cutGroup,
    clientId: 'p',
    bootstrapBrokers: [`127.0.0.1:${broker.port}`],
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({ topics: [cutTopic], mode: 'earliest', autocommit: true });
  const seen: string[] = [];
  stream.on('data', ({ value }) => void seen.push(value));
  await broker.send('first');
  await eventually(() => expect(seen).toEqual(['first']));
  await expectNoRebalance(broker, 'group', seen);
  await Promise.all([stream.close(), broker.send('last')]);
  await consumer.close(true);
  await broker.stop();
});
