/** Many topics, many partitions. */
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import type { Client } from '../../tools/client.ts';
import { startBrokerProcess } from './broker-processes.ts';
import { produceFrames } from './frames.ts';
import { cpuSecondsOf, memoryOf, openFilesOf, watchOthers } from './proc.ts';
import { type Latencies, rawClient } from './raw.ts';
import { inDirectory, type Site, type Sizes, thousands } from './site.ts';
import { appendToAll, asClient, createAll, freshName, leastDisturbed, Stage } from './stage.ts';

export async function topicRows(stage: Stage, sizes: Sizes): Promise<void> {
  const count = sizes.count(1000);
  let names: string[] = [];
  const made = await stage.measure(async (attempt) => {
    if (attempt > 0) await stage.drop(...names);
    names = Array.from({ length: count }, freshName);
    return asClient(() =>
      stage.withClient(async (client) => {
        await createAll(client, names, 1);
        await appendToAll(client, names);
      }),
    );
  });
  const row = `${thousands(count)} topics created and written to`;
  stage.note(row, 's', made.result.seconds, 'less', made);
  stage.note(`${row}, broker CPU`, 's', made.cpuSeconds, 'less', made);
  const p50Ms = await stage.withClient(metadataP50Ms);
  stage.note(`Metadata of all of ${thousands(count)} topics, p50`, 'ms', p50Ms, 'less');
  await stage.drop(...names);
}

/** Of all topics. */
async function metadataP50Ms(client: Client): Promise<number> {
  const tookMs: number[] = [];
  for (let i = 0; i < 60; i++) {
    const fromMs = performance.now();
    await client.requestFrame(metadata, 9, { topics: null, allowAutoTopicCreation: false });
    if (i >= 10) tookMs.push(performance.now() - fromMs);
  }
  tookMs.sort((a, b) => a - b);
  return tookMs[tookMs.length >> 1]!;
}

const partitionsEach = 100;
const topicsPerRequest = 10;

/** Ten thousand partitions, as topics of a hundred, in a process of its own. */
export async function manyRows({ name, parent, sizes, note }: Site): Promise<void> {
  const topics = sizes.count(100);
  const found = await leastDisturbed(() =>
    inDirectory(parent, async (directory) => {
      const stage = new Stage(await startBrokerProcess(name, directory), parent, { attempts: 1 });
      const { pid } = stage.broker;
      const [others, cpuBefore] = [watchOthers(), cpuSecondsOf(pid)];
      const names = Array.from({ length: topics }, freshName);
      const made = await asClient(() =>
        stage.withClient(async (client) => {
          for (let at = 0; at < topics; at += topicsPerRequest) {
            const some = names.slice(at, at + topicsPerRequest);
            await createAll(client, some, partitionsEach);
            await appendToAll(client, some, partitionsEach);
          }
        }),
      );
      const otherCores = others(cpuSecondsOf(pid) - cpuBefore);
      const p50Ms = await stage.withClient(metadataP50Ms);
      const [files, megabytes] = [openFilesOf(pid), memoryOf(pid, 'VmRSS')];
      stage.close();
      await stage.broker.stop();
      return { seconds: made.seconds, p50Ms, files, megabytes, otherCores };
    }),
  );
  const row = `${thousands(topics * partitionsEach)} partitions`;
  note(`${row} created and written to`, 's', found.seconds, 'less', found);
  note(`${row}, open files then`, 'files', found.files, 'less');
  note(`${row}, memory then (VmRSS)`, 'MB', found.megabytes, 'less');
  note(`Metadata of all of ${row}, p50`, 'ms', found.p50Ms, 'less');
}

export async function wideRequestRows(stage: Stage, sizes: Sizes): Promise<void> {
  const partitions = sizes.count(1000);
  const topic = await stage.topic(partitions);
  const load = { topic, partitions, recordBytes: 1024, batchBytes: 1024, isWide: true };
  const frames = await produceFrames(stage.folder, load);
  const send = (count: number): Promise<Latencies> =>
    rawClient('replay', stage.port, [frames.file], { inFlight: 2, errorAt: frames.errorAt, count });
  // The first ones make the files.
  await send(20);
  const count = 200;
  const measured = await stage.measure(() => send(count));
  const row = `a record to each of ${thousands(partitions)} partitions a request`;
  const all = count * partitions;
  stage.note(row, 'µs/partition', (measured.result.seconds * 1e6) / all, 'less', measured);
  stage.note(`${row}, broker CPU`, 'µs/partition', (measured.cpuSeconds * 1e6) / all, 'less', measured);
  await stage.drop(topic);
}
