/** What goes on in each phase: prepared before it is measured, then run for some seconds, always beside a thousand records a second. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { incrementalAlterConfigs } from '../../protocol/messages/configs/incremental-alter-configs.ts';
import { describeLogDirs } from '../../protocol/messages/topics/describe-log-dirs.ts';
import { fetchFrame, produceFrames } from '../side-by-side/frames.ts';
import { memoryOf } from '../side-by-side/proc.ts';
import { type Fetched, type Latencies, type RecordLatencies, rawClient } from '../side-by-side/raw.ts';
import { batchBytes, produceTo } from '../side-by-side/rows-data.ts';
import type { Stage } from '../side-by-side/stage.ts';

export const phaseNames = [
  'quiet',
  'produce',
  'small',
  'fetch',
  'cold',
  'fsync',
  'cleaner',
  'deletion',
  'retention',
  'dead',
  'all',
] as const;
export type PhaseName = (typeof phaseNames)[number];

/** What is no load of its own kind is left out of all at once: it would leave no processor to the rest. */
const together = ['quiet', 'cold', 'fsync', 'cleaner', 'deletion', 'retention', 'dead'] as const;
const consumers = 4;
const deadConsumers = 50;
const askedEach = 20;
const partitions = 1000;
const oldSegments = 200;

export interface LoadOptions {
  readonly logBytes: number;
  readonly seconds: number;
  readonly dataDirectory: string;
}

/** Runs until `endMs`; what there is to say about it besides. */
type Run = (endMs: number) => Promise<string | null>;

/** Prepares a phase on the stage's broker; what it gives back is then measured. */
export async function loadOf(stage: Stage, phase: PhaseName, options: LoadOptions): Promise<Run> {
  const own = phase === 'all' ? together : [phase];
  const runs: Run[] = [];
  // The one that reads the log comes last: what the others write would push it out of the page cache, or what it reads stay in there.
  for (const each of own.filter((name) => name !== 'cold')) runs.push(await loads[each](stage, options));
  if (own.includes('cold')) runs.push(await loads.cold(stage, options));
  if (phase !== 'quiet' && phase !== 'all') runs.push(await loads.quiet(stage, options));
  return async (endMs) => {
    const notes = await Promise.all(runs.map((run) => run(endMs)));
    return notes.filter((note) => note !== null).join('; ') || null;
  };
}

const loads: Readonly<
  Record<Exclude<PhaseName, 'all'>, (stage: Stage, options: LoadOptions) => Promise<Run>>
> = {
  async quiet(stage, { seconds }) {
    const topic = await stage.topic(1);
    const frames = await produceFrames(stage.folder, {
      topic,
      partitions: 1,
      recordBytes: 1024,
      batchBytes: 1024,
    });
    const file = fetchFrame(stage.folder, topic, 1, { maxWaitMs: 10_000 });
    const options = { perSecond: 1000, warm: 100, count: seconds * 1000, errorAt: frames.errorAt };
    return async () => {
      const { ackp50Us, ackp999Us } = await rawClient<RecordLatencies>(
        'latency',
        stage.port,
        [frames.file, file],
        options,
      );
      return `acknowledged in ${(ackp50Us / 1e3).toFixed(2)} ms (p50), ${(ackp999Us / 1e3).toFixed(1)} ms (p99.9)`;
    };
  },

  produce: (stage) => producing(stage, batchBytes, 5),
  small: (stage) => producing(stage, 1024, 64),

  async fetch(stage) {
    const { topic, valueBytes } = await produceTo(
      stage,
      { partitions: 1, recordBytes: 1024, batchBytes },
      100e6,
    );
    const upTo = Math.floor(valueBytes / 1024 / 64) * 64;
    const file = fetchFrame(stage.folder, topic, 1);
    return async (endMs) => {
      let bytes = 0;
      const startMs = performance.now();
      while (performance.now() < endMs)
        bytes += (await rawClient<Fetched>('fetch', stage.port, [file], { consumers, upTo })).bytes;
      return `${(bytes / 1e9).toFixed(1)} GB read, ${(bytes / 1e3 / (performance.now() - startMs)).toFixed(0)} MB/s`;
    };
  },

  async cold(stage, { logBytes, dataDirectory }) {
    const { topic, valueBytes } = await produceTo(
      stage,
      { partitions: 1, recordBytes: 1024, batchBytes },
      logBytes,
    );
    const upTo = Math.floor(valueBytes / 1024 / 64) * 64;
    const file = fetchFrame(stage.folder, topic, 1);
    return async (endMs) => {
      let bytes = 0;
      const startMs = performance.now();
      while (performance.now() < endMs) {
        dropFromCache(join(dataDirectory, `${topic}-0`));
        const read = await rawClient<Fetched>('fetch', stage.port, [file], { consumers, upTo });
        bytes += read.bytes;
      }
      const rate = bytes / 1e3 / (performance.now() - startMs);
      return `${(bytes / 1e9).toFixed(1)} GB read, ${rate.toFixed(0)} MB/s`;
    };
  },

  async fsync(stage) {
    const policies: Readonly<Record<string, string>>[] = [{ 'flush.messages': '1' }, { 'flush.ms': '50' }];
    const runs = await Promise.all(
      policies.map(async (configs) => {
        const topic = await stage.topic(1, configs);
        return produceFrames(stage.folder, {
          topic,
          partitions: 1,
          recordBytes: 1024,
          batchBytes: 16 * 1024,
        });
      }),
    );
    return async (endMs) => {
      let synced = 0;
      await Promise.all(
        runs.map(async ({ file, errorAt }) => {
          while (performance.now() < endMs)
            synced += (
              await rawClient<Latencies>('replay', stage.port, [file], { inFlight: 5, errorAt, count: 500 })
            ).requests;
        }),
      );
      return `${synced} batches of 16 KiB in topics that are synced`;
    };
  },

  async cleaner(stage) {
    const topic = await stage.topic(1, {
      'cleanup.policy': 'compact',
      'segment.bytes': String(64 * 1024 * 1024),
      'min.cleanable.dirty.ratio': '1',
    });
    const load = { topic, partitions: 1, recordBytes: 100, batchBytes, keys: 200_000 };
    const { file, errorAt, valueBytes } = await produceFrames(stage.folder, load);
    await rawClient('replay', stage.port, [file], { inFlight: 5, errorAt, count: 500e6 / valueBytes });
    const before = await sizeOf(stage, topic);
    return async (endMs) => {
      await setConfig(stage, topic, 'min.cleanable.dirty.ratio', '0.0');
      while (performance.now() < endMs && (await sizeOf(stage, topic)) > before / 2) await pause(50);
      return `${(before / 1e6).toFixed(0)} MB cleaned to ${((await sizeOf(stage, topic)) / 1e6).toFixed(0)} MB`;
    };
  },

  async deletion(stage, { dataDirectory }) {
    const topic = await stage.topic(partitions);
    const load = { topic, partitions, recordBytes: 1024, batchBytes: 1024, isWide: true };
    const { file, errorAt } = await produceFrames(stage.folder, load);
    await rawClient('replay', stage.port, [file], { inFlight: 2, errorAt, count: 10 });
    const left = (): number =>
      readdirSync(dataDirectory).filter((name) => name.startsWith(`${topic}-`)).length;
    return async (endMs) => {
      await stage.drop(topic);
      while (performance.now() < endMs && left() > 0) await pause(50);
      return `${partitions} partitions deleted, ${left()} directories left`;
    };
  },

  async retention(stage, { dataDirectory }) {
    const bytes = 1024 * 1024;
    const topic = await stage.topic(1, { 'segment.bytes': String(bytes) });
    const load = { topic, partitions: 1, recordBytes: 1024, batchBytes };
    const { file, errorAt, valueBytes } = await produceFrames(stage.folder, load);
    // A segment ends where the next batch would not fit.
    const count = Math.ceil((oldSegments * bytes) / valueBytes);
    await rawClient('replay', stage.port, [file], { inFlight: 5, errorAt, count });
    const segments = (): number =>
      readdirSync(join(dataDirectory, `${topic}-0`)).filter((name) => /\.log(\.deleted)?$/.test(name)).length;
    const before = segments();
    return async (endMs) => {
      await setConfig(stage, topic, 'retention.bytes', String(bytes));
      while (performance.now() < endMs && segments() > 3) await pause(50);
      return `${before} segments of 1 MiB, ${segments()} left by retention`;
    };
  },

  async dead(stage) {
    const { topic } = await produceTo(stage, { partitions: 1, recordBytes: 1024, batchBytes }, 100e6);
    const shape = { partitionMaxBytes: 50 * 1024 * 1024 };
    const request = readFileSync(fetchFrame(stage.folder, topic, 1, shape));
    return async (endMs) => {
      const before = memoryOf(stage.broker.pid, 'VmRSS');
      const sockets: Socket[] = [];
      for (let n = 0; n < deadConsumers; n++) {
        const socket = connect(stage.port, '127.0.0.1').pause();
        await once(socket, 'connect');
        for (let i = 0; i < askedEach; i++) socket.write(request);
        sockets.push(socket);
      }
      let most = 0;
      while (performance.now() < endMs) {
        most = Math.max(most, memoryOf(stage.broker.pid, 'VmRSS') - before);
        await pause(50);
      }
      for (const socket of sockets) socket.destroy();
      return `${deadConsumers} consumers that asked ${askedEach} times for 50 MB and read nothing: at most ${most.toFixed(0)} MB more memory`;
    };
  },
};

/** Batches of that size, so many requests under way, as fast as it goes; what was written goes again, else the disk would fill. */
async function producing(stage: Stage, bytes: number, inFlight: number): Promise<Run> {
  const topic = await stage.topic(1, {
    'segment.bytes': String(64 * 1024 * 1024),
    'retention.bytes': '100000000',
  });
  const load = { topic, partitions: 1, recordBytes: 1024, batchBytes: bytes };
  const { file, errorAt } = await produceFrames(stage.folder, load);
  return async (endMs) => {
    let requests = 0;
    const startMs = performance.now();
    const count = Math.ceil(200e6 / Math.max(bytes, 8 * 1024));
    while (performance.now() < endMs)
      requests += (await rawClient<Latencies>('replay', stage.port, [file], { inFlight, errorAt, count }))
        .requests;
    const seconds = (performance.now() - startMs) / 1e3;
    return `${(requests / seconds).toFixed(0)} requests of ${bytes / 1024} KiB a second`;
  };
}

/** So that a read comes from the disk. GNU's dd does that for a file of which it reads nothing. */
function dropFromCache(directory: string): void {
  for (const name of readdirSync(directory).filter((each) => each.endsWith('.log')))
    spawnSync('dd', [`if=${join(directory, name)}`, 'iflag=nocache', 'count=0', 'status=none']);
}

async function sizeOf(stage: Stage, topic: string): Promise<number> {
  const asked = { topics: [{ topic, partitions: [0] }] };
  const { results } = await stage.withClient((client) => client.request(describeLogDirs, 1, asked));
  return results[0]!.topics[0]!.partitions[0]!.partitionSize;
}

/** From here on any dirty byte is enough. */
async function setConfig(stage: Stage, topic: string, name: string, value: string): Promise<void> {
  const configs = [{ name, configOperation: 0, value }];
  const resources = [{ resourceType: 2, resourceName: topic, configs }];
  const { responses } = await stage.withClient((client) =>
    client.request(incrementalAlterConfigs, 1, { resources, validateOnly: false }),
  );
  if (responses[0]!.errorCode !== 0)
    throw new Error(`IncrementalAlterConfigs: ${responses[0]!.errorMessage}`);
}
