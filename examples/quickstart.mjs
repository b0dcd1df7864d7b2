/* The first five minutes: makes a topic, sends three messages, reads back all that the topic holds.
 * Run it again: the messages of the last run are still there. Start the broker first: npm start. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',');
const topic = 'quickstart';

const kafka = new Kafka({ clientId: 'quickstart', brokers, logLevel: logLevel.ERROR });

const admin = kafka.admin();
await admin.connect();
const isThere = (await admin.listTopics()).includes(topic);
if (!isThere) await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
console.log(isThere ? `topic ${topic} is there already` : `made topic ${topic}`);
await admin.disconnect();

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const messages = ['one', 'two', 'three'].map((value) => ({ key: 'count', value }));
const [sent] = await producer.send({ topic, messages });
const lastOffset = Number(sent.baseOffset) + messages.length - 1;
await producer.disconnect();

const consumer = kafka.consumer({ groupId: `quickstart-${Date.now()}` });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await new Promise((done, fail) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
  consumer
    .run({
      eachMessage: async ({ message }) => {
        console.log(`read ${message.key} = ${message.value} at offset ${message.offset}`);
        if (Number(message.offset) === lastOffset) done();
      },
    })
    .catch(fail);
});
await consumer.disconnect();
