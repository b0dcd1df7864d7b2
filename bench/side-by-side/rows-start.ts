/** Starting: empty, with data after a clean stop, with data after a kill; and what a broker does in its first seconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '../../tools/client.ts';
import { type BrokerName, type BrokerProcess, startBrokerProcess } from './broker-processes.ts';
import { memoryOf } from './proc.ts';
import { batchBytes, produceTo } from './rows-data.ts';
import { appendToAll, createAll, Stage } from './stage.ts';

export async function startRows(stage: Stage, name: BrokerName, parent: string): Promise<void> {
  await emptyDirectory(stage, name, parent);
  await afterCleanStop(stage, name, parent);
  await afterKill(stage, name, parent);
  if (name === 'kafka') await smallHeap(stage, parent);
}

const dataOf = (load: { partitions: number }) => ({ ...load, recordBytes: 1024, batchBytes });
const gigabyte = 1e9;

async function inDirectory(parent: string, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(parent, 'start-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The second of two, so that neither reads its program from the disk. */
async function emptyDirectory(stage: Stage, name: BrokerName, parent: string): Promise<void> {
  await inDirectory(parent, async (directory) => {
    const broker = await startBrokerProcess(name, directory);
    const firstMs = await timed(broker, async (client) => {
      await createAll(client, ['first'], 1);
      await appendToAll(client, ['first']);
    });
    stage.note('process start to first Metadata, empty directory', 'ms', broker.readyMs, 'less');
    stage.note('process start to first acknowledged record', 'ms', broker.readyMs + firstMs, 'less');
    await pause(2_000);
    stage.note('memory when idle', 'MB', memoryOf(broker.pid, 'VmRSS'), 'less');
    const cold = new Stage(broker, parent);
    const { measured, valueBytes } = await produceTo(cold, dataOf({ partitions: 1 }), 100e6);
    const perGigabyte = measured.cpuSeconds / (valueBytes / gigabyte);
    stage.note(
      'produce 1 KiB, 1 partition, the first 100 MB after the start, broker CPU',
      's/GB',
      perGigabyte,
      'less',
      measured,
    );
    stage.note('the same', 'MB/s', valueBytes / 1e6 / measured.result.seconds, 'more', measured);
    cold.close();
    await broker.stop();
  });
}

/** How long that took, in ms. */
async function timed(broker: BrokerProcess, work: (client: Client) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  const client = await Client.connect('127.0.0.1', broker.port);
  await work(client);
  client.close();
  return performance.now() - startMs;
}

async function afterCleanStop(stage: Stage, name: BrokerName, parent: string): Promise<void> {
  await inDirectory(parent, async (directory) => {
    const first = await startBrokerProcess(name, directory);
    const filling = new Stage(first, parent);
    await produceTo(filling, dataOf({ partitions: 1000 }), gigabyte);
    filling.close();
    const stopMs = performance.now();
    await first.stop();
    stage.note('clean stop with 1,000 partitions and 1 GB', 'ms', performance.now() - stopMs, 'less');
    const second = await startBrokerProcess(name, directory);
    stage.note('start with 1,000 partitions and 1 GB after a clean stop', 'ms', second.readyMs, 'less');
    await second.stop();
  });
}

async function afterKill(stage: Stage, name: BrokerName, parent: string): Promise<void> {
  await inDirectory(parent, async (directory) => {
    const first = await startBrokerProcess(name, directory);
    const filling = new Stage(first, parent);
    const { topic } = await produceTo(filling, dataOf({ partitions: 1 }), gigabyte);
    await first.kill();
    filling.close();
    const second = await startBrokerProcess(name, directory);
    const recordMs = await timed(second, (client) => appendToAll(client, [topic]));
    stage.note(
      'start after kill -9 with 1 GB unflushed, to first acknowledged record',
      'ms',
      second.readyMs + recordMs,
      'less',
    );
    await second.stop();
  });
}

/** With the smallest heap that people give it. */
async function smallHeap(stage: Stage, parent: string): Promise<void> {
  await inDirectory(parent, async (directory) => {
    const broker = await startBrokerProcess('kafka', directory, { heap: '256m' });
    await pause(2_000);
    stage.note('memory when idle, Kafka with a heap of 256 MB', 'MB', memoryOf(broker.pid, 'VmRSS'), 'less');
    await broker.stop();
  });
}
