/**
 * One figure of the cleaner or of lookups, as a process of its own: `tsx bench/growth/key-process.ts MODE JSON`, one line of JSON.
 *
 *     clean    one pass in this thread, after a short one over another log
 *     fill     a compacted topic with so many keys, made by a broker in this process
 *     lookup   a broker in this process on what `fill` left: its key table read from the log, then keys asked for
 *     retention   so many logs of two segments each, one of which is past its time
 */
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startBroker } from '../../broker/index.ts';
import { silentLogger } from '../../broker/observe/logger.ts';
import { removeCleaned } from '../../compaction/cleaned-segment.ts';
import { cleanLog } from '../../compaction/cleaner.ts';
import { createKernel } from '../../compaction/create-kernel.ts';
import { produce } from '../../protocol/messages/data/produce.ts';
import { buildBatch } from '../../protocol/records/batch-builder.ts';
import { defaultTopicSettings } from '../../storage/config/topic-settings.ts';
import { LogDirectory } from '../../storage/directory/log-directory.ts';
import { createNodeEnvironment } from '../../storage/environment/node.ts';
import { Client } from '../../tools/client.ts';
import { cleanJobOf, type LogShape } from '../cleaner-data.ts';
import { drawn } from '../micro/micro-case.ts';
import { createAll } from '../side-by-side/stage.ts';
import { type CleanOptions, type KeysOptions, type LookupCosts, lookupCount } from './key-subjects.ts';
import { type Cost, costOf } from './measuring.ts';
import type { RetentionOptions } from './upkeep-subjects.ts';

const environment = createNodeEnvironment();
const topic = 'articles';
const keyOf = (n: number): Buffer => Buffer.from(`article ${String(n).padStart(8, '0')}`);

/** Into the page cache, and into no memory of ours. */
function readThrough(path: string): void {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(1024 * 1024);
  while (readSync(file, buffer) > 0);
  closeSync(file);
}

async function cleanOnce(directory: string, shape: LogShape): Promise<Cost> {
  const job = cleanJobOf(environment.files, directory, shape);
  for (const { path } of job.segments) readThrough(path);
  const cost = await costOf(process.pid, () =>
    cleanLog(job, { ...environment, createKernel, isAborted: () => false, onProgress: () => {} }),
  );
  removeCleaned(environment.files, directory, job.segments);
  return cost;
}

async function clean(options: CleanOptions): Promise<Cost> {
  await cleanOnce(options.warmDirectory, options.warmShape);
  return cleanOnce(options.directory, options.shape);
}

const recordsPerBatch = 500;

async function fill({ directory, keys }: KeysOptions): Promise<object> {
  const broker = await startBroker({ dataDir: directory });
  const client = await Client.connect('127.0.0.1', Number(broker.bootstrapServers.split(':').at(-1)));
  await createAll(client, [topic], 1, { 'cleanup.policy': 'compact' });
  const value = Buffer.alloc(20, 'v');
  for (let from = 0; from < keys; from += recordsPerBatch) {
    const records = Array.from({ length: Math.min(recordsPerBatch, keys - from) }, (_, i) => ({
      timestampMs: 1_790_000_000_000,
      key: keyOf(from + i),
      value,
    }));
    const partitionData = [{ index: 0, records: buildBatch({ records }) }];
    const topicData = [{ name: topic, partitionData }];
    const answer = await client.request(produce, 9, { acks: -1, timeoutMs: 30_000, topicData });
    const { errorCode } = answer.responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`);
  }
  client.close();
  await broker.stop();
  return {};
}

async function lookup({ directory, keys }: KeysOptions): Promise<LookupCosts> {
  rmSync(join(directory, `${topic}-0`, 'kompakt-key-table'), { force: true });
  const broker = await startBroker({ dataDir: directory });
  const { lookups } = broker;
  const random = drawn(keys);
  const ask = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const { kind } = await lookups.get(topic, keyOf(random()));
      if (kind !== 'found') throw new Error(`a key is ${kind}`);
    }
  };
  const build = await costOf(process.pid, () => lookups.get(topic, keyOf(0), { waitMs: 60_000 }));
  await ask(lookupCount / 2);
  const found = await costOf(process.pid, () => ask(lookupCount));
  await broker.stop();
  return { build, lookups: found };
}

/** Logs alone, without a broker: a round when one is wanted, and not when a clock says so. */
async function retention({ directory, partitions }: RetentionOptions): Promise<Cost> {
  const logs = LogDirectory.open({
    environment,
    path: directory,
    logger: silentLogger,
    durability: { kind: 'page-cache' },
    producerIdExpirationMs: () => 86_400_000,
    deleteDelayMs: 60_000,
    reserved: [],
  });
  const settings = { ...defaultTopicSettings, 'retention.ms': 1000 };
  for (let index = 0; index < partitions; index++) {
    const log = logs.openLog('t', index, 'AAAAAAAAAAAAAAAAAAAAAg', settings);
    const records = (timestampMs: number): Buffer =>
      buildBatch({ records: [{ timestampMs, key: null, value: Buffer.alloc(100), headers: [] }] });
    await log.append(records(Date.now() - 60_000), { origin: 'client', leaderEpoch: 0 });
    await log.roll();
    await log.append(records(Date.now() + 600_000), { origin: 'client', leaderEpoch: 0 });
  }
  return costOf(process.pid, async () => {
    const removed = await logs.applyRetention(Date.now());
    if (removed !== partitions) throw new Error(`${removed} segments went`);
  });
}

const modes: Record<string, (options: never) => Promise<object>> = { clean, fill, lookup, retention };
const [mode = '', options = '{}'] = process.argv.slice(2);
console.log(JSON.stringify(await modes[mode]!(JSON.parse(options) as never)));
