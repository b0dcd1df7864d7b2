import type { FileSystem } from '../storage/environment/files.ts';
import type { AbortedTransaction } from '../storage/log/log-types.ts';
import { Segment } from '../storage/log/segment.ts';
import { filePath, segmentSuffixes, suffixes } from '../storage/log/segment-files.ts';
import type { CleanSettings } from './clean-job.ts';

/**
 * The segment that a group becomes, while it is written: `.log.cleaned` and its indexes. Complete and on the device once
 * `finish` has resolved; until then a start takes it for what an interrupted pass left (storage/log/recovery-files.ts).
 * In a dry run it only counts.
 */
export interface CleanedSegmentOptions {
  readonly files: FileSystem;
  readonly directory: string;
  readonly baseOffset: number;
  readonly settings: CleanSettings;
  readonly bufferBytes: number;
  readonly isDryRun: boolean;
}

export class CleanedSegment {
  sizeBytes = 0;
  readonly #segment: Segment | null;
  readonly #buffer: Buffer;
  #buffered = 0;

  constructor({ files, directory, baseOffset, settings, bufferBytes, isDryRun }: CleanedSegmentOptions) {
    this.#buffer = isDryRun ? Buffer.alloc(0) : Buffer.allocUnsafe(bufferBytes);
    this.#segment = isDryRun
      ? null
      : Segment.create({
          files,
          directory,
          baseOffset,
          suffix: suffixes.cleaned,
          indexBytesMax: settings.segmentIndexBytes,
          indexIntervalBytes: settings.indexIntervalBytes,
          rollJitterMs: 0,
          createdMs: 0,
          preallocateBytes: 0,
        });
  }

  /** Adds a batch; its bytes are borrowed for the call. */
  append(bytes: Buffer): void {
    this.sizeBytes += bytes.length;
    if (this.#segment === null) return;
    if (bytes.length > this.#buffer.length - this.#buffered) this.#flush();
    if (bytes.length > this.#buffer.length) this.#write(bytes);
    else this.#buffered += bytes.copy(this.#buffer, this.#buffered);
  }

  /** The ABORT marker of a transaction of which there is data is the next batch to come. */
  hide(transaction: AbortedTransaction): void {
    this.#segment?.transactionIndex.append(transaction);
  }

  /** Completes and syncs the files; they count as last written when the last source was. */
  async finish(modifiedMs: number): Promise<void> {
    const segment = this.#segment;
    if (segment === null) return;
    this.#flush();
    segment.seal();
    for (const file of segment.openFiles) {
      await file.sync();
    }
    segment.file.setModifiedMs(modifiedMs);
    segment.close();
  }

  discard(): void {
    this.#segment?.close();
  }

  #flush(): void {
    if (this.#buffered > 0) this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Buffer): void {
    const segment = this.#segment!;
    segment.file.writeSync([bytes], segment.size);
    segment.wrote(bytes);
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
