/** Starting: empty, with data after a clean stop, with data after a kill; and what a broker does in its first seconds. */
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '../../tools/client.ts';
import { type BrokerProcess, startBrokerProcess } from './broker-processes.ts';
import { fetchFrame } from './frames.ts';
import { cpuSecondsOf, watchOthers } from './proc.ts';
import { type Fetched, rawClient } from './raw.ts';
import { nodeClient } from './rows-clients.ts';
import { batchBytes, produceTo } from './rows-data.ts';
import { amountOf, inDirectory, type Site, thousands } from './site.ts';
import { appendToAll, createAll, leastDisturbed, Stage } from './stage.ts';

const dataOf = (load: { partitions: number }) => ({ ...load, recordBytes: 1024, batchBytes });

export async function startRows(site: Site): Promise<void> {
  await emptyDirectory(site);
  // It has memory alone.
  if (site.name === 'kfake') return;
  await afterCleanStop(site);
  await afterKill(site);
}

interface Started {
  readonly broker: BrokerProcess;
  /** From the start of the process to the end of the first work. */
  readonly doneMs: number;
  readonly otherCores: number;
}

async function start(
  { name }: Site,
  directory: string,
  work: (client: Client) => Promise<void>,
): Promise<Started> {
  const others = watchOthers();
  const broker = await startBrokerProcess(name, directory);
  const startMs = performance.now();
  const client = await Client.connect('127.0.0.1', broker.port);
  await work(client);
  client.close();
  const doneMs = broker.readyMs + performance.now() - startMs;
  return { broker, doneMs, otherCores: others(cpuSecondsOf(broker.pid)) };
}

async function emptyDirectory(site: Site): Promise<void> {
  const started = await leastDisturbed(() =>
    inDirectory(site.parent, async (directory) => {
      const found = await start(site, directory, async (client) => {
        await createAll(client, ['first'], 1);
        await appendToAll(client, ['first']);
      });
      await found.broker.stop();
      return found;
    }),
  );
  const { broker, doneMs } = started;
  site.note('process start to first Metadata, empty directory', 'ms', broker.readyMs, 'less', started);
  site.note('process start to first acknowledged record', 'ms', doneMs, 'less', started);
}

async function afterCleanStop(site: Site): Promise<void> {
  const partitions = site.sizes.count(1000);
  const bytes = site.sizes.count(1000) * 1e6;
  const started = await leastDisturbed(() =>
    inDirectory(site.parent, async (directory) => {
      const stage = await filled(site, directory, partitions, bytes);
      const stopMs = performance.now();
      await stage.broker.stop();
      const stoppedMs = performance.now() - stopMs;
      stage.close();
      const found = await start(site, directory, async () => {});
      await found.broker.stop();
      return { ...found, stoppedMs };
    }),
  );
  const what = `${thousands(partitions)} partitions and ${amountOf(bytes)}`;
  site.note(`clean stop with ${what}`, 'ms', started.stoppedMs, 'less');
  site.note(`start with ${what} after a clean stop`, 'ms', started.broker.readyMs, 'less', started);
}

async function filled(site: Site, directory: string, partitions: number, bytes: number): Promise<Stage> {
  const stage = new Stage(await startBrokerProcess(site.name, directory), site.parent, { attempts: 1 });
  await produceTo(stage, dataOf({ partitions }), bytes);
  return stage;
}

async function afterKill(site: Site): Promise<void> {
  const bytes = site.sizes.count(1000) * 1e6;
  const started = await leastDisturbed(() =>
    inDirectory(site.parent, async (directory) => {
      const stage = new Stage(await startBrokerProcess(site.name, directory), site.parent, { attempts: 1 });
      const { topic } = await produceTo(stage, dataOf({ partitions: 1 }), bytes);
      await stage.broker.kill();
      stage.close();
      const found = await start(site, directory, (client) => appendToAll(client, [topic]));
      await found.broker.stop();
      return found;
    }),
  );
  const row = `start after kill -9 with ${amountOf(bytes)} unflushed, to first acknowledged record`;
  site.note(row, 'ms', started.doneMs, 'less', started);
}

/** What a CI job of seconds sees: nothing was warmed up, neither broker nor client. A process of its own for each. */
export async function coldRows(site: Site): Promise<void> {
  const messages = site.sizes.count(1000);
  const sent = await onFresh(site, async (stage) => {
    const topic = await stage.topic(1);
    return stage.measure(() => nodeClient(stage, 'kafkajs-sequential', { topic, messages, uncounted: 0 }));
  });
  const kafkajs = `cold: kafkajs’ first ${thousands(messages)} messages, one after the other`;
  site.note(kafkajs, 'messages/s', messages / sent.result.seconds, 'more', sent);
  site.note(`${kafkajs}, broker CPU`, 'µs/message', (sent.cpuSeconds * 1e6) / messages, 'less', sent);

  const bytes = site.sizes.loadBytes / 5;
  const { written, read, valueBytes } = await onFresh(site, async (stage) => {
    const { measured, ...produced } = await produceTo(stage, dataOf({ partitions: 1 }), bytes);
    const upTo = Math.floor(produced.valueBytes / 1024 / 64) * 64;
    const file = fetchFrame(stage.folder, produced.topic, 1);
    const fetched = await stage.measure<Fetched>(() =>
      rawClient('fetch', stage.port, [file], { consumers: 1, upTo }),
    );
    const otherCores = Math.max(measured.otherCores, fetched.otherCores);
    return { written: measured, read: fetched, valueBytes: produced.valueBytes, otherCores };
  });
  for (const [verb, { result, cpuSeconds, ...measured }] of [
    ['produce', written],
    ['fetch', read],
  ] as const) {
    const row = `cold: ${verb} 1 KiB, the first ${amountOf(bytes)} after the start`;
    site.note(row, 'MB/s', valueBytes / 1e6 / result.seconds, 'more', measured);
    site.note(`${row}, broker CPU`, 's/GB', cpuSeconds / (valueBytes / 1e9), 'less', measured);
  }
}

function onFresh<T extends { readonly otherCores: number }>(
  site: Site,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  return leastDisturbed(() =>
    inDirectory(site.parent, async (directory) => {
      const stage = new Stage(await startBrokerProcess(site.name, directory), site.parent, { attempts: 1 });
      const found = await use(stage);
      await stage.broker.stop();
      stage.close();
      return found;
    }),
  );
}

/** Above this nothing is read in again for the first time: one start of each, before any counts. */
export async function startOnce(site: Site): Promise<void> {
  await inDirectory(site.parent, async (directory) => {
    const { stop } = await startBrokerProcess(site.name, directory);
    await pause(100);
    await stop();
  });
}
