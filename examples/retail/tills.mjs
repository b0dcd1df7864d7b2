/* The tills of all shops on a Saturday before Christmas, forked by run.mjs:  tills.mjs JSON
 *
 * A till looks up the price of each article in the basket (REST, one pointer into the article), and the customer's loyalty points; then
 * it books the receipt and the new points in one transaction. Now and then a card is declined and the transaction is aborted: neither of
 * the two must be seen then.
 *
 * Two tills never book points of one customer at once: a customer stands in one queue. That the next till sees what the last one booked
 * is min-offset's work: the customer's card remembers where its points were written.
 *
 * It tells its parent {halfway: true}, and when the time is over, or each till has had its receipts,
 * {receipts, sold, points, lookupMs, pricesSeen, declined, seconds}. */
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { createCatalogue } from './catalogue.mjs';
import { randomNumbers } from './random.mjs';
import { connectRest } from './rest.mjs';

const options = JSON.parse(process.argv[2]);
const { brokers, rest: address, tillCount, customerCount, seconds, receiptsPerTill, seed } = options;
const catalogue = createCatalogue(options);
const random = randomNumbers(seed);
const rest = connectRest(address, { connections: tillCount });
/** Of 1,000 cards so many are declined. */
const declinedPerMille = 20;
const kafka = new Kafka({ clientId: 'tills', brokers, logLevel: logLevel.NOTHING });

/** What happened, as the shops know it: the truth that the topics have to agree with. */
const receipts = [];
const sold = new Map();
const points = new Map();
const lookupMs = [];
const pricesSeen = new Set();
let declined = 0;

/** What stands on the shelves: nobody can buy what is gone. */
const shelves = new Map();
const cards = new Map();
const inQueue = new Set();

const producers = await Promise.all(Array.from({ length: tillCount }, (_, till) => open(till)));
const startMs = performance.now();
let isHalfway = false;
await Promise.all(producers.map(work));
const tookSeconds = (performance.now() - startMs) / 1000;
await Promise.all(producers.map((producer) => producer.disconnect()));
rest.close();
const told = { receipts, sold: [...sold], points: [...points], lookupMs, pricesSeen: [...pricesSeen] };
process.send({ ...told, declined, seconds: tookSeconds }, () => process.disconnect());

async function open(till) {
  const producer = kafka.producer({
    transactionalId: `till-${till}`,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  return producer;
}

/** How far a till is that has had `n` customers: from 0 to 1. */
function progress(n) {
  return receiptsPerTill > 0 ? n / receiptsPerTill : (performance.now() - startMs) / 1000 / seconds;
}

async function work(producer, till) {
  const shop = 1 + (till % catalogue.shopCount);
  for (let n = 0; progress(n) < 1; n++) {
    if (!isHalfway && progress(n) >= 0.5) {
      isHalfway = true;
      process.send({ halfway: true });
    }
    const basket = fillBasket(shop);
    const customer = nextCustomer();
    const lines = [];
    for (const item of basket) lines.push(await scan(item, shop));
    const total = lines.reduce((sum, { sales }) => sum + sales, 0);
    const receipt = { receipt: `${till}-${n}`, shop, customer, total, lines };
    if (await book(producer, receipt)) remember(receipt);
    else putBack(basket, shop);
    inQueue.delete(customer);
  }
}

async function scan({ n, sku }, shop) {
  const startMs = performance.now();
  const text = await rest.get('articles', catalogue.idOf(n), { at: `/skus/${sku}/prices/${shop}` });
  lookupMs.push(performance.now() - startMs);
  const { sales } = JSON.parse(text);
  pricesSeen.add(`${n} ${sku} ${shop} ${sales}`);
  return { n, sku, sales };
}

/** Receipt and points, both or none. */
async function book(producer, receipt) {
  const { customer, shop, total } = receipt;
  const balance = await pointsOf(customer);
  const transaction = await producer.transaction();
  const key = String(customer);
  const booked = { points: balance + Math.floor(total / 100), receipt: receipt.receipt };
  const written = await transaction.sendBatch({
    topicMessages: [
      { topic: 'receipts', messages: [{ key: String(shop), value: JSON.stringify(receipt) }] },
      { topic: 'points', messages: [{ key, value: JSON.stringify(booked) }] },
    ],
  });
  if (random(1000) < declinedPerMille) {
    await transaction.abort();
    declined++;
    return false;
  }
  await transaction.commit();
  cards.set(customer, written.find(({ topicName }) => topicName === 'points').baseOffset);
  return true;
}

async function pointsOf(customer) {
  const offset = cards.get(customer);
  const wait = offset === undefined ? {} : { 'min-offset': offset, 'wait-ms': '10000' };
  const text = await rest.get('points', String(customer), { at: '/points', ...wait });
  return text === null ? 0 : Number(text);
}

function remember({ receipt, customer, shop, total, lines }) {
  receipts.push([receipt, total]);
  points.set(customer, (points.get(customer) ?? 0) + Math.floor(total / 100));
  for (const { n, sku } of lines) {
    const place = `${n} ${sku} ${shop}`;
    sold.set(place, (sold.get(place) ?? 0) + 1);
  }
}

/** Two of three things are bought from one article in fifty. */
function fillBasket(shop) {
  const basket = [];
  const wanted = 1 + random(12);
  while (basket.length < wanted) {
    const n =
      random(3) === 0 ? random(catalogue.articleCount) : random(Math.ceil(catalogue.articleCount / 50));
    const sku = random(catalogue.skuCount(n));
    if (catalogue.isSold(n, sku, shop) && takeFromShelf(n, sku, shop, 1)) basket.push({ n, sku });
  }
  return basket;
}

function takeFromShelf(n, sku, shop, count) {
  const place = `${n} ${sku} ${shop}`;
  const left = (shelves.get(place) ?? catalogue.stockOf(n, sku, shop)) - count;
  if (left >= 0) shelves.set(place, left);
  return left >= 0;
}

function putBack(basket, shop) {
  for (const { n, sku } of basket) takeFromShelf(n, sku, shop, -1);
}

function nextCustomer() {
  for (;;) {
    const customer = random(customerCount);
    if (inQueue.has(customer)) continue;
    inQueue.add(customer);
    return customer;
  }
}
