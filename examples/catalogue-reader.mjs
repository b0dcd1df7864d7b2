/* One member of the group that reads the flights for catalogue.mjs, which forks it:
 *   catalogue-reader.mjs BROKERS GROUP TOPIC NAME
 * It tells its parent which partitions it was given, hands over each batch, and commits a batch only after the parent has
 * said that it has it. */
import { setTimeout } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';

const [brokers, groupId, topic, clientId] = process.argv.slice(2);
const kafka = new Kafka({ clientId, brokers: brokers.split(','), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, maxBytesPerPartition: 64 * 1024 });

/** The batches that the parent has, as it names them. */
const acknowledged = new Set();
process.on('message', (name) => acknowledged.add(name));
process.on('disconnect', async () => {
  await consumer.disconnect();
  process.exit(0);
});
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  process.send({ assigned: payload.memberAssignment[topic] ?? [] });
});

await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  partitionsConsumedConcurrently: 6,
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat }) => {
    const { partition } = batch;
    const messages = batch.messages.map(({ offset, key, value }) => ({
      offset: Number(offset),
      key: String(key),
      value: String(value),
    }));
    const name = `${partition}:${batch.firstOffset()}-${batch.lastOffset()}`;
    process.send({ name, partition, messages });
    // A heartbeat throws when the group rebalances; then the batch stays uncommitted and somebody gets it again.
    for (; !acknowledged.has(name); await setTimeout(20)) await heartbeat();
    resolveOffset(batch.lastOffset());
    const next = String(Number(batch.lastOffset()) + 1);
    await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: next }] }] });
  },
});
