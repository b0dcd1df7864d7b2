import type { FileSystem } from '../storage/environment/files.ts';
import { BatchWalk } from '../storage/log/batch-walk.ts';
import type { AbortedTransaction } from '../storage/log/log-types.ts';
import { Segment } from '../storage/log/segment.ts';
import { filePath, segmentSuffixes, suffixes } from '../storage/log/segment-files.ts';
import type { CleanSegment, CleanSettings } from './clean-job.ts';
import type { Kernel } from './kernel.ts';

/**
 * The segment that a group becomes, while it is written: `.log.cleaned` and its indexes. Complete and on the device once
 * `finish` has resolved; until then a start takes it for what an interrupted pass left (storage/log/recovery-files.ts).
 * In a dry run it only counts.
 *
 * A group of one segment is not written as long as all of it stays; when the first batch goes or changes, what came before is
 * copied from the source. So of a log that is large and seldom changes, a pass writes what it changes.
 *
 * Batches that stay as they are and lie one behind the other in the kernel's input are written as one, straight from there.
 */
export interface CleanedSegmentOptions {
  readonly files: FileSystem;
  readonly directory: string;
  /** The group, ascending. */
  readonly sources: readonly CleanSegment[];
  readonly settings: CleanSettings;
  readonly kernel: Pick<Kernel, 'input'>;
  readonly bufferBytes: number;
  readonly isDryRun: boolean;
}

/** As much from the input is worth a write of its own. */
const runBytesMin = 64 * 1024;

export class CleanedSegment {
  sizeBytes = 0;
  /** Written, and read once more to be written. */
  ioBytes = 0;
  readonly #options: CleanedSegmentOptions;
  #segment: Segment | null = null;
  /** So far it is what the beginning of its only source is. */
  #isAsSource: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #buffered = 0;
  /** In the input, still to be written. */
  #runStart = 0;
  #runEnd = 0;

  constructor(options: CleanedSegmentOptions) {
    this.#options = options;
    this.#isAsSource = options.sources.length === 1;
    if (!this.#isAsSource) this.#create();
  }

  /** Adds the batch at `at` of the input, which stands at `position` of its source. The input must last until `endRun`. */
  keep(at: number, bytes: number, position: number): void {
    if (this.#isAsSource && position !== this.sizeBytes) this.#leaveSource();
    this.sizeBytes += bytes;
    if (this.#segment === null) return;
    if (at !== this.#runEnd) {
      this.endRun();
      this.#runStart = at;
    }
    this.#runEnd = at + bytes;
  }

  /** Adds a batch that was not in the source, or not so; its bytes are borrowed for the call. */
  write(bytes: Buffer): void {
    if (this.#isAsSource) this.#leaveSource();
    this.sizeBytes += bytes.length;
    if (this.#segment === null) return;
    this.endRun();
    this.#append(bytes);
  }

  /** Takes over what was kept, before the input changes. */
  endRun(): void {
    if (this.#runEnd > this.#runStart)
      this.#append(this.#options.kernel.input.subarray(this.#runStart, this.#runEnd));
    this.#runStart = this.#runEnd = 0;
  }

  /** The ABORT marker of a transaction of which there is data is the next batch to come. */
  hide(transaction: AbortedTransaction): void {
    if (this.#isAsSource) this.#leaveSource();
    this.#segment?.transactionIndex.append(transaction);
  }

  /** Completes and syncs the files; they count as last written when the last source was. False: it stays as it is, no file was written. */
  async finish(): Promise<boolean> {
    const lastSource = this.#options.sources.at(-1)!;
    if (this.#isAsSource) {
      if (this.sizeBytes === lastSource.sizeBytes) return false;
      this.#leaveSource();
    }
    const segment = this.#segment;
    if (segment === null) return true;
    this.#flush();
    segment.seal();
    for (const file of segment.openFiles) {
      await file.sync();
    }
    segment.file.setModifiedMs(lastSource.modifiedMs);
    segment.close();
    return true;
  }

  discard(): void {
    this.#segment?.close();
  }

  #create(): void {
    const { files, directory, sources, settings, bufferBytes, isDryRun } = this.#options;
    if (isDryRun) return;
    this.#buffer = Buffer.allocUnsafe(bufferBytes);
    this.#segment = Segment.create({
      files,
      directory,
      baseOffset: sources[0]!.baseOffset,
      suffix: suffixes.cleaned,
      indexBytesMax: settings.segmentIndexBytes,
      indexIntervalBytes: settings.indexIntervalBytes,
      rollJitterMs: 0,
      createdMs: 0,
      preallocateBytes: 0,
    });
  }

  /** Something is different from here on: copies the batches up to here. */
  #leaveSource(): void {
    this.#isAsSource = false;
    this.#create();
    if (this.#segment === null || this.sizeBytes === 0) return;
    const { files, sources } = this.#options;
    const source = files.openSync(sources[0]!.path, 'read');
    try {
      const walk = new BatchWalk(source, 0, this.sizeBytes, { whole: true });
      while (walk.next()) this.#append(walk.buffer.subarray(walk.at, walk.at + walk.bytes));
    } finally {
      source.close();
    }
    this.ioBytes += this.sizeBytes;
  }

  /** Adds whole batches. */
  #append(bytes: Buffer): void {
    if (bytes.length > this.#buffer.length - this.#buffered || bytes.length >= runBytesMin) this.#flush();
    if (bytes.length > this.#buffer.length || bytes.length >= runBytesMin) this.#write(bytes);
    else this.#buffered += bytes.copy(this.#buffer, this.#buffered);
  }

  #flush(): void {
    if (this.#buffered > 0) this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Buffer): void {
    const segment = this.#segment!;
    segment.file.writeSync([bytes], segment.size);
    segment.wrote(bytes);
    this.ioBytes += bytes.length;
  }
}

/** Removes what passes left of these segments. What cannot be removed now is at the next start. */
export function removeCleaned(
  files: FileSystem,
  directory: string,
  segments: readonly { readonly baseOffset: number }[],
): void {
  for (const { baseOffset } of segments) {
    for (const suffix of segmentSuffixes) {
      try {
        files.removeFileSync(filePath(files, directory, baseOffset, suffix + suffixes.cleaned));
      } catch {
        // Its name says that it does not count.
      }
    }
  }
}
