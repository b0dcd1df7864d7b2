/* All committed values of a topic, read from its beginning: up to a last line that is written into each partition for it. */
import { Partitioners } from 'kafkajs';

export async function readAll(kafka, topic) {
  const admin = kafka.admin();
  await admin.connect();
  const partitions = (await admin.fetchTopicOffsets(topic)).map(({ partition }) => partition);
  await admin.disconnect();
  const lastLine = `end of ${topic}`;
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: partitions.map((partition) => ({ partition, value: lastLine })) });
  await producer.disconnect();

  const consumer = kafka.consumer({ groupId: `auditors-of-${topic}`, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values = [];
  let ended = 0;
  await new Promise((done, fail) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
    const eachMessage = async ({ message }) => {
      const text = String(message.value);
      if (text !== lastLine) values.push(JSON.parse(text));
      else if (++ended === partitions.length) done();
    };
    consumer.run({ eachMessage }).catch(fail);
  });
  await consumer.disconnect();
  return values;
}
