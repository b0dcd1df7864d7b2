/** Produce and fetch, by a client that costs next to nothing. */
import { fetchFrame, type Load, produceFrames } from './frames.ts';
import { type Fetched, type Latencies, type RecordLatencies, rawClient } from './raw.ts';
import type { Measured, Stage } from './stage.ts';

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

function noteThroughput(stage: Stage, row: string, measured: Measured<Latencies>, valueBytes: number): void {
  const gigabytes = valueBytes / 1e9;
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

export async function fetchRows(stage: Stage, totalBytes: number): Promise<void> {
  for (const partitions of [1, 6]) {
    const load = { partitions, recordBytes: 1024, batchBytes };
    const { topic, valueBytes } = await produceTo(stage, load, totalBytes);
    const upTo = Math.floor(valueBytes / 1024 / partitions / 64) * 64;
    const file = fetchFrame(stage.folder, topic, partitions);
    const where = partitions === 1 ? '1 partition' : `${partitions} partitions`;
    for (const consumers of partitions === 1 ? [1, 20] : [1]) {
      const read = await stage.measure(() => fetchAgain(stage, file, { consumers, upTo }));
      const gigabytes = read.result.bytes / 1e9;
      const row =
        consumers === 1 ? `fetch from the page cache, ${where}` : `${consumers} consumers of the same data`;
      stage.note(row, 'MB/s', (gigabytes * 1e3) / read.result.seconds, 'more', read);
      stage.note(`${row}, broker CPU`, 's/GB', read.cpuSeconds / gigabytes, 'less', read);
    }
    await stage.drop(topic);
  }
}

/** One read of it alone would be a few ticks of the clock by which Linux counts a process's CPU. */
async function fetchAgain(
  stage: Stage,
  file: string,
  options: { consumers: number; upTo: number },
): Promise<Fetched> {
  const passes = Math.ceil(4 / options.consumers);
  let all: Fetched = { bytes: 0, seconds: 0, cpuSeconds: 0 };
  for (let pass = 0; pass < passes; pass++) {
    const { bytes, seconds, cpuSeconds } = await rawClient<Fetched>('fetch', stage.port, [file], options);
    all = {
      bytes: all.bytes + bytes,
      seconds: all.seconds + seconds,
      cpuSeconds: all.cpuSeconds + cpuSeconds,
    };
  }
  return all;
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
