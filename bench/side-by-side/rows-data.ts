/** Produce and fetch, by a client that costs next to nothing. */
import { fetchFrame, type Load, produceFrames } from './frames.ts';
import { type Fetched, type Latencies, type RecordLatencies, rawClient } from './raw.ts';
import type { ClientFigures, Measured, Stage } from './stage.ts';

const sizeName = (bytes: number): string => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`);
const recordSizes = [100, 1024, 10_240];
export const batchBytes = 64 * 1024;

interface Produced {
  readonly measured: Measured<Latencies>;
  readonly valueBytes: number;
  readonly topic: string;
}

/** Writes so many bytes of values to a topic of its own. */
export async function produceTo(
  stage: Stage,
  load: Omit<Load, 'topic'>,
  totalBytes: number,
  options: Readonly<Record<string, number>> = {},
  configs: Readonly<Record<string, string>> = {},
): Promise<Produced> {
  let topic = '';
  let valueBytes = 0;
  const measured = await stage.measure<Latencies>(async (attempt) => {
    if (attempt > 0) await stage.drop(topic);
    topic = await stage.topic(load.partitions, configs);
    const frames = await produceFrames(stage.folder, { ...load, topic });
    const count = Math.ceil(totalBytes / frames.valueBytes);
    valueBytes = count * frames.valueBytes;
    return rawClient('replay', stage.port, [frames.file], {
      inFlight: 5,
      errorAt: frames.errorAt,
      ...options,
      count,
    });
  });
  return { measured, valueBytes, topic };
}

export async function produceRows(stage: Stage, totalBytes: number): Promise<void> {
  for (const partitions of [1, 6])
    for (const recordBytes of recordSizes) {
      const where = partitions === 1 ? '1 partition' : `${partitions} partitions`;
      const load = { partitions, recordBytes, batchBytes };
      const { measured, valueBytes, topic } = await produceTo(stage, load, totalBytes);
      noteThroughput(stage, `produce ${sizeName(recordBytes)}, ${where}`, measured, valueBytes);
      await stage.drop(topic);
    }
  const lz4 = { partitions: 1, recordBytes: 1024, batchBytes, codec: 'lz4' } as const;
  // Kafka always looks at the records, so it is measured with them in both rows.
  const headerOnly: Record<string, string> =
    stage.broker.name === 'kompakt' ? { 'kompakt.compressed.validation': 'header' } : {};
  const checks = {
    'produce 1 KiB lz4, 1 partition': {},
    'produce 1 KiB lz4, header and CRC only, 1 partition': headerOnly,
  };
  for (const [row, configs] of Object.entries(checks)) {
    const { measured, valueBytes, topic } = await produceTo(stage, lz4, totalBytes, {}, configs);
    noteThroughput(stage, row, measured, valueBytes);
    await stage.drop(topic);
  }
}

function noteThroughput(stage: Stage, row: string, measured: Measured<ClientFigures>, bytes: number): void {
  const gigabytes = bytes / 1e9;
  stage.note(row, 'MB/s', (gigabytes * 1e3) / measured.result.seconds, 'more', measured);
  stage.note(`${row}, broker CPU`, 's/GB', measured.cpuSeconds / gigabytes, 'less', measured);
  stage.note(`${row}, of it in the kernel`, 's/GB', measured.kernelSeconds / gigabytes, 'less', measured);
}

export async function smallRequestRows(stage: Stage, totalRequests: number): Promise<void> {
  for (const inFlight of [1, 64]) {
    const load = { partitions: 1, recordBytes: 1024, batchBytes: 1024 };
    const { measured, topic } = await produceTo(stage, load, totalRequests * 1024, { inFlight });
    const { requests, seconds, p50Us, p99Us } = measured.result;
    const row = `requests of one 1 KiB record, ${inFlight} in flight`;
    stage.note(row, 'requests/s', requests / seconds, 'more', measured);
    stage.note(`${row}, broker CPU`, 'µs/request', (measured.cpuSeconds * 1e6) / requests, 'less', measured);
    stage.note(`${row}, p50`, 'ms', p50Us / 1e3, 'less', measured);
    stage.note(`${row}, p99`, 'ms', p99Us / 1e3, 'less', measured);
    await stage.drop(topic);
  }
}

/** Each is read so often that what it costs is more than a few ticks of the clock by which Linux counts a process's CPU. */
export async function fetchRows(stage: Stage, totalBytes: number): Promise<void> {
  const recentBytes = Math.min(8e6, totalBytes);
  await fetchFrom(stage, { partitions: 1, bytes: totalBytes }, [
    { row: 'fetch from the page cache, 1 partition', consumers: 1, passes: 4 },
    { row: '20 consumers of the same data', consumers: 20, passes: 1 },
  ]);
  await fetchFrom(stage, { partitions: 6, bytes: totalBytes }, [
    { row: 'fetch from the page cache, 6 partitions', consumers: 1, passes: 4 },
  ]);
  await fetchFrom(stage, { partitions: 1, bytes: recentBytes }, [
    {
      row: `fetch of the newest ${recentBytes / 1e6} MB, 1 partition`,
      consumers: 1,
      passes: Math.ceil((4 * totalBytes) / recentBytes),
    },
  ]);
}

interface Reading {
  readonly row: string;
  readonly consumers: number;
  readonly passes: number;
}

/** A topic of so many bytes, just written, and who reads it from its start. */
async function fetchFrom(
  stage: Stage,
  { partitions, bytes }: { partitions: number; bytes: number },
  readings: readonly Reading[],
): Promise<void> {
  const { topic, valueBytes } = await produceTo(stage, { partitions, recordBytes: 1024, batchBytes }, bytes);
  const upTo = Math.floor(valueBytes / 1024 / partitions / 64) * 64;
  const file = fetchFrame(stage.folder, topic, partitions);
  for (const { row, consumers, passes } of readings) {
    const read = await stage.measure<Fetched>(() =>
      rawClient('fetch', stage.port, [file], { consumers, passes, upTo }),
    );
    noteThroughput(stage, row, read, read.result.bytes);
  }
  await stage.drop(topic);
}

export async function latencyRows(stage: Stage, records: number): Promise<void> {
  let topic = '';
  const measured = await stage.measure<RecordLatencies>(async (attempt) => {
    if (attempt > 0) await stage.drop(topic);
    topic = await stage.topic(1);
    const load = { topic, partitions: 1, recordBytes: 1024, batchBytes: 1024 };
    const frames = await produceFrames(stage.folder, load);
    const file = fetchFrame(stage.folder, topic, 1, { maxWaitMs: 10_000 });
    const options = { perSecond: 1000, warm: 1000, count: records, errorAt: frames.errorAt };
    return rawClient('latency', stage.port, [frames.file, file], options);
  });
  const row = '1 KiB at 1000/s, produce to consume';
  const { arrivalp50Us, arrivalp99Us, arrivalp999Us } = measured.result;
  stage.note(`${row}, p50`, 'ms', arrivalp50Us / 1e3, 'less', measured);
  stage.note(`${row}, p99`, 'ms', arrivalp99Us / 1e3, 'less', measured);
  stage.note(`${row}, p99.9`, 'ms', arrivalp999Us / 1e3, 'less', measured);
  await stage.drop(topic);
}
