/** Starting: empty, with data after a clean stop, with data after a kill; and what a broker does in its first seconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { produce } from '../../protocol/messages/data/produce.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { type BrokerName, type BrokerProcess, startBrokerProcess } from './broker-processes.ts';
import { memoryOf } from './proc.ts';
import { batchBytes, produceTo } from './rows-data.ts';
import { createAll, Stage } from './stage.ts';

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
    const firstMs = await firstRecord(broker, 'first');
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

/** Creates a topic and writes to it until it is acknowledged; how long that took, in ms. */
async function firstRecord(broker: BrokerProcess, name: string): Promise<number> {
  const stage = new Stage(broker, '/tmp');
  const startMs = performance.now();
  await stage.withClient(async (client) => {
    await createAll(client, [name], 1);
    const records = buildBatch({
      records: [{ timestampMs: Date.now(), key: null, value: Buffer.from('x'), headers: [] }],
    });
    const topicData = [{ name, partitionData: [{ index: 0, records }] }];
    for (;;) {
      const answer = await client.request(produce, 8, { acks: -1, timeoutMs: 30_000, topicData });
      if (answer.responses[0]!.partitionResponses[0]!.errorCode === 0) break;
    }
  });
  stage.close();
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
    const recordMs = await appended(second, topic);
    stage.note(
      'start after kill -9 with 1 GB unflushed, to first acknowledged record',
      'ms',
      second.readyMs + recordMs,
      'less',
    );
    await second.stop();
  });
}

async function appended(broker: BrokerProcess, name: string): Promise<number> {
  const startMs = performance.now();
  const stage = new Stage(broker, '/tmp');
  const records = buildBatch({
    records: [{ timestampMs: Date.now(), key: null, value: Buffer.from('x'), headers: [] }],
  });
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  await stage.withClient(async (client) => {
    for (;;) {
      const answer = await client.request(produce, 8, { acks: -1, timeoutMs: 30_000, topicData });
      if (answer.responses[0]!.partitionResponses[0]!.errorCode === 0) return;
      await pause(1);
    }
  });
  stage.close();
  return performance.now() - startMs;
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
