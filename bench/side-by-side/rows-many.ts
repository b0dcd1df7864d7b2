/** Many topics, many partitions, many connections. */
import { once } from 'node:events';
import { metadata } from '../../protocol/messages/topics/metadata.ts';
import { apiVersionsFrame, produceFrames } from './frames.ts';
import { memoryOf } from './proc.ts';
import { idleConnections, type Latencies, rawClient } from './raw.ts';
import { appendToAll, createAll, type Stage } from './stage.ts';

export async function topicRows(stage: Stage): Promise<void> {
  const names = Array.from({ length: 1000 }, (_, i) => `many-${i}`);
  const startMs = performance.now();
  await stage.withClient(async (client) => {
    await createAll(client, names, 1);
    await appendToAll(client, names);
  });
  stage.note('1,000 topics created and written to', 's', (performance.now() - startMs) / 1e3, 'less');
  await stage.withClient(async (client) => {
    const tookMs: number[] = [];
    for (let i = 0; i < 60; i++) {
      const fromMs = performance.now();
      await client.requestFrame(metadata, 9, { topics: null, allowAutoTopicCreation: false });
      if (i >= 10) tookMs.push(performance.now() - fromMs);
    }
    tookMs.sort((a, b) => a - b);
    stage.note('Metadata of 1,000 topics, p50', 'ms', tookMs[tookMs.length >> 1]!, 'less');
  });
}

export async function wideRequestRows(stage: Stage): Promise<void> {
  const partitions = 1000;
  const topic = await stage.topic(partitions);
  const frames = await produceFrames(stage.folder, {
    topic,
    partitions,
    recordBytes: 1024,
    batchBytes: 1024,
    isWide: true,
  });
  const send = (count: number): Promise<Latencies> =>
    rawClient('replay', stage.port, [frames.file], { inFlight: 2, errorAt: frames.errorAt, count });
  // The first ones make the files.
  await send(20);
  const count = 200;
  const measured = await stage.measure(() => send(count));
  const perPartition = (measured.cpuSeconds * 1e6) / (count * partitions);
  stage.note(
    'a record to each of 1,000 partitions a request, broker CPU',
    'µs/partition',
    perPartition,
    'less',
    measured,
  );
  await stage.drop(topic);
}

export async function connectionRows(stage: Stage): Promise<void> {
  const connections = 5000;
  const before = memoryOf(stage.broker.pid, 'VmRSS');
  const child = await idleConnections(stage.port, apiVersionsFrame(stage.folder), connections);
  const kilobytes = ((memoryOf(stage.broker.pid, 'VmRSS') - before) * 1e3) / connections;
  stage.note(
    `${connections.toLocaleString('en')} connections, memory`,
    'KB/connection',
    Math.max(0, kilobytes),
    'less',
  );
  child.stdin!.end();
  await once(child, 'close');
}
