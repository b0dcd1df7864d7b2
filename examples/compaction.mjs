/* A retailer's articles in a compacted topic: written, changed, deleted, and compacted by hand.
 *
 *   key     the article's number
 *   value   what is known of it now: name, SKUs by size and colour, price and stock of each shop; null when it is sold no more
 *
 * Every change writes the whole article anew. After `kompakt compact` a reader from the start finds the same catalogue in a fraction of
 * the records; the receipt says what went, and `kompakt explain` why a record is still there. Start the broker first: npm start. */
import { deepStrictEqual, ok } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',');
const topic = 'articles';
const articleCount = 200;
const daysOfTrade = 30;

const models = ['Trail Shoe', 'Road Shoe', 'Rain Jacket', 'Tights', 'Bike Helmet', 'Swim Goggles'];
const colours = ['black', 'blue', 'orange'];
const sizes = ['S', 'M', 'L', 'XL'];
const shops = ['Berlin', 'Lyon', 'Malmö', 'online'];

const kafka = new Kafka({ clientId: 'compaction', brokers, logLevel: logLevel.ERROR });
const admin = kafka.admin();
await admin.connect();
if (!(await admin.listTopics()).includes(topic)) {
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
}
await admin.disconnect();

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
const articles = new Map(Array.from({ length: articleCount }, (_, n) => [`${471_100 + n}`, newArticle(n)]));
await send(articles);
for (let day = 1; day <= daysOfTrade; day++) await send(trade(day));
const discontinued = [...articles.keys()].filter((_, n) => n % 25 === 3);
for (const number of discontinued) articles.set(number, null);
await send(new Map(discontinued.map((number) => [number, null])));
await producer.disconnect();

const before = await readCatalogue();
kompakt('compact', topic, '--include-active');
const after = await readCatalogue();
deepStrictEqual(after.catalogue, before.catalogue);
deepStrictEqual(after.catalogue, new Map([...articles].filter(([, article]) => article !== null)));
ok(after.recordCount < before.recordCount);
console.log(
  `${after.catalogue.size} articles, the same before and after: of ${before.recordCount} records ${after.recordCount} are left\n`,
);
kompakt('explain', topic, '471104');
kompakt('explain', topic, discontinued[0]);
kompakt('explain', topic, '999999');

function newArticle(n) {
  const name = models[n % models.length];
  const skus = colours.flatMap((colour) =>
    sizes.map((size) => ({
      sku: `${471_100 + n}-${colour.slice(0, 2)}-${size}`.toUpperCase(),
      size,
      colour,
    })),
  );
  const inShops = shops.map((shop, i) => [
    shop,
    { price: 19.9 + (n % 12) * 10 + i, stock: Object.fromEntries(skus.map(({ sku }) => [sku, 12])) },
  ]);
  return { name: `${name} ${1 + (n % 7)}`, brand: 'Nordlauf', skus, shops: Object.fromEntries(inShops) };
}

/** A day sells some pairs of every third article, and on some days a price goes down. */
function trade(day) {
  const changed = new Map();
  for (const [n, [number, article]] of [...articles].entries()) {
    if ((n + day) % 3 !== 0) continue;
    const shop = shops[(n + day) % shops.length];
    const { sku } = article.skus[(n * day) % article.skus.length];
    const { price, stock } = article.shops[shop];
    const nextStock = { ...stock, [sku]: Math.max(0, stock[sku] - 1) };
    const next = { price: day % 10 === 0 ? Math.round(price * 90) / 100 : price, stock: nextStock };
    changed.set(number, { ...article, shops: { ...article.shops, [shop]: next } });
  }
  for (const [number, article] of changed) articles.set(number, article);
  return changed;
}

async function send(changed) {
  const messages = [...changed].map(([key, article]) => ({
    key,
    value: article === null ? null : JSON.stringify(article),
  }));
  await producer.send({ topic, messages });
}

/** What a reader from the start ends up with, and how many records that took. */
async function readCatalogue() {
  const consumer = kafka.consumer({ groupId: `compaction-${Date.now()}` });
  await admin.connect();
  const [{ high }] = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const catalogue = new Map();
  let recordCount = 0;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((done, fail) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
    const eachMessage = async ({ message }) => {
      recordCount++;
      const number = String(message.key);
      if (message.value === null) catalogue.delete(number);
      else catalogue.set(number, JSON.parse(String(message.value)));
      if (Number(message.offset) === Number(high) - 1) done();
    };
    consumer.run({ eachMessage }).catch(fail);
  });
  await consumer.disconnect();
  return { catalogue, recordCount };
}

/** Runs a command on the broker, as one would in a terminal. */
function kompakt(...args) {
  console.log(`$ kompakt ${args.join(' ')} --bootstrap ${brokers[0]}`);
  const program = fileURLToPath(new URL('../dist/kompakt.js', import.meta.url));
  const stdio = ['ignore', 'pipe', 'inherit'];
  const command = [program, ...args, '--bootstrap', brokers[0]];
  const { status, stdout } = spawnSync(process.execPath, command, { stdio, encoding: 'utf8' });
  console.log(stdout);
  if (status !== 0) process.exit(status ?? 1);
}
