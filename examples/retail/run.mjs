/* A retailer's Saturday before Christmas, whole:  node examples/retail/run.mjs
 *
 *   articles   50,000, with SKUs, prices and stock of 100 shops, come through Kafka Connect from a file into a compacted topic
 *   tills      look prices up by REST, and book receipt and loyalty points in one transaction (tills.mjs)
 *   prices     change meanwhile, through Connect too
 *   stock      is kept by a group that reads the receipts and writes exactly once (stock-keeper.mjs); one of it is killed at half time
 *
 * At the end everything has to add up, to the last cent, or this fails. It starts Kompakt itself, in a directory that it removes
 * afterwards. --help tells the options. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { startKompakt } from './broker.mjs';
import { articleText, createCatalogue } from './catalogue.mjs';
import { checkArticles, checkPoints, checkPricesSeen, checkReceipts, checkStock } from './checks.mjs';
import { whyNoConnect } from './connect/connect.mjs';
import { connectFeed, nodeFeed } from './feeds.mjs';
import { randomNumbers } from './random.mjs';
import { readAll } from './read-all.mjs';
import { connectRest } from './rest.mjs';

const options = {
  articles: { type: 'string', default: '50000' },
  shops: { type: 'string', default: '100' },
  tills: { type: 'string', default: '40' },
  customers: { type: 'string', default: '20000' },
  seconds: { type: 'string', default: '30' },
  /** Of each till, instead of a time. */
  receipts: { type: 'string', default: '0' },
  'changes-per-second': { type: 'string', default: '100' },
  /** connect, node, or auto: connect where there are Java and Maven. */
  feed: { type: 'string', default: 'auto' },
  seed: { type: 'string', default: '1224' },
  help: { type: 'boolean', default: false },
};
const { values: flags } = parseArgs({ options });
if (flags.help) {
  console.log('node examples/retail/run.mjs');
  for (const [name, { default: value }] of Object.entries(options)) console.log(`  --${name} ${value}`);
  process.exit();
}
const number = (name) => Number(flags[name]);
const scale = { seed: number('seed'), articleCount: number('articles'), shopCount: number('shops') };
const catalogue = createCatalogue(scale);
/** What version each article is in by now. */
const versions = new Uint16Array(catalogue.articleCount);
const children = [];

let feed = null;

const directory = mkdtempSync(join(tmpdir(), 'retail-'));
const kompakt = await startKompakt(join(directory, 'data'));
process.once('SIGINT', () => cleanUp().then(() => process.exit(130)));
try {
  await saturday();
} finally {
  await cleanUp();
}

async function cleanUp() {
  for (const child of children) child.kill('SIGKILL');
  await feed?.stop();
  await kompakt.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function saturday() {
  const kafka = new Kafka({ clientId: 'retail', brokers: kompakt.brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await createTopics(admin);
  const rest = connectRest(kompakt.rest);
  say('kompakt', `Kafka on ${kompakt.brokers[0]}, HTTP on ${kompakt.rest}`);

  feed = await openFeed(kafka);
  await feedArticles(admin);
  await settled(admin, rest);

  const { day, changeCount } = await openTheShops();
  tellTheDay(day, changeCount);

  await feedArrived(admin, catalogue.articleCount + changeCount);
  await settled(admin, rest);
  await addUp(kafka, rest, day);
  rest.close();
  await admin.disconnect();
}

function createTopics(admin) {
  const compacted = [{ name: 'cleanup.policy', value: 'compact' }];
  const topics = ['articles', 'stock', 'points'].map((topic) => ({
    topic,
    numPartitions: 4,
    configEntries: compacted,
  }));
  return admin.createTopics({ topics: [...topics, { topic: 'receipts', numPartitions: 4 }] });
}

function openFeed(kafka) {
  const why = flags.feed === 'node' ? '--feed node' : whyNoConnect();
  if (why === null) return connectFeed({ bootstrap: kompakt.brokers[0], directory, topic: 'articles' });
  if (flags.feed === 'connect') throw new Error(`Kafka Connect cannot run: ${why}`);
  say('feed', `not by Kafka Connect (${why})`);
  return nodeFeed({ kafka, topic: 'articles' });
}

async function feedArticles(admin) {
  let bytes = 0;
  let skus = 0;
  function* lines() {
    for (let n = 0; n < catalogue.articleCount; n++) {
      const text = articleText(catalogue, n, 0);
      bytes += Buffer.byteLength(text);
      skus += catalogue.skuCount(n);
      yield { id: catalogue.idOf(n), text };
    }
  }
  const startMs = await feed.all(lines());
  await feedArrived(admin, catalogue.articleCount);
  const seconds = (performance.now() - startMs) / 1000;
  const average = (bytes / catalogue.articleCount / 1000).toFixed(1);
  say(
    'articles',
    `${count(catalogue.articleCount)} with ${count(skus)} SKUs in up to ${catalogue.shopCount} shops`,
  );
  say('', `${(bytes / 1e6).toFixed(1)} MB, ${average} KB each, by ${feed.name}: ${seconds.toFixed(1)} s`);
}

async function feedArrived(admin, records) {
  const arrived = async () =>
    (await admin.fetchTopicOffsets('articles')).reduce((sum, { high }) => sum + Number(high), 0);
  for (; (await arrived()) < records; await pause(50)) await feed.check();
}

/** Until what is in the log of the articles is what a lookup answers. */
async function settled(admin, rest) {
  for (const { partition, high } of await admin.fetchTopicOffsets('articles')) {
    if (Number(high) === 0) continue;
    await rest.get('articles', 'none', {
      partition: String(partition),
      'min-offset': String(Number(high) - 1),
      'wait-ms': '60000',
    });
  }
}

/** The load: all tills, two stock keepers of whom one is killed, and prices that change. */
async function openTheShops() {
  const common = { ...scale, brokers: kompakt.brokers, rest: kompakt.rest };
  const keepers = [await startKeeper('first'), await startKeeper('second')];
  const tills = start('tills.mjs', {
    ...common,
    tillCount: number('tills'),
    customerCount: number('customers'),
    seconds: number('seconds'),
    receiptsPerTill: number('receipts'),
  });
  let isOver = false;
  const halfTime = messageOf(tills, 'halfway').then(async () => {
    keepers[0].kill('SIGKILL');
    keepers[0] = await startKeeper('first');
  });
  const changes = changePrices(() => isOver);
  const day = await messageOf(tills, 'receipts');
  isOver = true;
  await halfTime;
  return { day: { ...day, keepers }, changeCount: await changes };

  async function startKeeper(name) {
    const keeper = start('stock-keeper.mjs', { ...common, name });
    await messageOf(keeper, 'joined');
    return keeper;
  }
}

/** Half of the changes are of what sells best. Returns how many there were. */
async function changePrices(isOver) {
  const random = randomNumbers(scale.seed + 1);
  const hot = Math.ceil(catalogue.articleCount / 50);
  const startMs = performance.now();
  let changeCount = 0;
  while (!isOver()) {
    const n = random(random(2) === 0 ? hot : catalogue.articleCount);
    versions[n]++;
    await feed.change({ id: catalogue.idOf(n), text: articleText(catalogue, n, versions[n]) });
    changeCount++;
    const dueMs = startMs + (changeCount * 1000) / number('changes-per-second');
    await pause(Math.max(0, dueMs - performance.now()));
  }
  return changeCount;
}

function tellTheDay({ receipts, declined, lookupMs, seconds }, changeCount) {
  const sorted = Float64Array.from(lookupMs).sort();
  const quantile = (part) => sorted[Math.floor((sorted.length - 1) * part)].toFixed(2);
  const rate = (things) => `${count(things / seconds)}/s`;
  say(
    'saturday',
    `${seconds.toFixed(1)} s, ${flags.tills} tills, ${count(changeCount)} price changes meanwhile`,
  );
  say(
    '',
    `${count(lookupMs.length)} prices looked up by REST: ${rate(lookupMs.length)}, p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  );
  say(
    '',
    `${count(receipts.length)} receipts booked with their points: ${rate(receipts.length)}; ${declined} cards declined`,
  );
  say('', 'one of two stock keepers was killed at half time, and another took its place');
}

async function addUp(kafka, rest, day) {
  const { receipts, sold, points, pricesSeen, keepers } = day;
  await checkStock(rest, catalogue, sold);
  for (const keeper of keepers) keeper.disconnect();
  await Promise.all(keepers.map((keeper) => new Promise((ended) => keeper.once('exit', ended))));
  await checkStock(rest, catalogue, sold);
  await checkPoints(rest, points);
  checkReceipts(await readAll(kafka, 'receipts'), receipts);
  checkPricesSeen(catalogue, versions, pricesSeen);
  const startMs = performance.now();
  await checkArticles(rest, catalogue, versions);
  const seconds = (performance.now() - startMs) / 1000;
  const turnover = receipts.reduce((sum, [, total]) => sum + total, 0);
  say(
    'adds up',
    `receipts   ${count(receipts.length)}, each once, of ${count(turnover / 100)}.${String(turnover % 100).padStart(2, '0')}`,
  );
  say('', `stock      of ${count(sold.length)} SKUs in shops: delivered less sold`);
  say('', `points     of ${count(points.length)} customers`);
  say(
    '',
    `prices     all ${count(catalogue.articleCount)} articles equal to the generator's, read in ${seconds.toFixed(1)} s; no till saw another`,
  );
}

function start(script, settings) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(path, [JSON.stringify(settings)], { env: { ...process.env, NODE_NO_WARNINGS: '1' } });
  children.push(child);
  return child;
}

/** The first message of a child that has this field; a child that ends without it is an error. */
function messageOf(child, field) {
  return new Promise((done, fail) => {
    child.on('message', (message) => message[field] !== undefined && done(message));
    child.once('exit', (code, signal) =>
      fail(new Error(`${child.spawnargs[1]} ended with ${signal ?? code}`)),
    );
  });
}

function say(what, text) {
  console.log(`${what.padEnd(10)} ${text}`);
}

function count(value) {
  return Math.floor(value).toLocaleString('en');
}
