/* A real input: US airports, and 20,000 flights between them, from the npm package vega-datasets.
 *
 *   airports   keyed by IATA code, into a compacted topic: the newest row of each airport stays
 *   flights    keyed by origin, into 6 partitions: what left one airport stays in order
 *
 * Both are read back and compared, row by row and in order per key; the flights by a group of two, one of which is killed
 * in the middle and comes back (catalogue-group.mjs). Start the broker first: npm start. */
import { deepStrictEqual } from 'node:assert';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { readWithAnAccident } from './catalogue-group.mjs';

const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',');
const run = Date.now();
const airportsTopic = `airports-${run}`;
const flightsTopic = `flights-${run}`;
const partitionCount = 6;

const dataFolder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');
const read = (name) => readFileSync(join(dataFolder, name), 'utf8');
const airports = parseCsv(read('airports.csv')).map((airport) => ({
  key: airport.iata,
  value: JSON.stringify(airport),
}));
const flights = JSON.parse(read('flights-20k.json')).map((flight) => ({
  key: flight.origin,
  value: JSON.stringify(flight),
}));

const kafka = new Kafka({ clientId: 'catalogue', brokers, logLevel: logLevel.ERROR });
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({
  topics: [
    {
      topic: airportsTopic,
      numPartitions: 1,
      configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
    },
    { topic: flightsTopic, numPartitions: partitionCount },
  ],
});
await admin.disconnect();

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();
await sendAll(airportsTopic, airports);
await sendAll(flightsTopic, flights);
await producer.disconnect();
console.log(`wrote ${airports.length} airports and ${flights.length} flights`);

deepStrictEqual(valuesByKey(await readAirports()), valuesByKey(airports));
console.log(`airports: ${airports.length} rows read back equal`);

const group = {
  brokers,
  group: `catalogue-${run}`,
  topic: flightsTopic,
  partitionCount,
  count: flights.length,
};
const { messages, deliveries } = await readWithAnAccident(group);
const origins = valuesByKey(messages);
deepStrictEqual(origins, valuesByKey(flights));
console.log(`flights: ${messages.length} rows of ${origins.size} origins read back equal and in order`);
console.log(
  `         (${deliveries - messages.length} rows came twice, as rows may after a kill or a rebalance)`,
);

async function sendAll(topic, all) {
  for (let at = 0; at < all.length; at += 1000)
    await producer.send({ topic, messages: all.slice(at, at + 1000) });
}

async function readAirports() {
  const consumer = kafka.consumer({ groupId: `catalogue-airports-${run}` });
  const got = [];
  await consumer.connect();
  await consumer.subscribe({ topic: airportsTopic, fromBeginning: true });
  await new Promise((done, fail) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => fail(payload.error));
    const eachMessage = async ({ message }) => {
      got.push({ key: String(message.key), value: String(message.value) });
      if (got.length === airports.length) done();
    };
    consumer.run({ eachMessage }).catch(fail);
  });
  await consumer.disconnect();
  return got;
}

/** key -> its values, oldest first. */
function valuesByKey(all) {
  const byKey = new Map();
  for (const { key, value } of all) {
    const values = byKey.get(key);
    if (values === undefined) byKey.set(key, [value]);
    else values.push(value);
  }
  return byKey;
}

/** Rows as objects; a quoted field may hold commas and doubled quotes, but no line break. */
function parseCsv(text) {
  const fields = (line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
      quoted === undefined ? plain : quoted.replaceAll('""', '"'),
    );
  const [header, ...rows] = text.trim().split(/\r?\n/).map(fields);
  return rows.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i]])));
}
