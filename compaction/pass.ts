import type { Clock } from '../storage/environment/clock.ts';
import type { RandomSource } from '../storage/environment/environment.ts';
import type { FileSystem } from '../storage/environment/files.ts';
import { BatchReader } from './batch-reader.ts';
import {
  CleanAborted,
  type CleanJob,
  type CleanProgress,
  type CleanSegment,
  mapBytesMax,
} from './clean-job.ts';
import { type Kernel, seedBytes, slotBytes } from './kernel.ts';
import { Throttle } from './throttle.ts';

/** What the two halves of a pass (key-index.ts, rewrite.ts) share: the kernel with its map, reading, throttle and progress. */
export interface CleanContext {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly createKernel: () => Kernel;
  /** Asked between chunks. */
  readonly isAborted: () => boolean;
  readonly onProgress?: (progress: CleanProgress) => void;
  /** Awaited between chunks, where others wait for the same thread. */
  readonly giveWay?: () => Promise<void>;
}

/** Read at a time at least: below it the calls cost more than the reading. */
const chunkBytesMin = 64 * 1024;
/** More than one key, whatever the settings say: a pass that cannot move on would never end. */
const slotsMin = 64;
/** Slots for each record of a small range, so that the map is never half full. */
const slotsPerRecord = 2;

export class Pass {
  readonly job: CleanJob;
  readonly context: CleanContext;
  readonly kernel: Kernel;
  readonly throttle: Throttle;
  readonly chunkBytes: number;
  /** Keys that fit. */
  readonly mapCapacity: number;
  bytesRead = 0;
  memoryBytes = 0;
  #phase: CleanProgress['phase'] = 'index';
  #bytesDone = 0;
  #bytesTotal = 0;

  constructor(job: CleanJob, context: CleanContext) {
    const { limits, firstDirtyOffset, firstUncleanableOffset } = job;
    this.job = job;
    this.context = context;
    this.throttle = new Throttle(context.clock, limits.ioBytesPerSecond);
    this.chunkBytes = Math.max(chunkBytesMin, Math.floor(limits.ioBufferBytes / 2));
    const mapBytes = Math.min(limits.dedupeBufferBytes, mapBytesMax);
    const slotsMax = Math.max(slotsMin, Math.floor(mapBytes / slotBytes));
    const slotsWanted = slotsPerRecord * (firstUncleanableOffset - firstDirtyOffset);
    const slots = Math.min(slotsMax, Math.max(slotsMin, slotsWanted));
    this.mapCapacity = Math.max(1, Math.floor(slotsMax * limits.loadFactor));
    this.kernel = context.createKernel();
    this.kernel.begin(slots, Math.min(this.mapCapacity, slots - 1), context.random.bytes(seedBytes));
  }

  /** A half of the pass begins, over these segments. */
  begin(phase: CleanProgress['phase'], segments: readonly CleanSegment[]): void {
    this.#phase = phase;
    this.#bytesDone = 0;
    this.#bytesTotal = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  /**
   * Calls `visit` at each batch of a segment, its codec loaded, until it says false. `between` runs after each chunk; it may write.
   * Offsets ascend within those of the segment: base offsets stand outside of the checksum.
   */
  async read(
    segment: CleanSegment,
    visit: (reader: BatchReader) => boolean,
    between?: () => number,
  ): Promise<void> {
    const { files } = this.context;
    const file = files.openSync(segment.path, 'read');
    try {
      const reader = new BatchReader(this.kernel, file, segment.sizeBytes, this.chunkBytes);
      let nextOffset = segment.baseOffset;
      while (reader.fill()) {
        while (reader.next()) {
          nextOffset = reader.checkOffsets(nextOffset, segment.nextOffset);
          const loading = reader.codecReady();
          if (loading) await loading;
          if (!visit(reader)) return;
        }
        await this.#betweenChunks(reader.filledBytes, between?.() ?? 0);
      }
    } finally {
      file.close();
    }
  }

  async #betweenChunks(bytesRead: number, bytesWritten: number): Promise<void> {
    const { context } = this;
    this.bytesRead += bytesRead;
    this.#bytesDone += bytesRead;
    if (this.kernel.memoryBytes > this.memoryBytes) this.memoryBytes = this.kernel.memoryBytes;
    const bytesTotal = this.#bytesTotal;
    context.onProgress?.({
      phase: this.#phase,
      bytesDone: Math.min(this.#bytesDone, bytesTotal),
      bytesTotal,
    });
    const waiting = this.throttle.spend(bytesRead + bytesWritten, context.isAborted);
    if (waiting) await waiting;
    if (context.giveWay) await context.giveWay();
    if (context.isAborted()) throw new CleanAborted();
  }
}
