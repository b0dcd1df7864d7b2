/** 200 brokers one after the other, each stopped under clients that are at work: nothing of them is left in the process. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BrokerOptions, startBroker } from '../../../broker/index.ts';

const cycles = 200;
/** Loaded, compiled and cached by then is what will be. */
const warmUp = 20;
/** Growth of the heap for each cycle that a leak of anything worth the name would exceed: a broker alone has some megabytes. */
const leakBytesPerCycle = 20_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kompakt-cycles-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Sockets, servers, files and processes that keep something open; timers of clients come and go. */
const open = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => !/Timeout|Immediate|TickObject|Promise/.test(name))
    .sort();
const descriptors = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);

async function cycle(options: BrokerOptions): Promise<void> {
  const broker = await startBroker(options);
  const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  const producer = kafka.producer();
  const consumer = kafka.consumer({
    groupId: 'group',
    retry: { retries: 0, restartOnFailure: async () => false },
  });
  await broker.createTopics(['orders']);
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({ eachMessage: async () => {} });
  await broker.groupStable('group', { timeoutMs: 60_000 });
  await producer.send({ topic: 'orders', messages: [{ value: 'a shoe' }] });
  // Under a long poll of the consumer and with both still connected.
  await broker.stop();
  await Promise.allSettled([producer.disconnect(), consumer.disconnect()]);
}

async function heapAfter(count: number, options: () => BrokerOptions): Promise<number> {
  for (let n = 0; n < count; n++) await cycle(options());
  for (let n = 0; n < 5; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

test.each([
  ['in memory', cycles, () => ({})],
  ['in a directory', cycles / 4, () => ({ dataDir: mkdtempSync(join(directory, 'data-')) })],
])('%s', async (_name, count, options) => {
  const before = await heapAfter(warmUp, options);
  const openBefore = open();
  const descriptorsBefore = descriptors();
  const after = await heapAfter(count, options);
  expect(open()).toEqual(openBefore);
  expect(descriptors()).toBe(descriptorsBefore);
  expect((after - before) / count).toBeLessThan(leakBytesPerCycle);
});
