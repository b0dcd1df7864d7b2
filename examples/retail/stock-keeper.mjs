/* One of the group that keeps stock, forked by run.mjs:  stock-keeper.mjs JSON
 *
 * It reads the receipts that are committed and writes what is left of each SKU in each shop to the compacted topic `stock`, exactly
 * once: the new counts and the group's offsets are one transaction. It has no database: what it does not know it asks the store for,
 * and what the store does not know either is what the shop was delivered with, which is in the article. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { createCatalogue } from './catalogue.mjs';
import { connectRest } from './rest.mjs';

const options = JSON.parse(process.argv[2]);
const { brokers, rest: address, name } = options;
const groupId = 'stock-keepers';
const catalogue = createCatalogue(options);
const rest = connectRest(address);
const kafka = new Kafka({ clientId: name, brokers, logLevel: logLevel.NOTHING });

/** Of the shops that are ours as long as our share of the group is. */
const counts = new Map();

// Its first call ends what a killed predecessor of this name has left open, before anything of it is read.
const producer = kafka.producer({
  transactionalId: `stock-${name}`,
  idempotent: true,
  maxInFlightRequests: 1,
  createPartitioner: Partitioners.DefaultPartitioner,
});
await producer.connect();
await (await producer.transaction()).abort();

const consumer = kafka.consumer({ groupId, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
consumer.on(consumer.events.GROUP_JOIN, () => {
  counts.clear();
  process.send({ joined: name });
});
await consumer.connect();
await consumer.subscribe({ topic: 'receipts', fromBeginning: true });
await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch });
process.on('disconnect', async () => {
  await consumer.disconnect();
  await producer.disconnect();
  rest.close();
});

async function eachBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }) {
  const lines = batch.messages.flatMap(({ value }) => {
    const { shop, lines } = JSON.parse(String(value));
    return lines.map(({ n, sku }) => ({ n, sku, shop, key: `${catalogue.skuIdOf(n, sku)}@${shop}` }));
  });
  const changed = new Map(lines.map((line) => [line.key, line]));
  await learn([...changed.values()].filter(({ key }) => !counts.has(key)));
  await heartbeat();
  if (!isRunning() || isStale()) return;
  for (const { key } of lines) counts.set(key, counts.get(key) - 1);
  const messages = [...changed.keys()].map((key) => ({
    key,
    value: JSON.stringify({ stock: counts.get(key) }),
  }));
  const offset = String(Number(batch.lastOffset()) + 1);
  const topics = [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }];
  const transaction = await producer.transaction();
  try {
    await transaction.send({ topic: 'stock', messages });
    await transaction.sendOffsets({ consumerGroupId: groupId, topics });
    await transaction.commit();
  } catch (error) {
    counts.clear();
    await transaction.abort();
    throw error;
  }
  resolveOffset(batch.lastOffset());
}

/** What is left of these, from the store. */
async function learn(lines) {
  const known = await rest.getMany(
    'stock',
    lines.map(({ key }) => key),
  );
  await Promise.all(
    lines.map(async ({ n, sku, shop, key }, i) => {
      const delivered = async () =>
        Number(await rest.get('articles', catalogue.idOf(n), { at: `/skus/${sku}/stock/${shop}` }));
      counts.set(key, known[i]?.stock ?? (await delivered()));
    }),
  );
}
