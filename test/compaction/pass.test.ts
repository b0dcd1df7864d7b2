import { expect, test } from 'vitest';
import { mapBytesMax } from '../../compaction/clean-job.ts';
import { createKernel } from '../../compaction/create-kernel.ts';
import { slotBytes } from '../../compaction/kernel.ts';
import { Pass } from '../../compaction/pass.ts';
import { simulatedEnvironment } from '../simulation/simulated-environment.ts';
import { generousLimits } from './compacted-log.ts';
import { sampleJob } from './thread-fakes.ts';

function passWith(dedupeBufferBytes: number, records: number): Pass {
  const limits = { ...generousLimits, dedupeBufferBytes };
  const job = { ...sampleJob, firstDirtyOffset: 0, firstUncleanableOffset: records, limits };
  return new Pass(job, { ...simulatedEnvironment(), createKernel, isAborted: () => false });
}

test('of a dedupe buffer, a map takes what its records can need', () => {
  const megabytes = 2 ** 20;
  const few = passWith(128 * megabytes, 1000);
  expect(few.mapCapacity).toBe(Math.floor(Math.floor((128 * megabytes) / slotBytes) * 0.9));
  expect(few.kernel.memoryBytes).toBeLessThan(megabytes);
});

test('a dedupe buffer of more than 2 GiB counts as one of 2 GiB', () => {
  expect(passWith(mapBytesMax, 1000).mapCapacity).toBe(passWith(2 ** 40, 1000).mapCapacity);
  expect(passWith(2 ** 40, 1000).mapCapacity).toBe(Math.floor(Math.floor(mapBytesMax / slotBytes) * 0.9));
});

test('the largest map has room in WebAssembly, and takes no memory before there are keys', () => {
  const { kernel } = passWith(2 ** 40, 2 ** 40);
  expect(kernel.kind).toBe('wasm');
  expect(kernel.memoryBytes).toBeLessThan(2 ** 20);
});
